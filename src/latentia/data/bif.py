"""A reader of Bayesian networks in the interchange format 0.15 (Cozman 1997, The Interchange Format for Bayesian Networks).

Commas and bars separate as blanks do; names may hold any other character, or stand in quotes. The numbers after ``table``
are in the format's order: the variable's own state changes slowest, the last parent's fastest.
"""

import gzip
import math
import re
from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

from latentia.core.errors import DataError, nearest
from latentia.data.readers import CURE, DAMAGE

# Of text, unpacked; and of all tables, which a line of defaults fills at no cost to its author.
MOST_BYTES, MOST_CELLS = 2**25, 2**22
TOLERANCE = 1e-3
TOKEN = re.compile(
    r'(?P<skip>[\s,|]+|//[^\n]*|/\*.*?\*/)|"(?P<quoted>[^"]*)"|(?P<mark>[{}()\[\];])|(?P<word>[^\s{}()\[\]|,;"]+)|(?P<bad>.)',
    re.DOTALL,
)
END = ""


class Token(NamedTuple):
    """A word, a mark or the end, with its line; a quoted word is never a keyword."""

    text: str
    line: int
    quoted: bool = False

    def is_(self, mark: str) -> bool:
        return self.text == mark and not self.quoted


class Entry(NamedTuple):
    """Numbers of a probability block: of its whole table, its default row, or the row of one configuration."""

    kind: str
    given: list[str]
    numbers: list[float]
    line: int


class Block(NamedTuple):
    """A probability block: names as they stand there, the variable's own first."""

    names: list[str]
    entries: list[Entry]
    line: int


def read_bif(path: Path) -> list[dict[str, Any]]:
    """The variables of a .bif file, gzipped or not: {"name", "states", "parents", "table"} each, in the order declared.

    Raises:
        DataError: unreadable, too large, or no network; the message has the line.
    """
    return _Parser(path, _text(path)).network()


