"""The interchange format of Bayesian networks: what it may hold, and how damage is told."""

import gzip
from pathlib import Path

import pytest

from latentia.core.errors import DataError
from latentia.data import bif, known_model
from latentia.data.bif import read_bif
from latentia.models import BayesNet

ODD = """// a comment, { with marks ;
network "of \\ odd names" { property version 0.15 ; property "a } in quotes; and more" ; }
variable Chest-X/ray {
  type discrete [ 3 ] { <5, 5-12, 12+ };
  property position = (17, 3) ;
}
/* over
   lines } */
variable "blood pressure" { type discrete[2] { "very high" "table" }; }
variable default { property x; type discrete [2] {TRUE, FALSE}; }
probability ( Chest-X/ray | "blood pressure", default ) {
  default 0.2, 0.3, 5e-1;
  ("very high", FALSE) 1, 0, 0;
  (table, TRUE) .1 .1 .8;
}
probability ( "blood pressure" ) { table 0.25, 0.75; }
probability ( default "blood pressure" ) { table 0.6 0.05 0.4 0.95 ; }
"""
SMALL = """network n {
}
variable a {
  type discrete [ 2 ] { x, y };
}
variable b {
  type discrete [ 2 ] { u, v };
}
probability ( a ) {
  table 0.5, 0.5;
}
probability ( b | a ) {
  (x) 0.1, 0.9;
  (y) 0.2, 0.8;
}
"""


def written(folder: Path, text: str | bytes, name: str = "net.bif") -> Path:
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def test_odd_names_comments_properties_and_defaults(tmp_path: Path) -> None:
    xray, pressure, third = read_bif(written(tmp_path, ODD))
    assert (xray["name"], xray["states"]) == ("Chest-X/ray", ["<5", "5-12", "12+"])
    assert xray["parents"] == ["blood pressure", "default"]
    assert xray["table"] == [[0.2, 0.3, 0.5], [1, 0, 0], [0.1, 0.1, 0.8], [0.2, 0.3, 0.5]]
    assert pressure == {"name": "blood pressure", "states": ["very high", "table"], "parents": [], "table": [[0.25, 0.75]]}
    # Cozman's own example: the variable's own state changes slowest.
    assert third["table"] == [[0.6, 0.4], [0.05, 0.95]]
    assert BayesNet([xray, pressure, third]).sizes == [3, 2, 2]


def test_the_last_parent_changes_fastest_in_a_whole_table(tmp_path: Path) -> None:
    """Charniak (1991), Bayesian networks without tears: dog-out given bowel-problem and family-out."""
    names = "".join(f"variable {v} {{ type discrete [2] {{ true, false }}; }}\n" for v in ("dog", "bowel", "family"))
    text = names + "probability (bowel) { table .01 .99; } probability (family) { table .15 .85; }\n"
    text += "probability (dog | bowel, family) { table 0.99 0.97 0.9 0.3 0.01 0.03 0.1 0.7; }"
    dog = read_bif(written(tmp_path, text))[0]
    assert dog["table"] == [[0.99, 0.01], [0.97, 0.03], [0.9, 0.1], [0.3, 0.7]]


