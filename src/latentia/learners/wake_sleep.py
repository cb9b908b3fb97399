"""Learners in which each half of a Helmholtz machine is taught by what the other one draws.

Hinton, Dayan, Frey & Neal (1995), The "Wake-Sleep" Algorithm for Unsupervised Neural Networks; Bornschein & Bengio (2015),
Reweighted Wake-Sleep; Le, Kosiorek, Siddharth, Teh & Wood (2019), Revisiting Reweighted Wake-Sleep.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from latentia.bounds import Elbo, Iwae
from latentia.core import Batch
from latentia.core.errors import LatentiaError
from latentia.data import Split
from latentia.learners.joint import Precision
from latentia.learners.phases import Phases
from latentia.learners.schedules import LearningRate
from latentia.models import GenerativeModel
from latentia.posteriors import Posterior

# Of fewer the best epoch would be the luckiest one: networks of neighbouring epochs differ by hundredths of a nat.
ROWS_TO_LOOK_AT = 10_000


class WakeSleep(Phases):
    """Awake, the model learns what the posterior draws for the rows; asleep, the posterior learns what the model dreams.

    Awake, E_q log p(x, z) rises with q held; asleep, KL(p(z | x) || q) falls, over dreams and not over rows, and the other
    way round than in the ELBO. So there is no one objective that falls, and where q cannot be the posterior the model ends
    off the maximum of the likelihood (docs/wake-sleep.md). The bound that is logged is the ELBO.

    Args:
        model, posterior, draws, lr, betas, eps, clip, precision: see ``Phases``.

    Raises:
        LatentiaError: as ``Phases``.
    """

    def __init__(
        self,
        model: GenerativeModel,
        posterior: Posterior,
        draws: int = 1,
        lr: LearningRate = LearningRate(1e-3),  # noqa: B008  an immutable tuple
        betas: Sequence[float] = (0.9, 0.999),
        eps: float = 1e-8,
        clip: float | None = None,
        precision: Precision = "fp32",
    ) -> None:
        phases = {"wake_theta": True, "wake_phi": False, "sleep_phi": True}
        super().__init__(model, posterior, Elbo(), equal, draws, lr, betas, eps, clip, precision, **phases)


class ReweightedWakeSleep(Phases):
    """Wake-sleep whose wake draws count as their importance weights say, normalized to sum to 1 for each row.

    Awake, the model follows a biased estimate of the slope of log p(x), whose bias fades as one over the draws; the
    posterior may learn from the same draws, KL(p(z | x) || q) at the rows, from dreams, or from both in equal parts. With
    one draw and without ``wake_phi`` it is ``WakeSleep``. The bound that is logged is the importance-weighted one.

    Args:
        draws: K, draws a row.
        wake_theta: the model learns; else it is held.
        wake_phi: the posterior learns from its own weighted draws.
        sleep_phi: the posterior learns from dreams.
        model, posterior, lr, betas, eps, clip, precision: see ``Phases``.

    Raises:
        LatentiaError: as ``Phases``.
    """

    def __init__(
        self,
        model: GenerativeModel,
        posterior: Posterior,
        draws: int = 5,
        wake_theta: bool = True,
        wake_phi: bool = True,
        sleep_phi: bool = True,
        lr: LearningRate = LearningRate(1e-3),  # noqa: B008  an immutable tuple
        betas: Sequence[float] = (0.9, 0.999),
        eps: float = 1e-8,
        clip: float | None = None,
        precision: Precision = "fp32",
    ) -> None:
        phases = {"wake_theta": wake_theta, "wake_phi": wake_phi, "sleep_phi": sleep_phi}
        super().__init__(model, posterior, Iwae(), normalized, draws, lr, betas, eps, clip, precision, **phases)


class Sleep(Phases):
    """The posterior alone learns, from what a model that is known draws: E_p(z, x) log q(z | x), with no row of data needed.

    As many rows are drawn as a batch has. The bound that is logged is mean log q(z | x); its largest value is minus the
    entropy of z given x. The rate is mean log q(z | x) - log p(z), a lower bound on the information that x has of z under
    the model (Barber & Agakov 2003, The IM Algorithm).

    Args:
        observed: least and greatest share of a dream's values that are seen, drawn evenly a row, so that the posterior
            learns to answer whichever values are missing; None hides what is missing in the batch's rows.
        model, posterior, lr, betas, eps, clip, precision: see ``Phases``.

    Raises:
        LatentiaError: shares outside [0, 1] or in the wrong order; or as ``Phases``.
    """

    def __init__(
        self,
        model: GenerativeModel,
        posterior: Posterior,
        observed: tuple[float, float] | None = None,
        lr: LearningRate = LearningRate(1e-3),  # noqa: B008  an immutable tuple
        betas: Sequence[float] = (0.9, 0.999),
        eps: float = 1e-8,
        clip: float | None = None,
        precision: Precision = "fp32",
    ) -> None:
        if observed is not None and not 0 <= observed[0] <= observed[1] <= 1:
            raise LatentiaError(f"observed is {tuple(observed)}, wanted two shares in order, such as (0, 1); or None.")
        self.observed = observed
        phases = {"wake_theta": False, "wake_phi": False, "sleep_phi": True}
        super().__init__(model, posterior, Elbo(), equal, 1, lr, betas, eps, clip, precision, **phases)

    def hide(self, batch: Batch) -> Tensor | None:
        """Each value of a row is seen with one chance that was drawn for the row."""
        if self.observed is None:
            return batch.mask
        low, high = self.observed
        return self.model.draw_mask(low + (high - low) * torch.rand_like(batch.row, dtype=torch.get_default_dtype()))

    def own_look(self, split: Split) -> dict[str, float]:
        """Mean log q(z | x) and rate of 10,000 dreams as "bound" and "rate"; the rows of the split say nothing of them."""
        rows = torch.arange(len(split), device=split.device)
        batch = split.batch(rows[torch.arange(ROWS_TO_LOOK_AT, device=rows.device) % len(rows)])
        losses = self.losses(batch)
        return {"bound": float(losses.bound), "rate": float(losses.rate)}


def equal(w: Tensor) -> Tensor:
    """Every draw counts alike: (K, B) -> (K, B)."""
    return torch.full_like(w, 1 / len(w))


def normalized(w: Tensor) -> Tensor:
    """Importance weights that sum to 1 for each row: log-weights (K, B) -> (K, B)."""
    return w.softmax(0)
