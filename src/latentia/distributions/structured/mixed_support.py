"""What the columns of a table may hold, and the definite row that stands for a row of means."""

import torch
from torch import Tensor
from torch.distributions import constraints

from latentia.core.checks import expand_mask
from latentia.core.errors import ShapeError
from latentia.distributions.structured.column_layout import DISCRETE, ColumnLayout

SHOWN = 3


class MixedColumnsSupport(constraints.Constraint):
    """What each column may hold; names the columns that hold something else.

    Args:
        layout: of the columns.
    """

    event_dim = 1

    def __init__(self, layout: ColumnLayout) -> None:
        self.layout = layout

    @property
    def is_discrete(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Whether all columns are, so that a log density is a log mass."""
        return all(kind in DISCRETE for kind in self.layout.kinds)

    def check(self, value: Tensor) -> Tensor:
        return self.check_columns(value).all(-1)

    def check_columns(self, value: Tensor) -> Tensor:
        """(..., D) -> (..., columns) True where a column holds what its kind may."""
        if value.shape[-1] != self.layout.n_values:
            raise ShapeError(f"a row has {value.shape[-1]} values, wanted {self.layout.n_values}, those of all columns.")
        at, good = (lambda what: value[..., self.layout.at(what, value.device)]), []
        good.append(at("normal").isfinite())
        good.append((at("proportion") >= 0) & (at("proportion") <= 1))
        good.append(is_bit(at("binary")))
        if self.layout.has("category"):
            blocks = at("category").split([self.layout.widths[i] for i in self.layout.columns("category")], -1)
            good.append(torch.stack([is_bit(b).all(-1) & (b.sum(-1) == 1) for b in blocks], -1))
        counts = at("count")
        good.append((counts >= 0) & (counts < torch.inf) & (counts == counts.floor()))
        spike, number = at("hurdle"), at("second")
        good.append(is_bit(spike) & number.isfinite() & ((spike == 0) | (number == 0)))
        return torch.cat(good, -1)[..., self.layout.at("order", value.device)]

    def seen_columns(self, mask: Tensor) -> Tensor:
        """(..., D) -> (..., columns): a column counts as seen where all of its values are."""
        hidden = torch.zeros(*mask.shape[:-1], len(self.layout.kinds), dtype=torch.long, device=mask.device)
        owner = self.layout.at("owner", mask.device).expand(mask.shape)
        return hidden.scatter_add_(-1, owner, (~mask).long()) == 0

    def seen_values(self, mask: Tensor) -> Tensor:
        """(..., D) -> (..., D) True where a value's column counts as seen."""
        return self.seen_columns(mask)[..., self.layout.at("owner", mask.device)]

    def name_bad(self, value: Tensor, mask: Tensor | None = None) -> tuple[Tensor, str]:
        """Rows (N, D) -> (N,) True where a seen column holds what it may not, and those columns by name."""
        bad = ~self.check_columns(value)
        if mask is not None:
            bad &= self.seen_columns(expand_mask(mask, value).expand_as(value))
        which = bad.any(0).nonzero().flatten().tolist()
        told = ", ".join(f"{self.layout.names[i]} ({self.layout.kinds[i]})" for i in which[:SHOWN])
        return bad.any(-1), told + (f" and {len(which) - SHOWN} more" if len(which) > SHOWN else "")

    def __repr__(self) -> str:
        return "what each column's kind may hold"


def definite_row(layout: ColumnLayout, mean: Tensor) -> Tensor:
    """Means (..., D) of rows to rows that can be: (..., D).

    A category becomes its most probable state, a bit the likelier of the two, a count the whole number next to its mean; a
    real, a positive number's logarithm and a proportion stay at their means. A hurdle becomes its spike where that is at
    least as likely as not, else the mean of the number beside it. So every column but the mean's own is near its median.
    """
    out = mean.clone()
    at = {kind: layout.at(kind, mean.device) for kind in ("binary", "hurdle", "second", "count", "category")}
    out[..., at["binary"]] = (mean[..., at["binary"]] > 0.5).to(mean)
    out[..., at["count"]] = mean[..., at["count"]].round()
    if layout.has("category"):
        out[..., at["category"]] = largest(layout, mean[..., at["category"]])
    chance = mean[..., at["hurdle"]]
    spike = chance >= 0.5
    out[..., at["hurdle"]] = spike.to(mean)
    beside = mean[..., at["second"]] / (1 - torch.where(spike, 0.0, chance))
    out[..., at["second"]] = torch.where(spike, 0.0, beside)
    return out


def largest(layout: ColumnLayout, value: Tensor) -> Tensor:
    padding = torch.full((*value.shape[:-1], 1), -torch.inf, dtype=value.dtype, device=value.device)
    blocks = torch.cat([value, padding], -1)[..., layout.at("blocks", value.device)]
    codes = torch.zeros_like(blocks).scatter_(-1, blocks.argmax(-1, keepdim=True), 1.0)
    return codes.flatten(-2)[..., layout.at("back", value.device)]


def is_bit(value: Tensor) -> Tensor:
    return (value == 0) | (value == 1)
