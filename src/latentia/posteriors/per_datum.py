"""Variational parameters for each row by itself, searched for where the row is met.

Hoffman et al. (2013), Stochastic Variational Inference.
"""

from typing import Literal

import torch
from torch import Tensor
from torch.distributions import Distribution

from latentia.core import Batch
from latentia.core.checks import check_counts, check_positive, check_shape
from latentia.core.errors import LatentiaError, nearest
from latentia.core.memory import Memory, as_tensor
from latentia.core.random import seeded
from latentia.core.ranks import company
from latentia.families import Family
from latentia.models import GenerativeModel
from latentia.posteriors.base import Posterior
from latentia.posteriors.inner import check_reparameterized, judged_bound, landing_slope, per_row, score_slope

GRADIENTS = ["reparameterized", "score-function"]
WINDOW, JUDGES, SMALLEST_SHARE = 10, 32, 1 / 32


class PerDatum(Posterior):
    """q(z_i) = family(raw_i), raw_i climbed by Adam from the same start for every row; there is no network.

    A search takes ``steps`` steps, its rate falling to zero along a cosine. With a ``tolerance`` each row goes at its own
    pace instead: where ten steps raise its bound by less, as told by draws that are the same before and after, its steps
    are halved; after six halvings it has ended, and when all have, so has the search.

    With ``table``, training rows keep their numbers from epoch to epoch, indexed by ``Batch.row``: each visit goes on where
    the last ended, which needs few steps a visit. The table follows one training split; other rows, and all rows outside of
    training, are searched for from the start.

    Args:
        family: how raw numbers are read as a distribution over z.
        n_latents: D, the length of z.
        steps: steps of a search; at most so many with a tolerance.
        table: keep the numbers of training rows.
        table_steps: steps a visit of a row in the table.
        lr: Adam's rate; constant in a visit.
        draws: draws a step.
        tolerance: nats; 0 for none.
        gradient: "reparameterized", or "score-function" (black-box VI), which asks nothing of the model but its log joint,
            and needs more draws.

    Raises:
        LatentiaError: no steps, no draws, or fewer than two with the score function; a rate that is not positive, a negative
            tolerance, or another gradient.
        NoReparameterization: draws of the family carry no gradient, and the gradient is the reparameterized one.
    """

    raw: Tensor

    def __init__(
        self,
        family: Family,
        n_latents: int,
        steps: int = 100,
        table: bool = False,
        table_steps: int = 5,
        lr: float = 0.1,
        draws: int = 4,
        tolerance: float = 0.0,
        gradient: Literal["reparameterized", "score-function"] = "reparameterized",
    ) -> None:
        super().__init__()
        check_counts(n_latents=n_latents, steps=steps, table_steps=table_steps, draws=draws)
        check_positive(lr=lr)
        check_positive(tolerance=tolerance, zero=True)
        if gradient not in GRADIENTS:
            raise LatentiaError(f"gradient is {gradient!r}; {nearest(str(gradient), GRADIENTS)}.")
        self.family, self.n_latents = family, n_latents
        self.steps, self.table, self.table_steps = steps, table, table_steps
        self.lr, self.draws, self.tolerance, self.gradient = lr, draws, tolerance, gradient
        # The same for every model, so it is no part of what is saved.
        self.register_buffer("raw", torch.zeros(0, family.raw_per_value, n_latents), persistent=False)
        if gradient == "score-function":
            if draws < 2:
                raise LatentiaError(
                    f"draws is {draws}, but the score function's baseline is of the other draws; give 2 or more."
                )
        else:
            check_reparameterized(family, torch.zeros(1, family.raw_per_value, n_latents))

    def infer(self, model: GenerativeModel, batch: Batch) -> Distribution:
        """A row's own numbers where the table has them, in training; else the end of its search. No gradient passes.

        Raises:
            ShapeError: the model's z is of another length.
        """
        self._check_fit(model)
        raw = self.raw[batch.row] if self._in_table(batch) else self.search(model, batch)
        return self.family.distribution(raw, event_dim=1)

    def before_step(self, model: GenerativeModel, batch: Batch) -> None:
        """In training with a table: move these rows' numbers on."""
        if not (self.table and self.training):
            return
        self._check_fit(model)
        if not self._in_table(batch):
            blank = self._blank(batch)
            self.raw = blank[:1].new_zeros(batch.n_rows, *blank.shape[1:])
        moved = self._climb(model, batch, self.raw[batch.row], self.table_steps, falls=False)
        sound = torch.isfinite(moved).flatten(1).all(1)
        rows, moved = batch.row, torch.where(per_row(sound, moved), moved, self.raw[batch.row])
        if (ranks := company()) is not None:
            rows, moved = ranks.rows_of_all(rows, moved)
        self.raw[rows] = moved

    def memory(self) -> Memory:
        """The table, by which training goes on, and which no finished run needs."""
        return {"raw": self.raw} if len(self.raw) else {}

    def restore(self, memory: Memory) -> None:
        self.raw = as_tensor(memory["raw"]).to(self.raw.device).clone()

    def search(self, model: GenerativeModel, batch: Batch) -> Tensor:
        """Raw numbers of each row from the common start, (B, raw_per_value, D), detached."""
        with seeded(0):
            if self.tolerance:
                return self._climb_until(model, batch, self._blank(batch))
            return self._climb(model, batch, self._blank(batch), self.steps, falls=True)

    def _check_fit(self, model: GenerativeModel) -> None:
        check_shape(
            "the model's z", model.z_shape, (self.n_latents,), cure="give PerDatum as many n_latents as the model has."
        )

    def _in_table(self, batch: Batch) -> bool:
        return self.table and self.training and len(self.raw) == batch.n_rows

    def _blank(self, batch: Batch) -> Tensor:
        shape = (len(batch.x), self.family.raw_per_value, self.n_latents)
        return torch.zeros(shape, dtype=batch.x.dtype, device=batch.x.device)

    def _climb(self, model: GenerativeModel, batch: Batch, start: Tensor, steps: int, falls: bool) -> Tensor:
        raw = start.detach().clone().requires_grad_()
        optimizer = torch.optim.Adam([raw], lr=self.lr, maximize=True)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps) if falls else None
        for _ in range(steps):
            raw.grad = self._slope(model, batch, raw)
            optimizer.step()
            if schedule is not None:
                schedule.step()
        return raw.detach()

    def _climb_until(self, model: GenerativeModel, batch: Batch, start: Tensor) -> Tensor:
        raw = start.detach().clone().requires_grad_()
        optimizer = torch.optim.Adam([raw], lr=self.lr, maximize=True)
        share = raw.new_ones(len(raw))  # of each row's step that is taken
        before = self._judged(model, batch, raw)
        for step in range(1, self.steps + 1):
            held = raw.detach().clone()
            raw.grad = self._slope(model, batch, raw)
            optimizer.step()
            with torch.no_grad():
                raw.copy_(torch.lerp(held, raw, per_row(share, raw)))
            if step % WINDOW:
                continue
            now = self._judged(model, batch, raw)
            share = torch.where(now - before < self.tolerance, share / 2, share)
            share = torch.where(share < SMALLEST_SHARE, 0.0, share)
            before = now
            if not bool(share.any()):
                break
        return raw.detach()

    def _slope(self, model: GenerativeModel, batch: Batch, raw: Tensor) -> Tensor:
        slope = score_slope if self.gradient == "score-function" else landing_slope
        return slope(model, self.family, raw, batch, self.draws)[1]

    def _judged(self, model: GenerativeModel, batch: Batch, raw: Tensor) -> Tensor:
        return judged_bound(model, self.family, raw, batch, JUDGES)
