"""Tables and arrays whose holes are filled, once or several times."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

import torch
from torch import Tensor

from latentia.core.errors import DataError, LatentiaError, nearest
from latentia.data import Schema
from latentia.data.tables.cells import seen_cells
from latentia.distributions import definite_row
from latentia.evaluation import DEFAULT_MEMORY, impute
from latentia.runs.rows import layout_of, rows_for, schema_of

if TYPE_CHECKING:
    import pandas as pd

    from latentia.runs.taken_away import TakenAway

ROWS_AT_ONCE = 200
Answer = Literal["typical", "mean"]


@dataclass(frozen=True)
class Completed:
    """Rows without holes.

    Attributes:
        values: one answer a hole. An array's is E[x | seen], (N, *x_shape). A table comes back as a table, its columns,
            order and types kept: the mean of a number, a count rounded, the most probable state of a category, and of a
            hurdle its spike where that is at least as likely as not ("typical"), or its mean, spike and all ("mean"). The
            mean is that of the values that the model sees, so that a positive column gets its geometric mean, which for its
            log-normal is the median.
        draws: M completed rows each, drawn from p(missing | seen): arrays, or tables.
        sd: (N, *x_shape) the standard deviation of each value that the model sees, 0 where it was observed.
        effective: (N,) effective draws of z.
        holes: how many cells were missing.
        notes: sentences about cells that could not be read.
    """

    values: Any
    draws: list[Any]
    sd: Tensor
    effective: Tensor
    holes: int
    notes: list[str]


def impute_rows(
    run: "TakenAway",
    data: Any = None,
    mask: Any = None,
    multiple: int = 0,
    draws: int = 1000,
    split: str = "test",
    seed: int = 0,
    memory: int = DEFAULT_MEMORY,
    answer: Answer = "typical",
) -> Completed:
    """See ``Run.impute``."""
    if answer not in get_args(Answer):
        raise LatentiaError(f"answer is {answer!r}; {nearest(str(answer), list(get_args(Answer)))}")
    rows, schema = rows_for(run, data, split, mask, exact=True), schema_of(run)
    given = rows.split.mask
    if rows.frame is None and (given is None or bool(given.all())):
        raise DataError("nothing is missing in these rows; mark what is as NaN, or give a mask that is False there.")
    found = [
        impute(run.model, run.posterior, batch, draws, multiple, seed + 1_000_003 * k, memory)
        for k, batch in enumerate(rows.split.batches(ROWS_AT_ONCE))
    ]
    mean, sd, effective = (torch.cat([part[k].cpu() for part in found]) for k in (0, 1, 3))
    many = torch.cat([part.draws.cpu() for part in found], 1)
    seen = rows.split.mask.cpu() if rows.split.mask is not None else torch.ones_like(mean, dtype=torch.bool)
    if schema is None:
        return Completed(mean, list(many), sd, effective, int((~seen).sum()), rows.notes)
    frame = rows.frame if rows.frame is not None else schema.decode(rows.split.values(), seen.expand_as(mean))
    single = filled(schema, frame, typical(schema, mean) if answer == "typical" else averaged(schema, mean))
    holes = sum(_holes(frame, name) for name in _names(schema))
    unread = int((~seen).expand_as(mean)[:, [place.start for place in schema.places]].sum()) - holes
    notes = rows.notes
    if unread:
        notes = [*notes, f"{unread} cells that could not be read stay as they are; empty them to have them filled."]
    return Completed(single, [filled(schema, frame, one) for one in many], sd, effective, holes, notes)


def typical(schema: Schema, mean: Tensor) -> Tensor:
    """Rows of means (N, n_values) as rows that can be; see ``latentia.distributions.definite_row``."""
    return definite_row(layout_of(schema), mean)


def averaged(schema: Schema, mean: Tensor) -> Tensor:
    """As ``typical``, but every hurdle at its mean: of an error's square the smallest, though no cell may look like it."""
    out = typical(schema, mean)
    for column, place in zip(schema.columns, schema.places, strict=True):
        if column.kind == "hurdle":
            spike = ((column.spike or 0.0) - column.shift) / column.scale
            out[:, place.start] = 0.0
            out[:, place.stop - 1] = mean[:, place.start] * spike + mean[:, place.stop - 1]
    return out


def as_table(schema: Schema, x: Tensor) -> "pd.DataFrame":
    """Draws or means (N, n_values) as a table, numbers within the range of the training rows."""
    return schema.decode(within_seen(schema, typical(schema, x)))


def within_seen(schema: Schema, x: Tensor) -> Tensor:
    """Values (N, n_values) with each number brought into the range of the training rows, where the schema says it."""
    out = x.clone()
    for column, place in zip(schema.columns, schema.places, strict=True):
        if column.kind in ("binary", "category") or column.low is None or column.high is None:
            continue
        ends = torch.tensor([column.low, column.high], dtype=torch.float64)
        if column.kind == "positive":
            ends = ends.log()
        if column.kind != "count":
            ends = (ends - column.shift) / column.scale
        low, high = ends.tolist()
        at = place.stop - 1
        spike = out[:, place.start] == 1 if column.kind == "hurdle" else torch.zeros(len(out), dtype=torch.bool)
        out[:, at] = torch.where(spike, out[:, at], out[:, at].clamp(low, high))
    return out


def filled(schema: Schema, frame: "pd.DataFrame", x: Tensor) -> "pd.DataFrame":
    """A table with its empty cells taken from rows x (N, n_values); every other cell stays as it is."""
    answers = schema.decode(within_seen(schema, x))
    out = frame.copy()
    for name in _names(schema):
        answer: Any = answers[name]
        if name in frame:
            out[name] = _merged(frame[name], answer)
        else:
            out[name] = answer
    return out


def _merged(series: Any, answer: Any) -> Any:
    empty = ~seen_cells(series)
    if not empty.any():
        return series
    cells = series.astype(object).where(~empty, answer.astype(object))
    for dtype in (answer.dtype, series.dtype):
        try:
            return cells.astype(dtype)
        except (TypeError, ValueError):  # cells that hold something else than the column's kind, kept as they came
            continue
    return cells


def _holes(frame: Any, name: str) -> int:
    return int((~seen_cells(frame[name])).sum()) if name in frame else len(frame)


def _names(schema: Schema) -> list[str]:
    return [column.name for column in schema.columns]
