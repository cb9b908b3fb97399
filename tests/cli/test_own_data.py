"""The page on one's own data, as it stands: its Python runs, its commands run, and what it shows is what is printed."""

import io
import re
from contextlib import redirect_stdout
from pathlib import Path

import pytest

from latentia.cli.app import _run

PAGE = Path(__file__).parents[2] / "docs" / "your-data.md"
BLOCKS = re.findall(r"(?sm)^```(\w*)\n(.*?)^```$", PAGE.read_text(encoding="utf-8"))
TABLE = "column    kind"


@pytest.fixture(scope="module")
def printed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The page's blocks, run from top to bottom in an empty folder."""
    folder = tmp_path_factory.mktemp("page")
    names: dict[str, object] = {}
    out = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out):
        patch.chdir(folder)
        patch.setenv("COLUMNS", "110")
        for language, text in BLOCKS:
            if language == "python":
                exec(compile(text, str(PAGE), "exec"), names)
            for line in text.strip().splitlines() if text.startswith("latentia") else ():
                assert _run(line.split()[1:]) == 0
    return folder, out.getvalue()


def test_what_the_page_shows_is_what_is_printed(printed: tuple[Path, str]) -> None:
    shown = next(text for _, text in BLOCKS if text.startswith(TABLE)).splitlines()
    lines = [" ".join(line.split()) for line in printed[1].splitlines()]
    for line in shown:
        want = " ".join(line.split()).removesuffix("...").rstrip(", ")
        assert any(found.startswith(want) for found in lines), f"{want!r} is not in\n{printed[1]}"
    assert "240 / 30 / 30 rows for train / valid / test" in lines


def test_the_page_leaves_its_files(printed: tuple[Path, str]) -> None:
    folder, _ = printed
    assert (folder / "run" / "report.html").is_file()
    head, *rows = (folder / "z.csv").read_text().splitlines()
    assert head == "row,label,mean_0,mean_1,sd_0,sd_1"
    assert len(rows) == 300
    assert {row.split(",")[1] for row in rows} == {"basic", "plus"}


def test_mistakes_are_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.csv").write_bytes(b"%PDF-1.4 ...")
    (tmp_path / "b.csv").write_text("x,y\n" + "\n".join(f"{i % 7},{i % 5}" for i in range(40)))
    (tmp_path / "climb.json").write_text('{"data": {"path": "../b.csv"}}')
    mistakes = {
        ("fit", "a.csv"): "a.csv is a PDF, whatever its name says; export the table from it as CSV.",
        ("fit", "c.csv"): "c.csv does not exist; check the path.",
        ("fit", "b.csv", "--set", "data.label=z"): "label is 'z', which is no column; known: x, y",
        ("fit", "b.csv", "--set", "data.kinds.z=real"): "kinds names a column 'z', which is not there; known: x, y",
        ("fit", "b.csv", "--set", "data.kinds.x=rael"): "kinds says 'rael' of column 'x'; did you mean 'real'?",
        ("fit", "b.csv", "--set", "data.lable=x"): "--set data.lable: unknown key; did you mean 'data.label'?",
        ("fit", "climb.json"): "climb.json names data.path '../b.csv', which leads out of the recipe's folder; put the data "
        "beside it, or say --set data.path=... yourself.",
    }
    for arguments, message in mistakes.items():
        assert _run(list(arguments)) == 1
        assert capsys.readouterr().err == f"latentia: {message}\n"
