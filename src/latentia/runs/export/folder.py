"""A run's model and posterior as a folder of safetensors, JSON and ONNX, written whole or not at all."""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal, get_args

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from latentia.core.atomic import whole_folder
from latentia.core.compact import compact_json
from latentia.core.errors import LatentiaError, RecipeError, RunError, nearest
from latentia.core.random import seeded
from latentia.data import Dataset
from latentia.models import GenerativeModel
from latentia.posteriors import Posterior
from latentia.recipe import Recipe
from latentia.runs.export.graphs import Graph, LinearEncoder, decoder_of, encoder_of
from latentia.runs.export.manifest import FORMAT, about_graph, about_tensors, about_x, about_z, how_to, words
from latentia.runs.export.onnx_file import BATCHES, OPSET, TOLERANCE, check_packages, write_onnx

Format = Literal["onnx", "safetensors", "all"]
FORMATS: tuple[str, ...] = get_args(Format)
MANIFEST, TENSORS, ENCODER, DECODER = "export.json", "weights.safetensors", "encoder.onnx", "decoder.onnx"
SHARE_SEEN = 0.7
SEED = 0


@dataclass(frozen=True)
class Exported:
    """What an export left.

    Attributes:
        folder: where it is.
        files: what is in it, the manifest first.
        errors: for each ONNX file and output, how far onnxruntime is from torch: absolute below 1, relative above.
        left_out: for each half that could not be written as ONNX, why.
    """

    folder: Path
    files: tuple[Path, ...]
    errors: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    left_out: Mapping[str, str] = field(default_factory=dict)


def export(
    model: GenerativeModel,
    posterior: Posterior,
    recipe: Recipe | RecipeError,
    data: Dataset | None,
    folder: Path,
    format: Format = "all",  # noqa: A002  what a user calls it
) -> Exported:
    """Write a fitted model for programs that know nothing of this library.

    Args:
        model: p.
        posterior: q.
        recipe: what built them, or why nothing could.
        data: what the fit saw, for the units of x; None where it is not to be had.
        folder: new or empty.
        format: "safetensors" for tensors, "onnx" for graphs, or "all"; export.json comes with each.

    Raises:
        LatentiaError: an unknown format, or a package that is missing.
        RunError: the folder holds something, cannot be written, or nothing can be written as ONNX where only that was asked.
    """
    if format not in FORMATS:
        raise LatentiaError(f"there is no format {format!r}; {nearest(str(format), list(FORMATS))}")
    if format != "safetensors":
        check_packages()
    _check_free(folder)
    # A copy on the CPU: the run's own parts stay where they are.
    model, posterior = deepcopy((model, posterior))
    model.cpu().eval()
    posterior.cpu().eval()
    try:
        with whole_folder(folder) as beside, torch.no_grad(), seeded(SEED):
            done = _write(model, posterior, recipe, data, beside, format)
    except OSError as error:
        raise RunError(f"{folder} cannot be written ({error.strerror or error}); choose another --out.") from None
    return Exported(folder, tuple(folder / path.name for path in done.files), done.errors, done.left_out)


def _write(
    model: GenerativeModel,
    posterior: Posterior,
    recipe: Recipe | RecipeError,
    data: Dataset | None,
    folder: Path,
    format_: Format,
) -> Exported:
    files, errors, left_out, halves = [folder / MANIFEST], {}, {}, {}
    whole = nn.ModuleDict({"model": model, "posterior": posterior})
    tensors = {name: t.detach().contiguous().clone() for name, t in whole.state_dict().items()}
    z = model.sample_prior(max(BATCHES))
    for half, name, make in (
        ("encoder", ENCODER, lambda: encoder_of(model, posterior)),
        ("decoder", DECODER, lambda: decoder_of(model)),
    ):
        try:
            graph: Graph = make().eval()
            if isinstance(graph, LinearEncoder):
                tensors |= {f"encoder.{key}": t.clone() for key, t in graph.tensors().items()}
            if format_ != "safetensors":
                errors[half] = write_onnx(graph, folder / name, _probes(graph, model, z))
                files.append(folder / name)
            halves[half] = about_graph(graph, name if half in errors else None, errors.get(half))
        except RunError as error:
            left_out[half] = str(error)
    if format_ == "onnx" and len(left_out) == 2:
        raise RunError(f"no ONNX can be written of this run: {left_out['encoder']}; {left_out['decoder']}.")
    if format_ != "onnx":
        save_file(tensors, folder / TENSORS, metadata={"format": "pt"})
        files.append(folder / TENSORS)
    about = _manifest(model, recipe, data, halves, left_out)
    if format_ != "onnx":
        about["tensors"] = {"file": TENSORS, "of": about_tensors(tensors, whole)}
    (folder / MANIFEST).write_text(compact_json(about) + "\n", encoding="utf-8")
    for path in files:
        # As readable as what this process writes otherwise; some writers make files for their maker alone.
        path.chmod((folder / MANIFEST).stat().st_mode)
    return Exported(folder, tuple(files), errors, left_out)


def _manifest(
    model: GenerativeModel,
    recipe: Recipe | RecipeError,
    data: Dataset | None,
    halves: Mapping[str, dict[str, Any]],
    left_out: Mapping[str, str],
) -> dict[str, Any]:
    known = recipe if isinstance(recipe, Recipe) else None
    checked = any("largest_error" in half for half in halves.values())
    return {
        "format": FORMAT,
        "written_by": f"latentia {version('latentia')}",
        "name": known.name if known else "run",
        "about": known.about if known else "",
        "x": about_x(model, data, recipe),
        "z": about_z(model, recipe),
        **halves,
        "left_out": dict(left_out),
        "onnx": {"opset": OPSET, "tolerance": TOLERANCE, "batches_checked": list(BATCHES)} if checked else None,
        "use": how_to(halves.get("encoder"), halves.get("decoder")),
        "words": words(),
        "recipe": known.model_dump(mode="json") if known else None,
    }


def _probes(graph: Graph, model: GenerativeModel, z: Tensor) -> list[Tensor]:
    """Rows that the model draws itself, so that they lie where its data do; some values hidden where that matters."""
    if graph.inputs[0].name == "z":
        return [z.float()]
    x = model.likelihood(z.unsqueeze(0)).sample().squeeze(0).float()
    return [x, *((torch.rand_like(x) < SHARE_SEEN).float() for _ in graph.inputs[1:])]


def _check_free(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise RunError(f"{folder} is a file; choose another --out.")
    if folder.is_dir() and any(folder.iterdir()):
        raise RunError(f"{folder} is not empty; choose another --out, or remove it first.")
