"""A run as the files that the page reads: ``scene.json`` and, beside it, plain little-endian numbers and PNG sheets."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from torch import Tensor

from latentia.core.compact import compact_json
from latentia.core.errors import LatentiaError, RecipeError, RunError
from latentia.evaluation import quiet
from latentia.report.probe import prior_means
from latentia.runs import Run
from latentia.web.scene.domains import DOMAINS, Domain, Material
from latentia.web.scene.latents import Support, latents, support_of
from latentia.web.scene.looking import Seen, look, most_rows, nothing_seen
from latentia.web.scene.plane import about, grid, plane_of, points_of
from latentia.web.scene.prior import prior_of
from latentia.web.scene.rows import Chosen, Piece, chosen, first_split

Backend = Literal["http", "onnx"]
VERSION = 1
SCENE, MOST_ROWS = "scene.json", 100_000
ROWS_FOR_SCALE = 200
# Cells across, of the picture behind a map of two latents.
SIDE = 28
SCORE = "ELBO from one draw, nats"
SCORE_OF_TABLE = f"{SCORE} in the columns' own units"


@dataclass(frozen=True)
class Scene:
    """What was written.

    Attributes:
        folder: where it is.
        about: what ``scene.json`` says.
        why_no_rows: where the map is empty, the reason, for whoever runs this; "" where it is not.
    """

    folder: Path
    about: dict[str, Any]
    why_no_rows: str = ""


def write_scene(
    run: Run,
    folder: Path,
    backend: Backend = "http",
    where: str | None = None,
    rows: int = MOST_ROWS,
    tell_rows: bool = True,
) -> Scene:
    """Look at a run once, and write all that the page shows without asking its model again.

    The same run gives the same bytes.

    Args:
        run: the run; where its rows cannot be had, the page has latents and samples but no map.
        folder: made if it is not there; files of the same names are overwritten.
        backend: whom the page asks to decode: a server beside it, or graphs that it runs itself.
        where: how to call the run's folder in the lines that load it again.
        rows: on the map, at most.
        tell_rows: whether the files hold anything of a single row. Without, the map is empty, since the decoder makes a
            row's likeness of its encoding; latents and plane are still those that the rows fill.

    Raises:
        LatentiaError: z is of a kind that no map can lay out.
        RunError: the folder cannot be written.
    """
    support = support_of(run)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return _write(run, folder, backend, where, rows, support, tell_rows)
    except OSError as error:
        raise RunError(f"{folder} cannot be written ({error.strerror or error}); choose another folder.") from None


def _write(
    run: Run, folder: Path, backend: Backend, where: str | None, at_most: int, support: Support, tell_rows: bool
) -> Scene:
    n_latents = run.model.z_shape.numel()
    rows = chosen(run, most_rows(run.posterior, n_latents, at_most))
    kind, domain = _domain(run, rows, folder, tell_rows)
    try:
        seen = look(run, rows, lambda piece, kept: _show(domain, piece, kept) if tell_rows else None)
    except LatentiaError as error:
        rows = Chosen(rows.data, {}, "no rows: the posterior has no answer for them", str(error))
        kind, domain = _domain(run, rows, folder, tell_rows)
        seen = nothing_seen(n_latents)
    of_latents = latents(run, seen, support)
    plane = plane_of(seen.codes, _first_two(of_latents, n_latents))
    prior, bank = prior_of(run, support)
    if not tell_rows:
        seen = nothing_seen(n_latents)
        rows = replace(rows, said="no rows: they are left out of these files")
    arrays = {
        "points": points_of(plane, seen.codes),
        "codes": seen.codes,
        "scores": seen.scores,
        "labels": seen.labels,
        "rows": seen.places,
        "prior": bank,
    }
    for name, array in arrays.items():
        if array is not None:
            (folder / f"{name}.bin").write_bytes(array.astype(array.dtype.newbyteorder("<")).tobytes())
    data = rows.data
    scene = {
        "version": VERSION,
        "name": _name(run),
        "backend": backend,
        "kind": kind,
        "why_not": "",
        "x_shape": list(run.model.x_shape),
        "z_shape": list(run.model.z_shape),
        "n_latents": n_latents,
        "support": support,
        "image": None,
        "columns": None,
        "latents": of_latents,
        "plane": about(plane),
        "prior": prior,
        "rows": len(seen),
        "rows_of": rows.said,
        "rows_file": "rows.bin",
        "splits": {name: list(ends) for name, ends in seen.splits.items()},
        "label_names": _label_names(seen, None if data is None else data.label_names),
        "score_name": None if seen.scores is None else SCORE_OF_TABLE if kind == "table" else SCORE,
        **{f"has_{name}": arrays[name] is not None for name in ("labels", "scores")},
        "encodes": True,
        "thumbs": None,
        "table_rows": None,
        "python": _python(run, where),
        "manifold": _manifold(run, domain, of_latents, support),
        "notes": seen.notes,
        "onnx": None,
        **domain.close(),
    }
    (folder / SCENE).write_text(compact_json(scene) + "\n", encoding="utf-8")
    return Scene(folder, scene, rows.why_none)


def _domain(run: Run, rows: Chosen, folder: Path, tell_rows: bool) -> tuple[str, Domain]:
    if len(rows):
        sample = first_split(rows, ROWS_FOR_SCALE).filled().cpu()
    else:
        with quiet(run.model, run.posterior, seed=0):
            sample = prior_means(run.model, ROWS_FOR_SCALE)
    given = Material(run, sample, len(rows) if tell_rows else 0, folder)
    for kind, domain in DOMAINS.items():
        if (found := domain.of(given)) is not None:
            return kind, found
    raise AssertionError("the last domain takes every run")


def _show(domain: Domain, piece: Piece, kept: Tensor) -> None:
    mask = piece.batch.mask
    domain.add(piece.values[kept], None if mask is None else mask.cpu()[kept])


def _first_two(of_latents: list[dict[str, Any]], n_latents: int) -> tuple[int, int]:
    """The columns of the two latents that say most; of a single one, its own first two."""
    starts = [*(entry["start"] for entry in of_latents[:2]), *range(n_latents)]
    first, second, *_ = sorted([*dict.fromkeys(starts)][:2]) * 2
    return first, second


def _manifold(run: Run, domain: Domain, of_latents: list[dict[str, Any]], support: str) -> dict[str, Any] | None:
    """The whole plane of two latents, decoded, where rows make a picture."""
    if tuple(run.model.z_shape) != (2,) or support != "real":
        return None
    ends = sorted(of_latents, key=lambda entry: entry["index"])
    (u0, u1), (v0, v1) = ((entry["low"], entry["high"]) for entry in ends)
    file = domain.behind(grid((u0, v0), (u1, v1), SIDE), run)
    return None if file is None else {"file": file.name, "low": [u0, v0], "high": [u1, v1], "side": SIDE}


def _label_names(seen: Seen, names: tuple[str, ...] | None) -> list[str] | None:
    if seen.labels is None:
        return None
    # One for each number that occurs, so that a label is never without a name.
    most = int(seen.labels.max(initial=-1)) + 1
    known = list(names or ())
    return [*known, *(str(label) for label in range(len(known), most))]


def _name(run: Run) -> str:
    return "run" if isinstance(run.recipe, RecipeError) else run.recipe.name


def _python(run: Run, where: str | None) -> str:
    folder = where or f"runs/{_name(run)}"
    return f"import latentia\nimport torch\n\nrun = latentia.load({folder!r})"
