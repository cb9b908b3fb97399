"""The pages under docs say what the code says: their generated tables are current, and their Python runs."""

import re
from collections.abc import Iterable
from pathlib import Path

import pytest

from latentia.distributions import DISTRIBUTIONS
from latentia.distributions.kl import PAIRS

DOCS = Path(__file__).parent.parent / "docs"
PAGE = DOCS / "distributions.md"


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    head = list(head)
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def distributions() -> str:
    rows = []
    for name, entry in DISTRIBUTIONS.items():
        cls = type(entry.example())
        home = "torch" if cls.__module__.startswith("torch") else "latentia"
        rows.append([name, f"`{home}.distributions.{cls.__name__}`", str(entry.how), f"`{entry.formula}`", entry.source])
    return table(["name", "class", "reparameterized by", "a draw (for counts, the mass)", "source"], rows)


def divergences() -> str:
    return table(["q", "p", "how"], [[f"`{q.__name__}`", f"`{p.__name__}`", str(how)] for (q, p), how in PAIRS.items()])


GENERATED = {"distributions": distributions, "divergences": divergences}


def between(name: str) -> re.Pattern[str]:
    return re.compile(rf"(?s)(<!-- {name}: begin -->\n).*?(<!-- {name}: end -->)")


@pytest.mark.parametrize("name", GENERATED)
def test_the_tables_are_those_of_the_code(name: str) -> None:
    found = between(name).search(PAGE.read_text(encoding="utf-8"))
    assert found is not None
    want = f"<!-- {name}: begin -->\n{GENERATED[name]()}\n<!-- {name}: end -->"
    assert found.group(0) == want, "run: python tests/test_docs.py"


def test_the_python_of_the_page_runs() -> None:
    for code in re.findall(r"(?sm)^```python\n(.*?)^```$", PAGE.read_text(encoding="utf-8")):
        exec(compile(code, str(PAGE), "exec"), {})


if __name__ == "__main__":  # brings the tables up to date
    text = PAGE.read_text(encoding="utf-8")
    for name, make in GENERATED.items():
        text = between(name).sub(lambda m, make=make: f"{m[1]}{make()}\n{m[2]}", text)
    PAGE.write_text(text, encoding="utf-8")
