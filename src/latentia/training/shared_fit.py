"""What a fit to a log joint leaves: draws, moments, and how far to trust them, as results and not as exceptions."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from latentia.core.checks import check_counts
from latentia.core.errors import NonFinite
from latentia.core.random import seeded
from latentia.evaluation import Figure, smoothed
from latentia.evaluation.pareto import GOOD_K_HAT, LARGEST_K_HAT
from latentia.models import LogJoint
from latentia.posteriors import Shared

# A normal whose mean is 0.1 standard deviations off is 0.005 nats away, one 0.2 off 0.02; a smaller gap rules that out for a
# posterior near normal. Below the first, the weights are too alike for the shape of their tail to matter.
TINY_GAP, SMALL_GAP = 0.005, 0.02
# Nats by which the ELBO of two starts may differ and still be the same answer.
AGREE = 0.5
POOL = 4000
VALUES_AT_ONCE = 2**22


@dataclass(frozen=True)
class SharedFit:
    """A posterior shared by all rows, and what is known of its quality.

    Attributes:
        log_joint: what was fitted.
        posterior: q over the free numbers; ``draws`` speaks in named parameters.
        elbo: nats, with the standard error of the draws that judge it.
        gap: nats from the ELBO up to the importance-weighted log evidence, which estimates KL(q || posterior); NaN or
            infinite where a draw was ``lost``.
        k_hat: Pareto shape of the importance weights p / q; NaN where they are all alike, or a draw was ``lost``. It knows
            nothing of the size of the weights' tail, and neither it nor the gap sees a mode where q has no draws.
        lost: draws, of the 4,000 by which q is judged at the end, whose log density is NaN or infinite.
        starts: the ELBO in nats that each start reached, in the order of the starts; NaN where it left the finite numbers.
        modes: how many different posteriors the starts led to, two that are half a nat or less apart counting as one.
        steps: gradient steps that the kept start took.
        kept: rounds of the kept start that led up; one that led down was undone.
        gain: nats that its last round gained; negative where that led down, minus infinity where it left the finite numbers.
        tolerance: nats below which a round counts as no gain, and as no loss.
        mean: by name, (*shape).
        sd: by name, (*shape).
    """

    log_joint: LogJoint
    posterior: Shared
    elbo: Figure
    gap: float
    k_hat: float
    lost: int
    starts: tuple[float, ...]
    modes: int
    steps: int
    kept: int
    gain: float
    tolerance: float
    mean: dict[str, Tensor]
    sd: dict[str, Tensor]

    @property
    def converged(self) -> bool:
        """Whether the bound reached a plateau: the last round gained less than the tolerance, and not all were undone."""
        return self.gain < self.tolerance and (self.kept > 0 or not self.undone)

    @property
    def undone(self) -> bool:
        """Whether the last round led down by more than the tolerance, or out of the finite numbers."""
        return self.gain < -self.tolerance

    @property
    def dropped(self) -> int:
        """Starts that left the finite numbers."""
        return sum(math.isnan(elbo) for elbo in self.starts)

    @property
    def disagreement(self) -> float:
        """Nats between the best and the worst start that stayed finite."""
        finite = [elbo for elbo in self.starts if not math.isnan(elbo)]
        return max(finite) - min(finite)

    @property
    def usable(self) -> bool:
        """Whether the draws can stand for the posterior as they are: a plateau, and a gap or a k̂ that is small enough."""
        return self.converged and self._close

    @property
    def _close(self) -> bool:
        """Whether q is near enough; a gap that is not finite never is."""
        return self.gap < TINY_GAP or (self.gap < SMALL_GAP and not self.k_hat > GOOD_K_HAT)

    @property
    def verdict(self) -> str:
        """One sentence: what to do with the draws, and why."""
        # Weights that are all alike to the last digits have no tail to which a shape could be fitted.
        shape = "undefined (equal weights)" if math.isnan(self.k_hat) else f"{self.k_hat:.2f}"
        figures = f"k̂ {shape}, gap {self.gap:.2g} nats"
        if self.lost:
            word = f"do not trust: {_lost(self.lost, POOL)}"
        elif self._close:
            word = f"good: {figures}"
        elif not self.k_hat > LARGEST_K_HAT:
            word = f"resample: {figures}, so that moments are off, but resampled draws can be used"
        else:
            word = f"do not trust: {figures}, q is too narrow or of another shape"
        notes = []
        if self.undone:
            how = f"led down by {-self.gain:.2g} nats" if math.isfinite(self.gain) else "left the finite numbers"
            notes.append(f"the last round {how} and was undone, try a smaller lr")
        elif not self.converged:
            notes.append(f"the bound still rose by {self.gain:.2g} nats in the last round, take more steps")
        if self.disagreement > AGREE:
            notes.append(f"starts differ by {self.disagreement:.2g} nats, there may be several modes")
        if self.dropped:
            notes.append(f"{self.dropped} of {len(self.starts)} starts left the finite numbers")
        return "; ".join([word, *notes])

    def draws(self, n: int, resampled: bool = False, seed: int = 0) -> dict[str, Tensor]:
        """n draws of each parameter by name, each (n, *shape).

        Args:
            n: how many.
            resampled: whether to choose them from a larger pool by their Pareto-smoothed weights, with replacement: nearer
                to the posterior where ``k_hat`` is below 0.7.
            seed: of the draws; the caller's random state is left as it was.

        Raises:
            LatentiaError: n is below 1.
            NonFinite: draws of the pool have no finite density, so that none can be chosen by its weight.
        """
        check_counts(n=n)
        with torch.no_grad(), seeded(seed):
            if not resampled:
                z = self.posterior.infer().rsample((n,))
            else:
                pool, w = weighed(self.log_joint, self.posterior, max(POOL, 4 * n))
                if lost := not_finite(w):
                    raise NonFinite(f"{_lost(lost, len(w))}.")
                log_w, _ = smoothed(w)
                z = pool[torch.multinomial(log_w.exp(), n, replacement=True)]
            return self.log_joint.constrain(z)[0]

    def __str__(self) -> str:
        rows = [("parameter", "mean", "sd")]
        for name, mean in self.mean.items():
            for place in np.ndindex(mean.shape):
                label = name + (str(list(place)).replace(" ", "") if place else "")
                rows.append((label, f"{float(mean[place]):.4g}", f"{float(self.sd[name][place]):.4g}"))
        widths = [max(len(row[k]) for row in rows) for k in range(3)]
        lines = [f"  {a:<{widths[0]}}  {b:>{widths[1]}}  {c:>{widths[2]}}" for a, b, c in rows]
        family = type(self.posterior.family).__name__
        return "\n".join(
            [f"{family}, ELBO {self.elbo} nats, {len(self.starts)} starts, {self.modes} places", *lines, self.verdict]
        )


def weighed(log_joint: LogJoint, posterior: Shared, n: int, rows: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """n draws of the free numbers (n, D) and their log-weights log p - log q (n,), in chunks that fit the memory."""
    n_rows = (log_joint.n_rows or 1) if rows is None else len(rows)
    # ``sample`` would raise at a bad scale; here it is a weight that is no number.
    q = posterior.infer()
    z = q.rsample((n,))
    chunks = z.split(max(1, min(POOL, VALUES_AT_ONCE // n_rows)))
    return z, torch.cat([log_joint.log_prob(chunk, rows) - q.log_prob(chunk) for chunk in chunks])


def not_finite(w: Tensor) -> int:
    """How many log-weights are NaN or infinite."""
    return int((~torch.isfinite(w)).sum())


def _lost(lost: int, of: int) -> str:
    return f"the density is not finite in {lost} of {of} draws, keep the parameters where it is by their constraints"
