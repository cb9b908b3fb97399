"""Coordinate ascent (CAVI): each factor of a mean-field posterior in turn is put where the ELBO is largest for the others.

Bishop (2006), Pattern Recognition and Machine Learning, section 10.1; Blei, Kucukelbir & McAuliffe (2017), Variational
Inference: A Review for Statisticians.
"""

from collections.abc import Callable
from typing import NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from latentia.bounds import Bound, Elbo
from latentia.core import Batch
from latentia.core.checks import check_shape
from latentia.core.errors import LatentiaError, NoClosedForm
from latentia.core.memory import Memory, as_tensor
from latentia.data import Split
from latentia.distributions import closed_kl
from latentia.learners.base import Learner
from latentia.models import GenerativeModel, HasCoordinateAscent, HasRowBounds, HasSearchedPosterior
from latentia.posteriors import Posterior, VariationalFactor

ROWS_AT_ONCE = 2_000


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


class CoordinateAscent(Learner):
    """Each step is one sweep: q(z), then every other factor once. The ELBO of the training rows rises or stands still.

    The ELBO is that of the whole Bayesian model, parameters included, and bounds log p(all rows). A step takes all
    training rows at once. There is no rate to choose. Where q(z) is searched for, a search may end lower than the last
    sweep's did: then, and for those rows, the last sweep's answer serves on.

    Args:
        model: p and the factors of q, with ``factors``, ``variational_posterior``, ``update`` and ``elbo``.
        posterior: ``VariationalFactor()``, which None stands for.

    Raises:
        NoClosedForm: the model lacks one of them.
        LatentiaError: another posterior.
    """

    def __init__(self, model: GenerativeModel, posterior: Posterior | None = None) -> None:
        if not isinstance(model, HasCoordinateAscent):
            raise NoClosedForm(
                f"coordinate ascent needs factors, variational_posterior, update and elbo; {type(model).__name__} lacks "
                "one of them, use Joint."
            )
        self.model, self.posterior = model, own_factor(posterior, "coordinate ascent")
        self.bound: Bound = Elbo()
        self.draws, self.steps = 1, 0
        self.full_batch = True
        self._closed: HasCoordinateAscent = model
        self._last: _Answer | None = None
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
        self.steps += 1
        if not is_finite(batch):
            return not_taken(batch)
        if isinstance(self.model, HasSearchedPosterior):
            # Whatever order the rows come in, so that a sweep's answers can be held against the last one's.
            batch = in_order(batch)
        before = [buffer.clone() for buffer in self.model.buffers()]
        sweep = self._sweep(batch, self._closed.variational_posterior(batch))
        last = self._last
        if (
            isinstance(self.model, HasSearchedPosterior)
            and last is not None
            and bool(sweep.bound < last.bound)
            and (then := last.like(sweep.q)).batch_shape == sweep.q.batch_shape
        ):
            put_back(self.model, before)
            sweep = self._sweep(batch, self.model.better_of(batch, sweep.q, then))
        skipped = ~(torch.isfinite(sweep.bound) & torch.isfinite(sweep.rate))
        if bool(skipped):
            put_back(self.model, before)
        elif isinstance(self.model, HasSearchedPosterior):
            self._last = _Answer.of(sweep)
        return log_of(sweep.bound, sweep.rate, skipped)

    def _sweep(self, batch: Batch, q: Distribution) -> "_Sweep":
        """Every factor but q(z), once."""
        rate = closed_kl(q, self.model.prior(batch.given)).double().sum() / batch.n_rows
        for factor in self._closed.factors:
            self._closed.update(factor, batch, q)
        return _Sweep(q, self._closed.elbo(batch, q) / batch.n_rows, rate)

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

    def own_look(self, split: Split) -> dict[str, float]:
        """The bound of ``held_out_bound``."""
        return held_out_bound(self.model, split)

    def own_memory(self) -> Memory:
        return {} if self._last is None else {"bound": self._last.bound, **self._last.parameters}

    def restore_own(self, memory: Memory) -> None:
        held = {name: as_tensor(value) for name, value in memory.items()}
        self._last = _Answer(held.pop("bound"), held) if held else None

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


class _Sweep(NamedTuple):
    """q(z) of a sweep; the ELBO after it and the rate before, nats a row."""

    q: Distribution
    bound: Tensor
    rate: Tensor


class _Answer(NamedTuple):
    """What a sweep leaves for the next one: the ELBO, nats a row, and q(z) by its parameters, which can be written down."""

    bound: Tensor
    parameters: dict[str, Tensor]

    @classmethod
    def of(cls, sweep: _Sweep) -> "_Answer":
        return cls(sweep.bound, {name: getattr(sweep.q, name) for name in sweep.q.arg_constraints})

    def like(self, q: Distribution) -> Distribution:
        """The answer, as a distribution of q's kind."""
        return cast("Callable[..., Distribution]", type(q))(**self.parameters, validate_args=False)


def own_factor(posterior: Posterior | None, learner: str) -> VariationalFactor:
    """The posterior of a learner that asks the model for q(z).

    Raises:
        LatentiaError: another one was given.
    """
    posterior = VariationalFactor() if posterior is None else posterior
    if not isinstance(posterior, VariationalFactor):
        raise LatentiaError(
            f"{learner} asks the model for q(z) and would not use {type(posterior).__name__}; give posterior 'variational'."
        )
    return posterior


def is_finite(batch: Batch) -> bool:
    """Whether every value of the rows, and of what they are conditioned on, is finite."""
    return bool(torch.isfinite(batch.x).all()) and (batch.given is None or bool(torch.isfinite(batch.given).all()))


def in_order(batch: Batch) -> Batch:
    """The same rows by their place in the split."""
    order = batch.row.argsort()
    given, mask = (None if t is None else t[order] for t in (batch.given, batch.mask))
    return batch._replace(x=batch.x[order], row=batch.row[order], given=given, mask=mask)


@torch.no_grad()
def held_out_bound(model: GenerativeModel, split: Split) -> dict[str, float]:
    """The rows' part of the ELBO, nats a row, without a draw and with the factors' doubt; nothing where the model has none.

    Draws with the factors at their means, as the training loop looks by itself, are too noisy to tell two sweeps apart.
    """
    if not isinstance(model, HasRowBounds):
        return {}
    bounds = [model.row_bounds(batch, model.variational_posterior(batch)) for batch in split.batches(ROWS_AT_ONCE)]
    return {"bound": float(torch.cat(bounds).mean())}


def put_back(model: nn.Module, before: list[Tensor]) -> None:
    """Give every buffer the value it had."""
    for buffer, value in zip(model.buffers(), before, strict=True):
        buffer.copy_(value)


def log_of(bound: Tensor, rate: Tensor, skipped: Tensor) -> dict[str, Tensor]:
    """What a learner without gradients logs of a step."""
    return {"bound": bound, "rate": rate, "grad_norm": torch.zeros_like(bound), "skipped": skipped}


def not_taken(batch: Batch) -> dict[str, Tensor]:
    """What it logs of a step on rows that are not finite."""
    nothing = torch.full((), torch.nan, dtype=batch.x.dtype, device=batch.x.device)
    return log_of(nothing, nothing, torch.ones((), dtype=torch.bool, device=batch.x.device))
