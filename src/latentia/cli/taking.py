"""What ``latentia export`` does, once its arguments are read."""

from pathlib import Path
from typing import cast

from rich.console import Console

from latentia.runs import load
from latentia.runs.export import Format


def export_command(folder: Path, out: Path | None, format_: str) -> None:
    """Write a run for other programs; say what each file is worth, and what was left out.

    Raises:
        LatentiaError: see ``Run.export``.
    """
    done = load(folder).export(out or folder / "export", cast("Format", format_))
    worst = {f"{half}.onnx": max(errors.values()) for half, errors in done.errors.items()}
    for path in done.files:
        checked = f", within {worst[path.name]:.1g} of torch" if path.name in worst else ""
        Console().print(f"wrote {path} ({_size(path.stat().st_size)}{checked})", highlight=False, soft_wrap=True)
    for half, why in done.left_out.items():
        Console().print(f"no ONNX of the {half}: {why}", highlight=False, soft_wrap=True)


def _size(n_bytes: int) -> str:
    """A size for a person.

    >>> _size(339174)
    '339 kB'
    """
    return f"{n_bytes / 1e6:.1f} MB" if n_bytes >= 1e6 else f"{max(1, round(n_bytes / 1e3))} kB"
