"""Coordinate ascent (CAVI): each factor of a mean-field posterior in turn is put where the ELBO is largest for the others.

Bishop (2006), Pattern Recognition and Machine Learning, section 10.1; Blei, Kucukelbir & McAuliffe (2017), Variational
Inference: A Review for Statisticians.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from latentia.bounds import Bound, Elbo
from latentia.core import Batch
from latentia.core.checks import check_shape
from latentia.core.errors import LatentiaError, NoClosedForm
from latentia.distributions import closed_kl
from latentia.learners.base import Learner
from latentia.models import GenerativeModel, HasCoordinateAscent
from latentia.posteriors import Posterior


class Ascent(NamedTuple):
    """How an ascent went.

    Attributes:
        bounds: the ELBO in nats a row after each sweep.
        converged: whether the last sweep gained less than the tolerance.
    """

    bounds: tuple[float, ...]
    converged: bool

    @property
    def bound(self) -> float:
        """The ELBO at the end, nats a row."""
        return self.bounds[-1]

    @property
    def steps(self) -> int:
        """Sweeps taken."""
        return len(self.bounds)


class VariationalFactor(Posterior):
    """q(z) of a mean-field posterior, as the model states it for its other factors."""

    def infer(self, model: GenerativeModel, batch: Batch) -> Distribution:
        """Ask the model.

        Raises:
            NoClosedForm: the model has no ``variational_posterior``.
        """
        if not isinstance(model, HasCoordinateAscent):
            raise NoClosedForm(f"{type(model).__name__} has no variational_posterior; use 'amortized'.")
        return model.variational_posterior(batch)


class CoordinateAscent(Learner):
    """Each step is one sweep: q(z), then every other factor once. The ELBO of the training rows rises or stands still.

    The ELBO is that of the whole Bayesian model, parameters included, and bounds log p(all rows). A step takes all
    training rows at once. There is no rate to choose.

    Args:
        model: p and the factors of q, with ``factors``, ``variational_posterior``, ``update`` and ``elbo``.

    Raises:
        NoClosedForm: the model lacks one of them.
    """

    def __init__(self, model: GenerativeModel) -> None:
        if not isinstance(model, HasCoordinateAscent):
            raise NoClosedForm(
                f"coordinate ascent needs factors, variational_posterior, update and elbo; {type(model).__name__} lacks "
                "one of them, use Joint."
            )
        self.model, self.posterior = model, VariationalFactor()
        self.bound: Bound = Elbo()
        self.draws, self.steps = 1, 0
        self.full_batch = True
        self._closed: HasCoordinateAscent = model
        self._modules = nn.ModuleDict({"model": model, "posterior": self.posterior})

    @torch.no_grad()
    def step(self, batch: Batch) -> dict[str, Tensor]:
        """One sweep on all training rows.

        Returns:
            "bound": the ELBO after the sweep, nats a row; "rate": KL(q(z) || p(z)) in nats a row, before the other factors
            move, p(z) with its parameters at their means; "grad_norm": 0; "skipped": 1 where something was not finite, the
            factors being left as they were.

        Raises:
            LatentiaError: a minibatch, whose best factors would forget the other rows.
            NoClosedForm: the batch has a mask.
            ShapeError: rows of another shape than the model's.
        """
        check_shape(
            "a row of the batch", batch.x.shape[1:], self.model.x_shape, cure="build the model for rows of this shape."
        )
        if len(batch.x) != batch.n_rows:
            raise LatentiaError(
                f"coordinate ascent steps on all {batch.n_rows} training rows at once, got {len(batch.x)}; "
                f"use batch_size={batch.n_rows}."
            )
        nothing = torch.zeros((), dtype=batch.x.dtype, device=batch.x.device)
        self.steps += 1
        if not (bool(torch.isfinite(batch.x).all()) and (batch.given is None or bool(torch.isfinite(batch.given).all()))):
            return _log(nothing * torch.nan, nothing * torch.nan, skipped=torch.ones_like(nothing, dtype=torch.bool))
        before = [buffer.clone() for buffer in self.model.buffers()]
        q = self._closed.variational_posterior(batch)
        rate = closed_kl(q, self.model.prior(batch.given)).double().sum() / batch.n_rows
        for factor in self._closed.factors:
            self._closed.update(factor, batch, q)
        bound = self._closed.elbo(batch, q) / batch.n_rows
        skipped = ~(torch.isfinite(bound) & torch.isfinite(rate))
        if bool(skipped):
            for buffer, value in zip(self.model.buffers(), before, strict=True):
                buffer.copy_(value)
        return _log(bound, rate, skipped)

    def ascend(self, batch: Batch, tolerance: float = 1e-7, most_steps: int = 1_000) -> Ascent:
        """Sweep until one gains less than ``tolerance`` nats a row, from where the factors are (see ``start_at``).

        A small gain is no proof of a maximum: a latent or a component may take hundreds of sweeps to switch off.

        Args:
            batch: all training rows.
            tolerance: nats a row; in float32 no less than rounding, about 1e-6 of the bound.
            most_steps: where to end without convergence, which the result says.

        Raises:
            LatentiaError: a tolerance below 0, fewer than 1 step, or a sweep that was not finite.
        """
        if tolerance < 0 or most_steps < 1:
            raise LatentiaError(f"tolerance is {tolerance} and most_steps {most_steps}, wanted at least 0 and at least 1.")
        bounds: list[float] = []
        while len(bounds) < most_steps:
            log = self.step(batch)
            if bool(log["skipped"]):
                raise LatentiaError(
                    f"sweep {len(bounds) + 1} was not finite and the factors are as they were before it; "
                    "look for NaN or infinite rows, or standardize x."
                )
            bounds.append(float(log["bound"]))
            if len(bounds) > 1 and bounds[-1] - bounds[-2] < tolerance:
                return Ascent(tuple(bounds), converged=True)
        return Ascent(tuple(bounds), converged=False)

    def check(self, total_steps: int) -> None:
        """Refuses nothing: there are no schedules."""

    @property
    def modules(self) -> nn.ModuleDict:
        return self._modules

    @property
    def lr(self) -> float:
        """1: a step goes all the way to each factor's maximum."""
        return 1.0

    @property
    def effective_beta(self) -> float:
        return 1.0

    @property
    def warm_up_steps(self) -> int:
        return 0


def _log(bound: Tensor, rate: Tensor, skipped: Tensor) -> dict[str, Tensor]:
    return {"bound": bound, "rate": rate, "grad_norm": torch.zeros_like(bound), "skipped": skipped}
