"""A row of a table: columns of several kinds, each read from its own places of the network's output."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.distributions import Distribution
from torch.nn import functional as F

from latentia.core.errors import LatentiaError, ShapeError
from latentia.distributions import ColumnLayout, MixedColumns
from latentia.families.base import SOFTPLUS_ONE, Family, split_raw
from latentia.families.counts import dispersion_of_moments, dispersion_within, log_mean_within, raw_of_mean
from latentia.families.shares import concentration_of_raw, raw_of_share, share_of_raw

# A state that was never seen keeps a finite logit.
LEAST_CHANCE = 5e-3


class Columns(Family):
    """Columns of a table, independent given raw, which holds two numbers a value: a place and a spread.

    ``smallest_scale`` is the floor of a real, a positive and a hurdle's scale, in units in which the column's own spread is
    about 1: a number that many rows repeat then adds at most -log(smallest_scale) - 0.92 nats, and cannot blow the bound up.

    Args:
        columns: {"kind": ...} of each, in order; a category also has "width", its states; a "name" is for messages.
            Kinds are those of ``distributions.MixedColumns``.
        smallest_scale: see above.

    Raises:
        LatentiaError: a column without a kind or with an unknown key, a floor that is not positive.
        ShapeError: an unknown kind, a width that its kind does not have.

    >>> import torch
    >>> family = Columns([{"kind": "real"}, {"kind": "category", "width": 3}])
    >>> family.distribution(torch.zeros(2, 4)).mean
    tensor([0.0000, 0.3333, 0.3333, 0.3333])
    """

    whole = True

    def __init__(self, columns: Sequence[Mapping[str, Any]], smallest_scale: float = 0.05) -> None:
        super().__init__()
        if not smallest_scale > 0:
            raise LatentiaError(f"smallest_scale is {smallest_scale}, wanted a positive number.")
        self.columns, self.smallest_scale = [dict(column) for column in columns], smallest_scale
        for i, column in enumerate(self.columns):
            if "kind" not in column or column.keys() - {"kind", "width", "name"}:
                raise LatentiaError(f"column {i} is {column}, wanted a kind, for a category its width, perhaps a name.")
        kinds = [str(column["kind"]) for column in self.columns]
        widths = [int(c.get("width", 2 if k == "hurdle" else 1)) for c, k in zip(self.columns, kinds, strict=True)]
        names = [str(column.get("name", f"column {i}")) for i, column in enumerate(self.columns)]
        self.layout = ColumnLayout(kinds, widths, names)

    @property
    def discrete(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Whether every column is."""
        return all(kind in ("binary", "category", "count") for kind in self.layout.kinds)

    @property
    def raw_per_value(self) -> int:
        return 2

    def distribution(self, raw: Tensor, event_dim: int = 1) -> Distribution:
        place, spread = split_raw(raw, event_dim)
        layout = self.layout
        if event_dim != 1 or place.shape[-1] != layout.n_values:
            raise ShapeError(
                f"Columns describes a vector of {layout.n_values} values ({len(layout.kinds)} columns), was given an event "
                f"{tuple(place.shape[place.ndim - event_dim :])}; give it a vector, and the columns of these data."
            )
        scale = F.softplus(spread + SOFTPLUS_ONE) + self.smallest_scale
        for kind, place_of, spread_of in (
            ("proportion", share_of_raw, concentration_of_raw),
            ("count", lambda raw: log_mean_within(raw).exp(), dispersion_within),
        ):
            if layout.has(kind):
                at = layout.at(kind, raw.device)
                scale = scale.index_copy(-1, at, spread_of(spread[..., at]))
                place = place.index_copy(-1, at, place_of(place[..., at]))
        return MixedColumns(layout, place, scale, validate_args=False)

    def raw_at(self, mean: Tensor, std: Tensor) -> Tensor:
        layout, (place, spread) = self.layout, (mean.clone(), torch.zeros_like(std))

        def at(what: str) -> Tensor:
            return layout.at(what, mean.device)

        spread[at("normal")] = self._raw_scale(std[at("normal")])
        chance = mean[at("binary")].clamp(LEAST_CHANCE, 1 - LEAST_CHANCE)
        place[at("binary")] = torch.logit(chance)
        place[at("category")] = mean[at("category")].clamp_min(LEAST_CHANCE).log()
        place[at("count")] = raw_of_mean(mean[at("count")])
        spread[at("count")] = dispersion_of_moments(mean[at("count")], std[at("count")]).log()
        place[at("proportion")], spread[at("proportion")] = raw_of_share(mean[at("proportion")], std[at("proportion")])
        spike = mean[at("hurdle")].clamp(LEAST_CHANCE, 1 - LEAST_CHANCE)
        place[at("hurdle")] = torch.logit(spike)
        # Moments of the number beside the spike, which is 0 at it.
        number = mean[at("second")] / (1 - spike)
        square = (std[at("second")].square() + mean[at("second")].square()) / (1 - spike)
        place[at("second")] = number
        spread[at("second")] = self._raw_scale((square - number.square()).clamp_min(0).sqrt())
        return torch.stack([place, spread])

    def _raw_scale(self, std: Tensor) -> Tensor:
        softened = (std - self.smallest_scale).clamp_min(1e-2)
        return softened + torch.log(-torch.expm1(-softened)) - SOFTPLUS_ONE
