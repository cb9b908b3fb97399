"""What ``latentia infer`` does, once its arguments are read."""

import csv
import io
import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

from rich.console import Console

from latentia.core.errors import DataError, LatentiaError
from latentia.runs import Check, load

Findings = dict[str, str]
# A name runs up to the first equals sign, a value up to the next comma: names may hold commas, and values equals signs.
FINDING = re.compile(r"\s*([^=]*[^=\s])\s*=\s*([^,]*[^,\s])\s*(?:,|$)")


def infer_command(folder: Path, observe: list[str], top: int, check: str, draws: int, as_json: bool, seed: int) -> None:
    """Answer for one case, or for each case of a file.

    Raises:
        LatentiaError: findings that cannot be read, or what ``Run.infer`` refuses.
    """
    cases = read_observed(observe)
    run = load(folder)
    found = []
    for number, case in enumerate(cases, 1):
        try:
            found.append(run.infer(case, top, cast("Check", check), draws, seed))
        except LatentiaError as error:
            raise LatentiaError(f"case {number}: {error}" if len(cases) > 1 else str(error)) from None
    if as_json:
        out: Any = [one.to_dict() for one in found]
        text = json.dumps(out if _is_file(observe) else out[0], indent=2, ensure_ascii=False, allow_nan=False)
        sys.stdout.write(text + "\n")
        return
    for one in found:
        Console().print(one.table())
        for line in one.lines():
            Console().print(line, highlight=False, soft_wrap=True)


def read_observed(observe: Sequence[str]) -> list[Findings]:
    """The cases that ``--observe`` names: one from "name=value" texts, or those of a file.

    Raises:
        LatentiaError: no "=", a name that comes twice, or a file beside other findings.
        DataError: a file that cannot be read.
    """
    if _is_file(observe):
        if len(observe) > 1:
            raise LatentiaError("--observe names a file and other findings; put them all into the file, or give none.")
        return read_cases(Path(observe[0][1:]))
    findings: Findings = {}
    for text in observe:
        for name, value in parse_findings(text):
            if name in findings:
                raise LatentiaError(f"--observe: {name!r} is named twice; say each finding once.")
            findings[name] = value
    return [findings]


def parse_findings(text: str) -> list[tuple[str, str]]:
    """(name, value) pairs of one text.

    >>> parse_findings("fever=1, back pain=0")
    [('fever', '1'), ('back pain', '0')]
    >>> parse_findings("cough, dry=yes,fever=no")
    [('cough, dry', 'yes'), ('fever', 'no')]

    Raises:
        LatentiaError: it is none.
    """
    pairs, at = [], 0
    while at < len(text):
        found = FINDING.match(text, at)
        if found is None:
            raise LatentiaError(f"--observe wants name=value, got {text!r}; for example --observe fever=1 --observe cough=0")
        pairs.append((found[1], found[2]))
        at = found.end()
    if not pairs:
        raise LatentiaError("--observe wants name=value, got nothing; leave it out to see the prior.")
    return pairs


def read_cases(path: Path) -> list[Findings]:
    """Cases from a .json list of objects (or one object), or a .csv with a column a name; what is blank was not observed.

    Raises:
        DataError: no such file, another ending, or another content.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(
            f"{path} cannot be read ({getattr(error, 'strerror', None) or 'no UTF-8 text'}); check the path."
        ) from None
    if path.suffix == ".csv":
        table = csv.DictReader(io.StringIO(text, newline=""), strict=True)
        try:
            rows = list(table)
        except csv.Error as error:
            raise DataError(f"{path} is no CSV ({error}, line {table.line_num}); mend that line.") from None
        _check_said_once(path, list(table.fieldnames or []))
        if any(None in row or None in row.values() for row in rows):
            raise DataError(f"{path} has a row with more or fewer values than names; give each name a column.")
        cases: Any = rows
    elif path.suffix == ".json":
        try:
            cases = json.loads(text, object_pairs_hook=lambda pairs: _each_once(path, pairs))
        except DataError:
            raise
        except (ValueError, RecursionError) as error:
            raise DataError(f"{path} is not JSON ({str(error).splitlines()[0]}); wanted a list of objects.") from None
        cases = [cases] if isinstance(cases, dict) else cases
    else:
        raise DataError(f"{path} ends in {path.suffix or 'nothing'}, wanted .json or .csv.")
    if not isinstance(cases, list) or not cases or not all(isinstance(case, dict) for case in cases):
        raise DataError(f"{path} holds no list of cases, wanted at least one, each with its findings by name.")
    return [{str(k): _said(v) for k, v in case.items() if v is not None and str(v).strip()} for case in cases]


def _each_once(path: Path, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    _check_said_once(path, [name for name, _ in pairs])
    return dict(pairs)


def _check_said_once(path: Path, names: list[str]) -> None:
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise DataError(f"{path} says {twice!r} more than once in a case; leave one of them out.")


def _said(value: object) -> str:
    """A value as a person would write it: JSON's 1.0 and true are 1 and true."""
    if isinstance(value, bool):
        return str(value).lower()
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value).strip()


def _is_file(observe: Sequence[str]) -> bool:
    return any(text.startswith("@") for text in observe)
