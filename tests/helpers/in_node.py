"""What a module of the page answers in Node, where Node is."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

SOURCES = Path(__file__).parents[2] / "web" / "src"
NODE = shutil.which("node")
needs_node = pytest.mark.skipif(NODE is None or not SOURCES.is_dir(), reason="needs node and the page's sources")


def asked(module: str, folder: Path, what: str, given: dict[str, Any]) -> Any:
    """The value of an expression about ``given`` and the module's ``rules``; typed arrays come as lists.

    Args:
        module: a file of the page's sources that imports no other.
        folder: for files on the way.
        what: JavaScript.
        given: what JSON holds.
    """
    assert NODE is not None
    shutil.copyfile(SOURCES / module, folder / "rules.mjs")
    (folder / "given.json").write_text(json.dumps(given))
    (folder / "ask.mjs").write_text(
        'import { readFileSync } from "node:fs"; import * as rules from "./rules.mjs";\n'
        'const given = JSON.parse(readFileSync("given.json", "utf8"));\n'
        f"const answer = {what};\n"
        "process.stdout.write(JSON.stringify(answer, (_, v) => (ArrayBuffer.isView(v) ? Array.from(v) : v)));\n"
    )
    done = subprocess.run([NODE, "ask.mjs"], cwd=folder, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
