"""Text tables as people write them: what is looked for, what can be said instead, what is refused."""

from pathlib import Path
from typing import Any

import pytest

from latentia.data.reading.options import options_from
from latentia.data.reading.text_tables import parse_table, read_text_table


def parsed(text: str, **options: Any) -> tuple[dict[str, list[Any]], list[str]]:
    frame, notes = parse_table(text, "it", options_from(options))
    return {name: frame[name].astype(object).where(frame[name].notna(), None).tolist() for name in frame}, notes


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_found(delimiter: str) -> None:
    text = "a,b,c\n1,x,2.5\n3,y y,4.5\n".replace(",", delimiter)
    assert parsed(text)[0] == {"a": [1, 3], "b": ["x", "y y"], "c": [2.5, 4.5]}


def test_text_with_commas_in_quotes_and_other_delimiters_inside() -> None:
    text = 'a;b\n1;"x; y"\n2;"a ""b"""\n'
    assert parsed(text)[0] == {"a": [1, 2], "b": ["x; y", 'a "b"']}


NUMBERS = [
    ("a,b\n1.5,x\n2.25,y\n", [1.5, 2.25]),
    ('a,b\n"1,234.5",x\n"12",y\n', [1234.5, 12]),
    ("a;b\n1,5;x\n2,25;y\n", [1.5, 2.25]),
    ("a;b\n1.234,5;x\n12;y\n", [1234.5, 12]),
    ("a;b\n1.5;x\n2.25;y\n", [1.5, 2.25]),
    ("a;b\n1,234;x\n2,345;y\n", [1.234, 2.345]),
    ('a,b\n"1,234",x\n"2,345",y\n', [1234, 2345]),
    ("a,b\n1 234,x\n2 345,y\n", [1234, 2345]),
    ("a,b\n1'234,x\n-2,y\n", [1234, -2]),
    ("a,b\n1e3,x\n-2.5E-1,y\n", [1000, -0.25]),
    ("a,b\n\u22123,x\n+4,y\n", [-3, 4]),
]


@pytest.mark.parametrize(("text", "want"), NUMBERS)
def test_numbers_by_one_rule_for_the_file(text: str, want: list[float]) -> None:
    assert parsed(text)[0]["a"] == want


def test_a_decimal_comma_is_noted_and_can_be_overruled() -> None:
    text = "a;b\n1,234;x\n2,345;y\n"
    assert parsed(text)[1] == ["numbers are read with a decimal comma; say decimal='.' if that is wrong."]
    assert parsed(text, decimal=".") == ({"a": [1234, 2345], "b": ["x", "y"]}, [])


def test_empty_cells_by_their_usual_names_and_by_others() -> None:
    text = "a,b\n1,?\n,x\nNA,n/a\n4,y\nnull,-\n"
    assert parsed(text)[0] == {"a": [1, None, None, 4, None], "b": [None, "x", None, "y", None]}
    assert parsed("a,b\n-99,NA\n4,DE\n", missing=["-99"])[0] == {"a": [None, 4], "b": ["NA", "DE"]}


def test_types() -> None:
    frame, _ = parse_table("w,n,d,t,c,m\n1,1.0,2020-01-31,true,007,\n2,2,1999-12-31,FALSE,010,3\n", "it", options_from({}))
    assert {name: str(dtype) for name, dtype in frame.dtypes.items()} == {
        "w": "int64", "n": "float64", "d": "datetime64[ns]", "t": "bool", "c": "object", "m": "Int64",
    }  # fmt: skip


def test_the_first_line_is_a_header_unless_it_holds_numbers() -> None:
    assert parsed("39, Private\n50, State\n") == (
        {"column_1": [39, 50], "column_2": ["Private", "State"]},
        ["the first line holds numbers, so it is a row: columns are called column_1, column_2, ..."],
    )
    assert parsed("39,b\n50,c\n", header=True)[0] == {"39": [50], "b": ["c"]}
    assert parsed("a,b\nc,d\n", header=False)[0] == {"column_1": ["a", "c"], "column_2": ["b", "d"]}
    assert parsed("39,b\n50,c\n", header=["age", "kind"])[0] == {"age": [39, 50], "kind": ["b", "c"]}
    assert list(parsed(",a\n1,2\n")[0]) == ["column_1", "a"]


def test_lines_with_one_cell_more_than_the_header() -> None:
    assert parsed("a,b\nr1,1,2\nr2,3,4\n") == (
        {"row_name": ["r1", "r2"], "a": [1, 3], "b": [2, 4]},
        ["lines have one cell more than the header, so the first is taken as the row's name."],
    )
    assert parsed("a,b\n1,2,\n3,4,\n")[0] == {"a": [1, 3], "b": [2, 4]}


def test_a_last_line_that_sums_up_is_left_out() -> None:
    note = "the last line is left out: it says 'Total', so it sums up the others."
    assert parsed("city,n\nBonn,3\nUlm,4\nTotal,7\n") == ({"city": ["Bonn", "Ulm"], "n": [3, 4]}, [note])
    assert parsed("city,n\nTotal,3\nUlm,4\nTotal,7\n")[0]["n"] == [3, 4, 7]
    assert parsed(",n\nBonn,3\n,4\n")[0]["n"] == [3, 4]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_encodings(encoding: str, tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes("größe,n\nklein,1\n“groß”,2\n".encode(encoding))
    material = read_text_table(path, options_from({}))
    assert list(material.frame) == ["größe", "n"]
    assert material.frame["größe"].tolist() == ["klein", "“groß”"]
    assert bool(material.notes) == (encoding == "cp1252")


REFUSED = {
    "a,b\n1,2\n3\n": "it has 1 cell in line 3, wanted 2; correct that line, put quotes around cells that hold ',', or say "
    "which sign is the delimiter.",
    "a,b\n1,2\n3,4,5\n6,7\n": "it has 3 cells in line 3, wanted 2; correct that line, put quotes around cells that hold "
    "',', or say which sign is the delimiter.",
    'a,b\n1,"2\n3,4\n': "it cannot be read at line 3: a quote that never closes; correct it.",
    "a,a\n1,2\n": "it calls two columns 'a'; rename one.",
    "a,b\n": "it has a header and no rows; give a file with rows.",
    " \n\n": "it holds nothing but blanks; give a file with rows.",
}


@pytest.mark.parametrize("text", REFUSED)
def test_what_is_refused(text: str, refused: Any) -> None:
    with refused(REFUSED[text]):
        parsed(text)


def test_a_header_of_another_length_is_refused(refused: Any) -> None:
    with refused("header holds 1 different names, it has 2 columns; name each."):
        parsed("1,2\n", header=["a", "a"])