def _text(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            packed = stream.read(2) == b"\x1f\x8b"
        # Never more than the limit is unpacked, whatever a small file claims to hold.
        with gzip.open(path) if packed else path.open("rb") as stream:
            content = stream.read(MOST_BYTES + 1)
    except DAMAGE as error:
        raise DataError(f"{path} cannot be read ({type(error).__name__}); {CURE}") from error
    if len(content) > MOST_BYTES:
        raise DataError(f"{path} holds more than {MOST_BYTES >> 20} MiB of text, which no network here needs; {CURE}")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise DataError(f"{path}, line {line}: byte {error.start} is no UTF-8 text; {CURE}") from error


class _Parser:
    def __init__(self, path: Path, text: str) -> None:
        self.path = path
        self.tokens = self.scan(text)
        self.token = next(self.tokens)

    def fail(self, line: int, message: str) -> DataError:
        return DataError(f"{self.path}, line {line}: {message}")

    def scan(self, text: str) -> Iterator[Token]:
        line, at = 1, 0
        for found in TOKEN.finditer(text):
            line, at = line + text.count("\n", at, found.start()), found.start()
            if found["bad"] is not None:
                raise self.fail(line, f"a quote is opened and never closed; {CURE}")
            if found["quoted"] is not None:
                yield Token(found["quoted"], line, quoted=True)
            elif found["skip"] is None:
                if found[0].startswith("/*"):
                    raise self.fail(line, f"a comment is opened and never closed; {CURE}")
                yield Token(found[0], line)
        yield Token(END, line + text.count("\n", at))

    def take(self) -> Token:
        token = self.token
        if not token.is_(END):
            self.token = next(self.tokens)
        return token

    def expect(self, mark: str) -> Token:
        token = self.take()
        if not token.is_(mark):
            raise self.fail(token.line, f"wanted {mark!r}, came {_shown(token)}; {CURE}")
        return token

    def until(self, mark: str) -> list[Token]:
        """Words before ``mark``, which is taken, too."""
        words = []
        while not self.token.is_(mark):
            token = self.take()
            if token.is_(END) or (token.text in "{}()[];" and not token.quoted):
                raise self.fail(token.line, f"wanted {mark!r}, came {_shown(token)}; {CURE}")
            words.append(token)
        self.take()
        return words

    def network(self) -> list[dict[str, Any]]:
        states: dict[str, list[str]] = {}
        blocks: dict[str, Block] = {}
        while not self.token.is_(END):
            token = self.take()
            if token.is_("network"):
                self.until("{")
                while not self.token.is_("}"):
                    self.property()
                self.take()
            elif token.is_("variable"):
                name, values = self.variable()
                if name.text in states:
                    raise self.fail(name.line, f"variable {name.text!r} was declared before; {CURE}")
                states[name.text] = values
            elif token.is_("probability"):
                block = self.probability(token.line)
                if block.names[0] in blocks:
                    raise self.fail(token.line, f"a second table of {block.names[0]!r}; {CURE}")
                blocks[block.names[0]] = block
            else:
                raise self.fail(token.line, f"wanted network, variable or probability, came {_shown(token)}; {CURE}")
        return self.resolved(states, blocks)

    def property(self) -> None:
        """Whatever a property says is not needed."""
        token = self.take()
        if not token.is_("property"):
            raise self.fail(token.line, f"wanted a property or '}}', came {_shown(token)}; {CURE}")
        while not self.token.is_(";"):
            if self.take().is_(END):
                raise self.fail(token.line, f"a property never ends; {CURE}")
        self.take()

    def variable(self) -> tuple[Token, list[str]]:
        name, values = self.name(), None
        self.expect("{")
        while not self.token.is_("}"):
            if not self.token.is_("type"):
                self.property()
                continue
            line = self.take().line
            self.expect("discrete")
            self.expect("[")
            count = self.take()
            self.expect("]")
            self.expect("{")
            values = [token.text for token in self.until("}")]
            self.expect(";")
            if count.text != str(len(values)):
                raise self.fail(line, f"{name.text!r} says {_shown(count)} states and lists {len(values)}; {CURE}")
            if len(set(values)) < len(values) or not all(values):
                raise self.fail(line, f"the states of {name.text!r} are not all different names; {CURE}")
        self.take()
        if not values:
            raise self.fail(name.line, f"variable {name.text!r} has no states; {CURE}")
        return name, values

    def name(self) -> Token:
        token = self.take()
        if not token.text or (token.text in "{}()[];" and not token.quoted):
            raise self.fail(token.line, f"wanted a name, came {_shown(token)}; {CURE}")
        return token

    def probability(self, line: int) -> Block:
        self.expect("(")
        names = [token.text for token in self.until(")")]
        if not names:
            raise self.fail(line, f"a probability of nothing; {CURE}")
        self.expect("{")
        entries: list[Entry] = []
        while not self.token.is_("}"):
            token = self.token
            if token.is_("("):
                self.take()
                given = [word.text for word in self.until(")")]
                entries.append(Entry("row", given, self.numbers(), token.line))
            elif token.is_("table") or token.is_("default"):
                self.take()
                entries.append(Entry(token.text, [], self.numbers(), token.line))
            else:
                self.property()
        self.take()
        return Block(names, entries, line)

    def numbers(self) -> list[float]:
        values = []
        for token in self.until(";"):
            try:
                value = float(token.text)
            except ValueError:
                raise self.fail(token.line, f"wanted a number, came {_shown(token)}; {CURE}") from None
            if not 0 <= value <= 1:
                raise self.fail(token.line, f"{token.text} is no probability; {CURE}")
            values.append(value)
        return values

    def resolved(self, states: dict[str, list[str]], blocks: dict[str, Block]) -> list[dict[str, Any]]:
        if not states:
            raise DataError(f"{self.path} declares no variable; {CURE}")
        for block in blocks.values():
            for name in block.names:
                if name not in states:
                    raise self.fail(block.line, f"there is no variable {name!r}; {nearest(name, list(states))}")
        variables, cells = [], 0
        for name, own in states.items():
            if name not in blocks:
                raise DataError(f"{self.path} has no probability of {name!r}; {CURE}")
            block = blocks[name]
            if len(set(block.names)) < len(block.names):
                raise self.fail(block.line, f"a variable is named twice; {CURE}")
            parents = [states[parent] for parent in block.names[1:]]
            cells += math.prod(len(each) for each in parents) * len(own)
            if cells > MOST_CELLS:
                raise self.fail(block.line, f"the tables up to here have more than {MOST_CELLS} cells; make them smaller.")
            table = self.table(block, own, parents)
            variables.append({"name": name, "states": own, "parents": block.names[1:], "table": table})
        return variables

    def table(self, block: Block, own: Sequence[str], parents: Sequence[Sequence[str]]) -> list[list[float]]:
        """Rows over the parents' configurations, the last parent's state changing fastest."""
        kinds = [entry.kind for entry in block.entries]
        if "table" in kinds:
            if len(kinds) > 1:
                raise self.fail(block.line, f"{block.names[0]!r} has a whole table and more; {CURE}")
            return self.whole(block.entries[0], len(own), math.prod(len(each) for each in parents))
        rows: dict[tuple[str, ...], list[float]] = {}
        default = None
        for entry in block.entries:
            self.check_row(entry, entry.numbers, len(own))
            if entry.kind == "default":
                default = entry.numbers
                continue
            given = tuple(entry.given)
            fits = len(given) == len(parents)
            if not fits or not all(state in known for state, known in zip(given, parents, strict=True)):
                raise self.fail(entry.line, f"({', '.join(given)}) is no configuration of the parents; {CURE}")
            if given in rows:
                raise self.fail(entry.line, f"({', '.join(given)}) comes twice; {CURE}")
            rows[given] = entry.numbers
        out = []
        for given in product(*parents):
            row = rows.get(given, default)
            if row is None:
                raise self.fail(block.line, f"{block.names[0]!r} has no row for ({', '.join(given)}) and no default; {CURE}")
            out.append(list(row))
        return out

    def whole(self, entry: Entry, columns: int, rows: int) -> list[list[float]]:
        if len(entry.numbers) != rows * columns:
            raise self.fail(entry.line, f"{len(entry.numbers)} numbers, wanted {rows * columns}; {CURE}")
        table = [entry.numbers[row::rows] for row in range(rows)]
        for row in table:
            self.check_row(entry, row, columns)
        return table

    def check_row(self, entry: Entry, row: Sequence[float], columns: int) -> None:
        if len(row) != columns:
            raise self.fail(entry.line, f"{len(row)} numbers for {columns} states; {CURE}")
        if abs(math.fsum(row) - 1) > TOLERANCE:
            raise self.fail(entry.line, f"probabilities sum to {math.fsum(row):.6g}, wanted 1; {CURE}")


def _shown(token: Token) -> str:
    if not token.text and not token.quoted:
        return "the end of the file"
    return repr(token.text if len(token.text) <= 40 else token.text[:40] + "...")
