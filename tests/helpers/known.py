"""A small network as a file, and the skip of tests that need the published ones."""

import os
from pathlib import Path

import pytest

BIF = """network tiny {
}
variable flu {
  type discrete [ 2 ] { yes, no };
}
variable fever {
  type discrete [ 3 ] { none, mild, "very high" };
}
variable cough {
  type discrete [ 2 ] { yes, no };
}
probability ( flu ) {
  table 0.2, 0.8;
}
probability ( fever | flu ) {
  (yes) 0.1, 0.5, 0.4;
  (no) 0.9, 0.1, 0.0;
}
probability ( cough | flu ) {
  (yes) 0.7, 0.3;
  (no) 0.2, 0.8;
}
"""


def write_bif(folder: Path) -> Path:
    """The network flu -> fever, flu -> cough as a file."""
    path = folder / "tiny.bif"
    path.write_text(BIF, encoding="utf-8")
    return path


def needs(*parts: str) -> pytest.MarkDecorator:
    """Skip where ``$LATENTIA_DATA`` does not hold this file."""
    root = os.environ.get("LATENTIA_DATA")
    there = root is not None and Path(root, *parts).is_file()
    return pytest.mark.skipif(not there, reason=f"needs {'/'.join(parts)} in LATENTIA_DATA")
