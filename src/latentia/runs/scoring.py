"""A run's rows by their probability, with what makes each of them unlikely."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor

from latentia.data import Schema
from latentia.distributions import MixedColumnsSupport
from latentia.evaluation import DEFAULT_MEMORY, Score, score
from latentia.runs.rows import layout_of, rows_for, schema_of

if TYPE_CHECKING:
    from latentia.runs.taken_away import TakenAway

ROWS_AT_ONCE = 200


class Part(NamedTuple):
    """One value or column of a row.

    Attributes:
        name: its own, else its place in the flattened row.
        nats: how far its share of log p(x) lies below what the rest of the row leads one to expect.
    """

    name: str
    nats: float


@dataclass(frozen=True)
class Scored:
    """log p(x) of each row, and where it comes from; see ``latentia.evaluation.Score``, of which these are the fields.

    Of a table, densities are in the columns' own units (dates: days), so that log_px differs from a bound on the scaled
    values by the logarithm of the scales.

    Attributes:
        log_px: (N,) nats, on the CPU as all of these.
        error: (N,) its standard error.
        shares: (N, *x_shape), or (N, columns) of a table; None where the likelihood does not split.
        expected: as ``shares``, what they would be of rows drawn at the same z.
        rate: (N,) what the shares exceed log_px by.
        effective: (N,) effective draws; where there are few, log_px is too low.
        observed: as ``shares``, True where a part was seen.
        names: of the parts of a row, flattened.
        notes: sentences about cells that could not be read.
    """

    log_px: Tensor
    error: Tensor
    shares: Tensor | None
    expected: Tensor | None
    rate: Tensor
    effective: Tensor
    observed: Tensor | None
    names: tuple[str, ...]
    notes: list[str]

    def unusual(self) -> Tensor | None:
        """(N, parts) nats: what each share would be of a row drawn at the same z, less what it is; 0 where unseen."""
        if self.shares is None or self.expected is None or self.observed is None:
            return None
        nothing = torch.zeros((), dtype=self.shares.dtype)
        return torch.where(self.observed, self.expected - self.shares, nothing).flatten(1)

    def heaviest(self, top: int = 3) -> list[list[Part]]:
        """For each row its least usual parts; empty where the likelihood does not split."""
        unusual = self.unusual()
        if unusual is None:
            return [[] for _ in range(len(self.log_px))]
        nats, which = unusual.nan_to_num(nan=0.0, posinf=torch.inf).topk(min(top, unusual.shape[1]))
        rows = zip(nats.tolist(), which.tolist(), strict=True)
        return [[Part(self.names[i], n) for n, i in zip(*row, strict=True) if n > 0] for row in rows]


def score_rows(
    run: "TakenAway",
    data: Any = None,
    mask: Any = None,
    draws: int = 1000,
    split: str = "test",
    seed: int = 0,
    memory: int = DEFAULT_MEMORY,
) -> Scored:
    """See ``Run.score``."""
    rows, schema = rows_for(run, data, split, mask, exact=True), schema_of(run)
    # Noise of their own for every batch, so that rows of the same place in two batches do not err together.
    found = [
        score(run.model, run.posterior, batch, draws, seed + 1_000_003 * k, memory)
        for k, batch in enumerate(rows.split.batches(ROWS_AT_ONCE))
    ]
    whole = _joined(found)
    observed = _observed(rows.split.mask, whole.shares, schema)
    if schema is not None and whole.shares is not None and observed is not None:
        slopes = own_units(schema, rows.split.values(), rows.split.mask)
        # The row's own slopes for both, so that their difference is the one of the values that the model sees.
        both = {"shares": whole.shares + slopes, "expected": None if whole.expected is None else whole.expected + slopes}
        whole = whole._replace(log_px=whole.log_px + slopes.sum(-1), **both)
    n_parts = 0 if whole.shares is None else whole.shares[0].numel()
    names: Sequence[str] = rows.names or ()
    names = names if len(names) == n_parts else _places(tuple(run.model.x_shape), n_parts)
    return Scored(*whole, observed, tuple(names), rows.notes)


def own_units(schema: Schema, values: Tensor, mask: Tensor | None) -> Tensor:
    """(N, columns) nats that a density of scaled values (N, n_values) gains in the columns' own units; 0 where unseen."""
    slopes = schema.log_slopes(values.cpu()).double()
    if mask is None:
        return slopes
    return torch.where(MixedColumnsSupport(layout_of(schema)).seen_columns(mask.cpu()), slopes, 0.0)


def _places(shape: tuple[int, ...], n_parts: int) -> list[str]:
    """Names of parts that have none: of a picture the pixel, as row, column (and channel), else the place in the row."""
    if len(shape) != 3 or math.prod(shape) != n_parts or shape[0] not in (1, 3):
        return [f"value {i}" for i in range(n_parts)]
    channels, height, width = shape
    ends = [""] if channels == 1 else [f" {colour}" for colour in ("red", "green", "blue")]
    return [f"pixel {row},{column}{end}" for end in ends for row in range(height) for column in range(width)]


def _joined(found: list[Score]) -> Score:
    fields: list[Any] = [
        None if parts[0] is None else torch.cat([part.cpu() for part in parts]) for parts in zip(*found, strict=True)
    ]
    return Score(*fields)


def _observed(mask: Tensor | None, shares: Tensor | None, schema: Schema | None) -> Tensor | None:
    if shares is None:
        return None
    if mask is None:
        return torch.ones_like(shares, dtype=torch.bool)
    mask = mask.cpu()
    if schema is not None:
        return MixedColumnsSupport(layout_of(schema)).seen_columns(mask)
    return mask.reshape(mask.shape + (1,) * (shares.ndim - mask.ndim)).expand_as(shares)
