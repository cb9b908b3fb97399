"""A row of a table: columns of several kinds in one vector, independent of each other, any of which may be missing.

The likelihood of Nazabal, Olmos, Ghahramani & Valera (2020), Handling Incomplete Heterogeneous Data using VAEs, with a beta,
a negative binomial and a hurdle (Cragg 1971, Some Statistical Models for Limited Dependent Variables) beside its kinds.
"""

import torch
from torch import Tensor
from torch.distributions import Normal, constraints
from torch.nn import functional as F
from torch.types import _size

from latentia.core.checks import expand_mask
from latentia.core.errors import ShapeError
from latentia.distributions.discrete import NegativeBinomial
from latentia.distributions.parametric import Parametric
from latentia.distributions.structured.column_layout import SIDE_BY_SIDE, ColumnLayout
from latentia.distributions.structured.mixed_support import MixedColumnsSupport, definite_row, is_bit, largest
from latentia.distributions.univariate import MeanBeta


class MixedColumns(Parametric):
    """Independent columns of a row x (..., D); each reads the parameters that stand in its own places.

    ==========  ===============================  =============================  ============
    kind        its values                       place                          spread
    ==========  ===============================  =============================  ============
    real        any number                       mean                           sd
    positive    a logarithm, as of a real        mean                           sd
    proportion  in [0, 1]                        mean                           concentration
    binary      0 or 1                           logit                          not read
    category    one-hot                          a logit a state                not read
    count       0, 1, 2, ...                     mean                           dispersion
    hurdle      is it the spike? the number, 0   logit; mean of the number      not read; sd
                at the spike
    ==========  ===============================  =============================  ============

    Logits may be minus infinity, for states that cannot be.

    Args:
        layout: kinds and widths of the columns.
        place: (..., D).
        spread: (..., D), positive.

    Raises:
        ShapeError: parameters of another length than the columns have values.
    """

    arg_constraints = {
        "place": constraints.independent(constraints.real, 1),
        "spread": constraints.independent(constraints.positive, 1),
    }
    place: Tensor
    spread: Tensor

    def __init__(self, layout: ColumnLayout, place: Tensor, spread: Tensor, validate_args: bool | None = None) -> None:
        self.layout = layout
        if place.shape[-1:] != (layout.n_values,) or spread.shape[-1:] != (layout.n_values,):
            raise ShapeError(
                f"MixedColumns: place {tuple(place.shape)} and spread {tuple(spread.shape)}, wanted both to end in "
                f"{layout.n_values}, the values of all columns."
            )
        super().__init__((layout.n_values,), validate_args, place=place, spread=spread)

    @constraints.dependent_property(event_dim=1)
    def support(self) -> constraints.Constraint:  # pyright: ignore[reportIncompatibleVariableOverride]
        return MixedColumnsSupport(self.layout)

    def log_prob(self, value: Tensor) -> Tensor:
        """Nats: value (..., D) -> (...); minus infinity where a column holds what it may not."""
        if self._validate_args:
            self._validate_sample(value)
        return self.column_log_prob(value).sum(-1)

    def column_log_prob(self, value: Tensor) -> Tensor:
        """Nats of each column: value (..., D) -> (..., columns)."""
        layout = self.layout
        out = [self._normal.log_prob(self._of("normal", value))] if layout.has("real", "positive") else []
        out += [getattr(self, f"_log_{kind}")(value) for kind in SIDE_BY_SIDE if layout.has(kind)]
        return torch.cat(out, -1)[..., layout.at("order", value.device)]

    def observed_column_log_prob(self, value: Tensor, mask: Tensor) -> Tensor:
        """As ``column_log_prob``, 0 where a column was not seen: value (B, D), mask (B,) or (B, D) -> (..., B, columns).

        A column of several values counts as seen where all of them are. What stands in a masked place does not matter.
        """
        seen = expand_mask(mask, value).expand_as(value)
        seen = MixedColumnsSupport(self.layout).seen_columns(seen)
        whole = seen[..., self.layout.at("owner", value.device)]
        each = self.column_log_prob(torch.where(whole, value, self.layout.filler(value)))
        return torch.where(seen, each, torch.zeros((), dtype=each.dtype, device=each.device))

    def observed_log_prob(self, value: Tensor, mask: Tensor) -> Tensor:
        """Nats of the columns that were seen: value (B, D), mask (B,) or (B, D) -> (..., B)."""
        return self.observed_column_log_prob(value, mask).sum(-1)

    def sample(self, sample_shape: _size = ()) -> Tensor:
        with torch.no_grad():
            out = torch.zeros(self._draw_shape(sample_shape), dtype=self.place.dtype, device=self.place.device)
            if self.layout.has("real", "positive"):
                self._put(out, "normal", self._normal.sample(sample_shape))
            for kind, law in (("proportion", self._beta), ("count", self._counts)):
                if law is not None:
                    self._put(out, kind, law.sample(sample_shape))
            for kind in ("binary", "hurdle"):
                if self.layout.has(kind):
                    chance = self._of(kind, self.place).sigmoid()
                    self._put(out, kind, (torch.rand_like(self._of(kind, out)) < chance).to(out))
            if self.layout.has("category"):
                noise = torch.empty_like(self._of("category", out)).exponential_().log()
                self._put(out, "category", self._largest(self._of("category", self.place) - noise))
            if self.layout.has("hurdle"):
                number = self._number.sample(sample_shape)
                self._put(out, "second", torch.where(self._of("hurdle", out) == 1, 0.0, number))
            return out

    @property
    def mean(self) -> Tensor:
        """(..., D): of a category and a bit the chances, of a hurdle the spike's and the number's with 0 at the spike."""
        out = self.place.clone()
        for kind in ("binary", "hurdle"):
            self._put(out, kind, self._of(kind, self.place).sigmoid())
        if self.layout.has("category"):
            self._put(out, "category", self._log_chances.exp())
        self._put(out, "second", self._of("second", self.place) * (-self._of("hurdle", self.place)).sigmoid())
        return out

    @property
    def variance(self) -> Tensor:
        mean = self.mean
        out = self.spread.square()
        if self._beta is not None:
            self._put(out, "proportion", self._beta.variance)
        if self._counts is not None:
            self._put(out, "count", self._counts.variance)
        for kind in ("binary", "category", "hurdle"):
            chance = self._of(kind, mean)
            self._put(out, kind, chance * (1 - chance))
        number, gate = self._of("second", self.place), (-self._of("hurdle", self.place)).sigmoid()
        self._put(out, "second", gate * (self._of("second", self.spread).square() + (1 - gate) * number.square()))
        return out

    def definite(self) -> Tensor:
        """(..., D): one row that can be, each column by itself as it is expected; see ``definite_row`` for the mean's."""
        return definite_row(self.layout, self.mean)

    def _of(self, what: str, tensor: Tensor) -> Tensor:
        return tensor[..., self.layout.at(what, tensor.device)]

    def _put(self, out: Tensor, what: str, value: Tensor) -> None:
        out[..., self.layout.at(what, out.device)] = value

    @property
    def _normal(self) -> Normal:
        return Normal(self._of("normal", self.place), self._of("normal", self.spread), validate_args=False)

    @property
    def _number(self) -> Normal:
        return Normal(self._of("second", self.place), self._of("second", self.spread), validate_args=False)

    @property
    def _beta(self) -> MeanBeta | None:
        if not self.layout.has("proportion"):
            return None
        return MeanBeta(self._of("proportion", self.place), self._of("proportion", self.spread), validate_args=False)

    @property
    def _counts(self) -> NegativeBinomial | None:
        if not self.layout.has("count"):
            return None
        return NegativeBinomial(self._of("count", self.place), self._of("count", self.spread), validate_args=False)

    @property
    def _log_chances(self) -> Tensor:
        """(..., states of all categories), normalized."""
        return self._blocks(self._of("category", self.place), -torch.inf).log_softmax(-1).flatten(-2)[..., self._back]

    @property
    def _back(self) -> Tensor:
        return self.layout.at("back", self.place.device)

    def _blocks(self, value: Tensor, filler: float) -> Tensor:
        """(..., states of all categories) -> (..., categories, states of the widest), ``filler`` where one is narrower."""
        padding = torch.full((*value.shape[:-1], 1), filler, dtype=value.dtype, device=value.device)
        return torch.cat([value, padding], -1)[..., self.layout.at("blocks", value.device)]

    def _largest(self, value: Tensor) -> Tensor:
        """One-hot codes of the largest of each category."""
        return largest(self.layout, value)

    def _log_proportion(self, value: Tensor) -> Tensor:
        assert self._beta is not None
        return self._beta.log_prob(self._of("proportion", value))

    def _log_binary(self, value: Tensor) -> Tensor:
        return _log_bit(self._of("binary", value), self._of("binary", self.place))

    def _log_category(self, value: Tensor) -> Tensor:
        codes = self._blocks(self._of("category", value), 0.0)
        # Not a product: a chance of zero at a state that did not come is minus infinity times zero.
        chances = self._blocks(torch.where(self._of("category", value) == 1, self._log_chances, 0.0), 0.0)
        one_hot = is_bit(codes).all(-1) & (codes.sum(-1) == 1)
        return torch.where(one_hot, chances.sum(-1), -torch.inf)

    def _log_count(self, value: Tensor) -> Tensor:
        assert self._counts is not None
        return self._counts.log_prob(self._of("count", value))

    def _log_hurdle(self, value: Tensor) -> Tensor:
        spike, number = self._of("hurdle", value), self._of("second", value)
        passed = torch.where(spike == 1, 0.0, self._number.log_prob(torch.where(spike == 1, 0.0, number)))
        allowed = (spike == 0) | (number == 0)
        return torch.where(allowed, _log_bit(spike, self._of("hurdle", self.place)) + passed, -torch.inf)


def _log_bit(value: Tensor, logit: Tensor) -> Tensor:
    return torch.where(is_bit(value), F.logsigmoid(torch.where(value == 1, logit, -logit)), -torch.inf)
