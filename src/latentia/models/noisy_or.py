"""Causes that each switch effects on by themselves: the noisy-OR network of two layers.

Heckerman (1989), A tractable inference algorithm for diagnosing multiple diseases; Shwe et al. (1991), Probabilistic
diagnosis using a reformulation of the INTERNIST-1/QMR knowledge base.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Size, Tensor
from torch.distributions import Bernoulli, Distribution, Independent

from latentia.core import Batch
from latentia.core.checks import check_shape, expand_mask, first_place
from latentia.core.errors import LatentiaError, ShapeError
from latentia.distributions import LogOffBernoulli
from latentia.models.base import GenerativeModel
from latentia.models.evidence import named_place, polarity
from latentia.models.explaining import Answer, explain


class Exact(NamedTuple):
    """The network in float64: strength (causes, effects), leak (effects,), log-odds of the causes (causes,)."""

    strength: Tensor
    leak: Tensor
    base_logit: Tensor


class NoisyOr(GenerativeModel):
    """d_i ~ Bernoulli(base_rate_i); p(x_j = 0 | d) = (1 - leak_j) prod_i (1 - w_ij)^d_i. Nothing is learned.

    z are the causes d, one bit each, x the effects.

    Args:
        causes: their names.
        effects: their names.
        edges: (cause, effect, w), by place in the lists; w is the chance that this cause alone switches this effect on.
        base_rate: p(d_i = 1) before anything is seen, strictly between 0 and 1; one for all, or one each.
        leak: p(x_j = 1) without any cause; one for all, or one each.

    Raises:
        LatentiaError: names that are missing or come twice, an edge that leads nowhere or comes twice, a probability that is
            none.

    >>> NoisyOr.from_matrix([[0.9, 0.0], [0.4, 0.7]], causes=["flu", "cold"], effects=["fever", "cough"]).edges
    [(0, 0, 0.9), (1, 0, 0.4), (1, 1, 0.7)]
    """

    log_edge_off: Tensor
    certain: Tensor
    log_leak_off: Tensor
    base_logit: Tensor

    def __init__(
        self,
        causes: list[str],
        effects: list[str],
        edges: list[tuple[int, int, float]],
        base_rate: float | list[float] = 0.02,
        leak: float | list[float] = 0.001,
    ) -> None:
        super().__init__()
        self.causes, self.effects = _names("cause", causes), _names("effect", effects)
        n, m = len(self.causes), len(self.effects)
        self.edges = _edges(edges, n, m)
        self.base_rate, self.leak = base_rate, leak
        rates = _probabilities("base_rate", base_rate, n, "causes")
        if not bool(((rates > 0) & (rates < 1)).all()):
            raise LatentiaError("a base_rate is 0 or 1, wanted strictly between; leave out a cause that is never there.")
        strength = torch.zeros(n, m, dtype=torch.float64)
        for i, j, w in self.edges:
            strength[i, j] = w
        # What exact answers are computed from; the buffers follow the module to other types and devices.
        self.exact = Exact(strength, _probabilities("leak", leak, m, "effects"), torch.logit(rates))
        # A strength of 1 has an infinite logarithm, which times an absent cause would be no number.
        self.has_certain = bool((strength == 1).any())
        buffers = {
            "log_edge_off": torch.where(strength < 1, torch.log1p(-strength), 0.0),
            "certain": (strength == 1).double(),
            "log_leak_off": torch.log1p(-self.exact.leak),
            "base_logit": self.exact.base_logit,
        }
        for name, value in buffers.items():
            self.register_buffer(name, value.to(torch.get_default_dtype()), persistent=False)
        self.x_shape, self.z_shape = Size((m,)), Size((n,))

    @classmethod
    def from_matrix(
        cls,
        strength: Tensor | Sequence[Sequence[float]],
        causes: Sequence[str] | None = None,
        effects: Sequence[str] | None = None,
        base_rate: float | list[float] = 0.02,
        leak: float | list[float] = 0.001,
    ) -> "NoisyOr":
        """The network of a whole matrix of strengths, where a zero is no edge.

        Args:
            strength: (causes, effects), each in [0, 1].
            causes: their names; "cause 0", "cause 1", ... if None.
            effects: their names; "effect 0", ... if None.
            base_rate: as for the class.
            leak: as for the class.

        Raises:
            ShapeError: no matrix, or one of another size than the names.
            LatentiaError: a strength that is no probability, or as the class.
        """
        try:
            w = torch.as_tensor(strength, dtype=torch.float64)
        except (TypeError, ValueError, RuntimeError):
            raise ShapeError(
                "strength is not a matrix of numbers, wanted a row for each cause, all of one length."
            ) from None
        if w.dim() != 2 or not w.numel():
            raise ShapeError(f"strength has shape {tuple(w.shape)}, wanted (causes, effects), at least one of each.")
        strange = ~((w >= 0) & (w <= 1))
        if bool(strange.any()):
            raise LatentiaError(
                f"strength holds {int(strange.sum())} of {w.numel()} values outside of 0 to 1, the first at "
                f"{first_place(strange)}; wanted probabilities."
            )
        named = [f"cause {i}" for i in range(w.shape[0])] if causes is None else list(causes)
        seen_as = [f"effect {j}" for j in range(w.shape[1])] if effects is None else list(effects)
        check_shape("strength", w.shape, (len(named), len(seen_as)), cure="give a row for each cause, a column an effect.")
        edges = [(i, j, float(w[i, j])) for i, j in w.nonzero().tolist()]
        return cls(named, seen_as, edges, base_rate, leak)

    def prior(self, given: Tensor | None = None) -> Distribution:
        return Independent(Bernoulli(logits=self.base_logit, validate_args=False), 1, validate_args=False)

    def likelihood(self, z: Tensor, given: Tensor | None = None) -> Distribution:
        return Independent(LogOffBernoulli(self.log_off(z), validate_args=False), 1, validate_args=False)

    def log_off(self, z: Tensor) -> Tensor:
        """log p(x_j = 0 | z), linear in z: (..., causes) -> (..., effects), at most 0."""
        off = z @ self.log_edge_off + self.log_leak_off
        return torch.where(z @ self.certain > 0, -torch.inf, off) if self.has_certain else off

    def evidence(self, observed: Mapping[str, str]) -> tuple[Tensor, Tensor]:
        """Findings by name as (x, mask), (effects,) each; values such as 1/0, yes/no, true/false, present/absent.

        Raises:
            LatentiaError: an effect or a value that is none.
        """
        x, mask = torch.zeros(self.x_shape), torch.zeros(self.x_shape, dtype=torch.bool)
        for name, value in observed.items():
            place, said = named_place("effect", name, self.effects), polarity(str(value))
            if said is None:
                raise LatentiaError(f"{name!r} is {value!r}, wanted present or absent (or yes/no, true/false, 1/0).")
            if bool(mask[place]):
                raise LatentiaError(f"{self.effects[place]!r} is named twice; say each finding once.")
            x[place], mask[place] = float(said), True
        return x, mask

    def answers(self, mean: Tensor) -> list[tuple[str, str, float]]:
        """(cause, "present", probability) of each, in order: mean (causes,)."""
        return [(name, "present", float(p)) for name, p in zip(self.causes, mean.tolist(), strict=True)]

    def exact_marginals(self, batch: Batch) -> Tensor:
        """p(d_i = 1 | x) of every cause: (B, causes), float64; at most 16 findings of a row may be positive.

        Raises:
            LatentiaError: a row with more positive findings, or one that cannot be.
        """
        self.check_possible(batch)
        return self._explained(batch).marginals

    def log_evidence(self, batch: Batch) -> Tensor:
        """log p(x) of what was seen: (B,) nats, float64; raises as ``exact_marginals``, but for what cannot be: -inf."""
        return self._explained(batch).log_evidence

    def _explained(self, batch: Batch) -> Answer:
        strength, leak, base_logit = (each.to(batch.x.device) for each in self.exact)
        return explain(strength, leak, base_logit, batch.x, self.seen(batch))

    def check_possible(self, batch: Batch) -> None:
        """Refuse findings whose probability is zero.

        Raises:
            LatentiaError: in some row a positive finding has neither a leak nor a cause that the absent ones leave, or an
                absent one has a leak of 1.
        """
        seen = self.seen(batch)
        strength, leak, _ = (each.to(batch.x.device) for each in self.exact)
        present, absent = seen & (batch.x == 1), seen & (batch.x == 0)
        left = (absent.double() @ (strength == 1).double().T == 0).double()  # (B, causes): not excluded by what is absent
        explained = (left @ (strength > 0).double() > 0) | (leak > 0)
        impossible = ((present & ~explained) | (absent & (leak == 1))).any(1)
        if bool(impossible.any()):
            raise LatentiaError(
                f"the findings of {int(impossible.sum())} of {len(impossible)} rows cannot be under this model, the first "
                f"in row {first_place(impossible)}; a positive finding needs a cause or a leak."
            )

    def seen(self, batch: Batch) -> Tensor:
        """Which findings count: (B, effects) bool.

        Raises:
            ShapeError: rows of another length.
            LatentiaError: something other than a bit.
        """
        x = batch.x
        check_shape("x", x.shape[1:], self.x_shape, cure="give a column for each effect.")
        seen = torch.ones_like(x, dtype=torch.bool) if batch.mask is None else expand_mask(batch.mask, x)
        strange = seen & (x != 0) & (x != 1)
        if bool(strange.any()):
            raise LatentiaError(
                f"x holds {int(strange.sum())} values other than 0 and 1, the first at {first_place(strange)}; mask "
                "what was not seen."
            )
        return seen


def _names(what: str, names: Sequence[str]) -> list[str]:
    if not names or not all(isinstance(name, str) and name for name in names):
        raise LatentiaError(f"{what}s must be a list of names, at least one; an entry is empty or no text.")
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise LatentiaError(f"the {what} {name!r} comes twice; give each a name of its own.")
        seen.add(name)
    return list(names)


def _edges(edges: Sequence[tuple[int, int, float]], n: int, m: int) -> list[tuple[int, int, float]]:
    checked, seen = [], set()
    for at, edge in enumerate(edges):
        try:
            i, j, w = int(edge[0]), int(edge[1]), float(edge[2])
        except (TypeError, ValueError, IndexError):
            raise LatentiaError(f"edge {at} is {edge!r}, wanted (cause, effect, strength).") from None
        if len(edge) != 3 or (i, j) != (edge[0], edge[1]) or not (0 <= i < n and 0 <= j < m):
            raise LatentiaError(f"edge {at} is {edge!r}; causes are counted 0 to {n - 1}, effects 0 to {m - 1}.")
        if not 0 <= w <= 1:
            raise LatentiaError(f"edge {at} has strength {w:g}, wanted a probability from 0 to 1.")
        if (i, j) in seen:
            raise LatentiaError(f"edge {at} from cause {i} to effect {j} comes twice; give one strength for both.")
        seen.add((i, j))
        checked.append((i, j, w))
    return checked


def _probabilities(name: str, value: float | Sequence[float], n: int, of: str) -> Tensor:
    try:
        values = torch.as_tensor(value, dtype=torch.float64)
    except (TypeError, ValueError):
        raise LatentiaError(f"{name} is a {type(value).__name__}, wanted a number or a list of {n}.") from None
    if values.shape not in ((), (n,)):
        raise LatentiaError(f"{name} has shape {tuple(values.shape)}, wanted one number, or {n}, one for each of the {of}.")
    good = (values >= 0) & (values <= 1)
    if not bool(good.all()):
        raise LatentiaError(f"{name} has {int((~good).sum())} of {values.numel()} values outside of 0 to 1.")
    return values.expand(n).clone()
