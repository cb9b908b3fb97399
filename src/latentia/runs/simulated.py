"""Rows drawn from a model whose numbers are all known: what its posterior learns from, and is judged by."""

from copy import deepcopy

import torch
from torch import Tensor

from latentia.core.errors import RecipeError
from latentia.core.random import seeded
from latentia.data import Dataset, checked_split, from_splits
from latentia.data.cut import DEFAULT_SHARES, counts
from latentia.models import GenerativeModel

ROWS = 20_000
ROWS_AT_ONCE = 10_000
# Not what a fit is seeded with, so that every fit of a recipe is judged by the same rows.
DRAW_SEED, MASK_SEED = 10, 11


def simulated(model: GenerativeModel, rows: int | None = None, observed: tuple[float, float] | None = None) -> Dataset:
    """Rows from the model, cut 80/10/10; the same ones at every call.

    Args:
        model: nothing of it may be left to learn.
        rows: how many; None for 20,000.
        observed: of each held-out row a share of values is seen that is drawn between these two; None for all of them.

    Raises:
        RecipeError: the model has parameters to learn.
        DataError: fewer than 3 rows.
    """
    learned = sum(p.numel() for p in model.parameters() if p.requires_grad)
    if learned:
        raise RecipeError(
            f"{type(model).__name__} has {learned:,} numbers to learn, so it cannot draw rows to learn them from; give it "
            "data, or use a known model, such as model.source=asia."
        )
    # Another device would draw other rows.
    model = deepcopy(model).to("cpu").eval()
    wanted = ROWS if rows is None else rows
    sizes = counts(wanted, DEFAULT_SHARES)
    with seeded(DRAW_SEED):
        x = torch.cat([model.sample(min(ROWS_AT_ONCE, wanted - at)) for at in range(0, wanted, ROWS_AT_ONCE)])
    is_bits = bool(((x == 0) | (x == 1)).all())
    train, valid, test = (x.bool() if is_bits else x).split(sizes)
    seen: list[Tensor | None] = [None, None]
    if observed is not None:
        low, high = observed
        with seeded(MASK_SEED):
            shares = low + (high - low) * torch.rand(sizes[1] + sizes[2])
            seen = list(model.draw_mask(shares).split(sizes[1:]))
    held_out = [checked_split(part, mask=mask)[0] for part, mask in zip((valid, test), seen, strict=True)]
    return from_splits("simulated rows", checked_split(train)[0], *held_out, levels=2 if is_bits else None)
