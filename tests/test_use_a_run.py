"""The page about using a run says what can be typed: its commands are run one after another, and then its Python."""

import re
import shlex
import shutil
from pathlib import Path

import pytest

from latentia.cli import main
from latentia.cli.app import app

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "use-a-run.md").read_text(encoding="utf-8")
FENCES: list[tuple[str, str]] = re.findall(r"(?sm)^```(\w*)\n(.*?)^```$", PAGE)
COMMANDS = [line for kind, text in FENCES if not kind for line in text.splitlines() if line.startswith("latentia")]
# A fit takes long and graphs need a runtime; both have tests of their own.
SHORTER = {"latentia fit digits": "", "latentia export": " --format safetensors"}


def test_what_the_page_says_can_be_typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(ROOT / "tests" / "runs" / "format-1", tmp_path / "runs" / "digits")
    monkeypatch.chdir(tmp_path)
    assert len(COMMANDS) == 8
    for line in COMMANDS:
        shorter = next((more for start, more in SHORTER.items() if line.startswith(start)), None)
        if shorter == "":
            continue
        with pytest.raises(SystemExit) as done:
            main(shlex.split(line + (shorter or ""))[1:])
        assert done.value.code == 0, line
    names = {path.name for path in tmp_path.iterdir()}
    assert {"z.csv", "samples.png", "samples.npz", "walk.png", "walk.npz", "near.csv", "near.png", "digits-export"} <= names
    known: dict[str, object] = {}
    for kind, text in FENCES:
        if kind == "python":
            exec(compile(text, "docs/use-a-run.md", "exec"), known)
    assert getattr(known["strip"], "shape", None) == (9, 1, 8, 8)
    assert (tmp_path / "digits-export" / "export.json").is_file()


def test_every_command_of_the_table_exists_or_is_a_heading() -> None:
    told = re.findall(r"\[`latentia (\w+)`\]\(#(\w+)\)", PAGE)
    headings = {heading.lower() for heading in re.findall(r"(?m)^## (\w+)", PAGE)}
    there = {command.name or getattr(command.callback, "__name__", "") for command in app.registered_commands}
    for command, anchor in told:
        assert command == anchor
        assert anchor in headings
        assert command in there