def test_packed_with_a_mark_of_order_or_with_other_line_ends_it_is_the_same(tmp_path: Path) -> None:
    plain = read_bif(written(tmp_path, SMALL))
    assert read_bif(written(tmp_path, gzip.compress(SMALL.encode()), "n.bif.gz")) == plain
    assert read_bif(written(tmp_path, b"\xef\xbb\xbf" + SMALL.replace("\n", "\r\n").encode())) == plain
    # Blocks may come in any order.
    head, first, second = SMALL.partition("probability ( a )")
    at = head.index("variable a")
    assert read_bif(written(tmp_path, first + second + head[at:])) == plain
    assert known_model(str(tmp_path / "n.bif.gz")) == ("bayes-net", {"variables": plain})


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ("variable b", "variabel b", 6, "wanted network, variable or probability, came 'variabel'"),
        ("[ 2 ] { x, y }", "[ 3 ] { x, y }", 4, "says '3' states and lists 2"),
        ("{ x, y }", "{ x, x }", 4, "not all different"),
        ("discrete [ 2 ] { x", "continuous [ 2 ] { x", 4, "wanted 'discrete', came 'continuous'"),
        ("variable b", "variable a", 6, "'a' was declared before"),
        ("  type discrete [ 2 ] { u, v };\n", "", 6, "'b' has no states"),
        ("0.5, 0.5", "0.5, 0.6", 10, "sum to 1.1"),
        ("0.5, 0.5", "0.5, 0.5, 0", 10, "3 numbers, wanted 2"),
        ("0.5, 0.5;", "0.5, half;", 10, "wanted a number, came 'half'"),
        ("0.5, 0.5;", "1.5, -0.5;", 10, "1.5 is no probability"),
        ("0.5, 0.5;", "nan, 0.5;", 10, "nan is no probability"),
        ("0.5, 0.5;", "0.5, 0.5", 11, "wanted ';', came '}'"),
        ("( b | a )", "( b | c )", 12, "no variable 'c'"),
        ("( b | a )", "( b | a, a )", 12, "named twice"),
        ("( b | a )", "( a )", 12, "a second table of 'a'"),
        ("(x) 0.1, 0.9;\n", "", 12, r"no row for \(x\) and no default"),
        ("(y)", "(x)", 14, "comes twice"),
        ("(y)", "(z)", 14, "no configuration of the parents"),
        ("(y)", "(y, y)", 14, "no configuration of the parents"),
        ("(y) 0.2, 0.8;", "(y) 0.2, 0.7, 0.1;", 14, "3 numbers for 2 states"),
        ("(y) 0.2, 0.8;", "(y) 0.2, 0.7;", 14, "sum to 0.9"),
        ("(y) 0.2, 0.8;", "table 0.2, 0.8;", 12, "a whole table and more"),
        ("(y) 0.2, 0.8;\n}", "(y) 0.2, 0.8;\n", 16, "wanted a property or '}', came the end"),
        ("network n {", "network n { /* ", 1, "a comment is opened and never closed"),
        ("network n {", 'network "n {', 1, "a quote is opened and never closed"),
        ("network n {", "network n { property ;;", 1, "wanted a property or '}', came ';'"),
    ],
)
def test_damage_is_told_by_its_line(tmp_path: Path, old: str, new: str, line: int, message: str) -> None:
    assert old in SMALL
    path = written(tmp_path, SMALL.replace(old, new, 1))
    with pytest.raises(DataError, match=rf"net\.bif, line {line}: .*{message}") as caught:
        read_bif(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("keep", range(20, len(SMALL) - 2, 7))
def test_wherever_a_file_is_cut_it_is_refused(tmp_path: Path, keep: int) -> None:
    with pytest.raises(DataError, match=r"net\.bif"):
        read_bif(written(tmp_path, SMALL[:keep]))


def test_what_is_no_text_is_refused(tmp_path: Path) -> None:
    for content, message in (
        (b"", "declares no variable"),
        (b"network\n\xff\xfe", "line 2: byte 8 is no UTF-8"),
        (gzip.compress(SMALL.encode())[:40], "cannot be read"),
        (b"\x1f\x8bnonsense", "cannot be read"),
        (bytes(range(1, 128)), "line 1"),
    ):
        with pytest.raises(DataError, match=message):
            read_bif(written(tmp_path, content))
    with pytest.raises(DataError, match="cannot be read"):
        read_bif(tmp_path)


def test_a_bomb_is_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bif, "MOST_BYTES", 2**20)
    path = written(tmp_path, gzip.compress(b" " * 2**26), "bomb.bif.gz")
    assert path.stat().st_size < 2**17
    with pytest.raises(DataError, match="more than 1 MiB of text"):
        read_bif(path)


def test_a_table_that_defaults_would_fill_without_end_is_refused(tmp_path: Path) -> None:
    variables = "".join(f"variable v{i} {{ type discrete [2] {{ a, b }}; }}\n" for i in range(40))
    names = ", ".join(f"v{i}" for i in range(1, 40))
    tables = "".join(f"probability ( v{i} ) {{ table 0.5, 0.5; }}\n" for i in range(1, 40))
    text = f"{variables}probability ( v0 | {names} ) {{ default 0.5, 0.5; }}\n{tables}"
    with pytest.raises(DataError, match="line 41: the tables up to here have more than 4194304 cells"):
        read_bif(written(tmp_path, text))
