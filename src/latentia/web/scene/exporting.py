"""The explorer of a run as static files: page, scene, and the model as graphs that a browser runs. No server, no network."""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from latentia.core.atomic import whole_folder
from latentia.core.compact import compact_json
from latentia.core.errors import LatentiaError, RunError
from latentia.runs import Run
from latentia.runs.export import DECODER, ENCODER, MANIFEST
from latentia.runs.export.onnx_file import PACKAGES
from latentia.web.scene.writing import MOST_ROWS, SCENE, write_scene

PAGE = Path(__file__).parent.parent / "page"
INDEX, RUNTIME, FOLDER = "index.html", "ort", "scene"
# What the page is installed with, and no part of it.
NOT_PAGE = shutil.ignore_patterns("*.py", "*.pyc", "__pycache__")


@dataclass(frozen=True)
class ExportedPage:
    """What an export left.

    Attributes:
        files: the page first.
        tells: what these files tell of single rows, in words.
        why_no_rows: where the map is empty, the reason, for whoever runs this; "" where it is not.
    """

    files: tuple[Path, ...]
    tells: str
    why_no_rows: str = ""


def export_page(run: Run, folder: str | Path, rows: int = MOST_ROWS, tell_rows: bool = True) -> ExportedPage:
    """Write the page with everything that it needs; any static host serves it.

    Args:
        run: the run.
        folder: new or empty; it is written whole or not at all.
        rows: on the map, at most.
        tell_rows: as for ``write_scene``.

    Raises:
        LatentiaError: a package that is missing, or z is of a kind that no map can lay out.
        RunError: the decoder cannot be a graph, the folder holds something, or it cannot be written.
    """
    to = Path(folder).resolve()
    _check(to)
    try:
        with whole_folder(to) as beside:
            shutil.copytree(PAGE, beside, ignore=NOT_PAGE, dirs_exist_ok=True)
            graphs = _graphs(run, beside / FOLDER)
            scene = write_scene(run, beside / FOLDER, "onnx", rows=rows, tell_rows=tell_rows)
            about = {**scene.about, "encodes": graphs["encoder"] is not None, "onnx": graphs}
            (beside / FOLDER / SCENE).write_text(compact_json(about) + "\n", encoding="utf-8")
    except OSError as error:
        raise RunError(f"{to} cannot be written ({error.strerror or error}); choose another --export.") from None
    files = sorted(path for path in to.rglob("*") if path.is_file())
    return ExportedPage(
        tuple(sorted(files, key=lambda path: path != to / INDEX)), told_of_rows(scene.about), scene.why_no_rows
    )


def told_of_rows(about: dict[str, Any]) -> str:
    """What a scene's files tell of single rows, in words."""
    if not about["rows"]:
        return "nothing of any single row"
    parts = ["encodings", "places in their split"]
    parts += ["labels"] * about["has_labels"] + ["scores"] * about["has_scores"]
    parts += ["small pictures"] * bool(about["thumbs"]) + ["all cells"] * bool(about["table_rows"])
    return f"{about['rows']:,} rows' {', '.join(parts[:-1])} and {parts[-1]}"


def _check(folder: Path) -> None:
    if not (PAGE / INDEX).is_file():
        raise RunError("this installation has no page to explore with; install latentia[web] from a package.")
    for name in PACKAGES:
        try:
            __import__(name)
        except ImportError:
            raise LatentiaError(
                f"explore --export writes ONNX files, which need {name}; pip install 'latentia[onnx]'."
            ) from None
    if folder.exists() and not folder.is_dir():
        raise RunError(f"{folder} is a file; choose another --export.")
    if folder.is_dir() and any(folder.iterdir()):
        raise RunError(f"{folder} is not empty; choose another --export, or remove it first.")


def _graphs(run: Run, folder: Path) -> dict[str, Any]:
    """Write the graphs into the folder, and say how they are asked."""
    whole = folder.parent / "onnx"
    try:
        done = run.export(whole, "onnx")
    except RunError as error:
        raise RunError(f"no page without a server for this run: {_told(str(error))}; use latentia explore alone.") from None
    if "decoder" in done.left_out:
        why = _told(done.left_out["decoder"])
        raise RunError(f"no page without a server for this run: {why}; use latentia explore alone.")
    manifest = json.loads((whole / MANIFEST).read_text(encoding="utf-8"))
    folder.mkdir(parents=True, exist_ok=True)
    for name in (DECODER, ENCODER):
        if (whole / name).is_file():
            (whole / name).replace(folder / name)
    shutil.rmtree(whole)
    decoder, encoder = manifest["decoder"], manifest.get("encoder")
    return {
        "decoder": DECODER,
        "decoder_input": decoder["inputs"][0]["name"],
        "decoder_output": decoder["outputs"][0]["name"],
        "encoder": None if encoder is None else ENCODER,
        "encoder_inputs": [] if encoder is None else [port["name"] for port in encoder["inputs"]],
        "encoder_mean": None if encoder is None else encoder["outputs"][0]["name"],
        "encoder_sd": None if encoder is None else encoder["outputs"][1]["name"],
        "no_encoder": done.left_out.get("encoder"),
        "ort": f"./{RUNTIME}/",
    }


def _told(sentence: str) -> str:
    """As a clause of another sentence."""
    return sentence.removeprefix("no ONNX can be written of this run: ").rstrip(".")
