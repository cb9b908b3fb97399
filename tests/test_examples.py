"""The examples run, and leave what they promise."""

import runpy
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parent.parent / "examples"


def test_gradient_variance_draws_a_line_for_each_gradient(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "figure.svg"
    arguments = [str(out), "--repeats", "10", "--draws", "2", "8", "--steps", "20"]
    monkeypatch.setattr(sys, "argv", ["gradient_variance.py", *arguments])
    runpy.run_path(str(EXAMPLES / "gradient_variance.py"), run_name="__main__")
    assert "leave-one-out" in capsys.readouterr().out
    picture = out.read_text(encoding="utf-8")
    assert picture.startswith("<svg xmlns=")
    assert picture.count('class="line"') == 6 * 2 + 6, "six gradients in two panels, and the key"
