"""What the README says is so: its Python runs, its tree is the tree, its commands are spelt as they exist."""

import ast
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str, text: str = README) -> list[str]:
    """The fenced blocks of one language."""
    fences = re.findall(r"^```(\w*)\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)
    return [text for found, text in fences if found == language]


def tree_lines() -> list[str]:
    """One line a file, as the tree should read: its path under src/latentia and the first sentence of its docstring."""
    source = ROOT / "src" / "latentia"
    lines = []
    for path in sorted(source.rglob("*.py"), key=lambda p: (p.parent, p.name)):
        words = (ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "").split("\n\n")[0]
        lines.append(f"{path.relative_to(source).as_posix()}  {' '.join(words.split())}")
    return lines


def test_the_python_of_the_readme_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (code,) = blocks("python")
    monkeypatch.chdir(tmp_path)
    exec(compile(code, "README.md", "exec"), {})
    assert "ELBO" in capsys.readouterr().out
    assert (tmp_path / "runs" / "mine" / "report.html").is_file()
    assert len([line for line in code.splitlines() if line.strip()]) <= 20


def test_the_tree_names_every_file_with_what_it_is() -> None:
    tree = next(block for block in blocks("") if "core/batch.py" in block)
    got = [re.sub(r"\s{2,}", "  ", line) for line in tree.strip().splitlines()]
    assert got == tree_lines(), "run: python tests/test_readme.py"


def test_the_readmes_commands_exist() -> None:
    from latentia.cli.app import app

    known = {c.name or getattr(c.callback, "__name__", "") for c in app.registered_commands}
    said = set(re.findall(r"^latentia (\w+)", README, flags=re.MULTILINE))
    assert said
    assert said <= known


def typed(text: str) -> Iterator[tuple[dict[str, str], list[str]]]:
    """Each command of Latentia's in fenced blocks, as variables and words; what a shell would fill in is ten letters."""
    for block in blocks("", text):
        for line in re.sub(r"\$\([^)]*\)", "x" * 10, block.replace("\\\n", " ")).splitlines():
            for command in line.split("&&") if re.match(r"(?:[A-Z_]+=\S+ )*(?:latentia|pip) ", line) else ():
                words = shlex.split(command, comments=True)
                named = [word for word in words if re.fullmatch(r"[A-Z_]+=.*", word)]
                while words and words[0] in named:
                    words.pop(0)
                if words[:1] == ["latentia"]:
                    yield dict(word.split("=", 1) for word in named), words[1:]


@pytest.mark.parametrize("page", ["README.md", "docs/serve.md", "docs/explore.md"])
def test_commands_on_a_page_pass_their_checks(page: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Options are there and of their type; what serves a run is called, so that what it checks itself is checked."""
    from typer.main import get_command

    from latentia.cli.app import app
    from latentia.web import service

    command, asked = get_command(app), list[Any]()
    monkeypatch.setattr("latentia.runs.load", lambda path: path)
    monkeypatch.setattr(service, "serve", lambda *of: asked.append(of))
    monkeypatch.setattr(service, "explore", lambda *of, **more: asked.append((of, more)))
    seen = set[str]()
    for variables, words in typed((ROOT / page).read_text(encoding="utf-8")):
        monkeypatch.delenv("LATENTIA_TOKEN", raising=False)
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        seen.add(words[0])
        called = command.commands[words[0]]  # pyright: ignore[reportAttributeAccessIssue]  # it is a group
        with called.make_context(words[0], list(words[1:])) as context:
            if words[0] in ("serve", "explore") and not context.params.get("export"):
                called.invoke(context)
    assert "serve" in seen or page == "docs/explore.md"
    assert asked


if __name__ == "__main__":  # brings the tree up to date
    wide = max(len(line.split("  ")[0]) for line in tree_lines())
    fresh = "\n".join("  ".join([line.split("  ", 1)[0].ljust(wide), line.split("  ", 1)[1]]) for line in tree_lines())
    (ROOT / "README.md").write_text(re.sub(r"(?s)(## The tree\n\n```\n).*?(\n```)", lambda m: m[1] + fresh + m[2], README))
