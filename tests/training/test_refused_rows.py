"""Rows that a likelihood holds impossible are refused before the first step, in every split, with what would fit."""

import numpy as np
import pytest
import torch

from latentia.core.errors import DataError, SupportError
from latentia.data import from_arrays, from_splits
from latentia.data.split import Split
from latentia.runs import fit_recipe

COUNTS = {"latents": 1, "fit": {"epochs": 1}, "model": {"family": "poisson"}}


def test_held_out_rows_are_looked_at_as_well() -> None:
    x = torch.poisson(torch.full((30, 3), 2.0))
    odd = x.clone()
    odd[4, 1] = -1.0
    data = from_splits("counts", Split(x), Split(x), Split(odd))
    with pytest.raises(SupportError) as caught:
        fit_recipe(COUNTS, data=data, progress=False)
    high = int(x.max())
    assert str(caught.value) == (
        "1 of 30 rows lie outside the support of the likelihood Poisson in test (values run from -1 to "
        f"{high}, first at row 4); the training rows, 0 to {high}, all whole, fit families negative-binomial, poisson, "
        "normal, laplace: choose one."
    )


@pytest.mark.parametrize(
    ("low", "high", "families"),
    [
        (-1.0, 1.0, "normal, laplace: choose one."),
        (0.1, 0.9, "beta, continuous-bernoulli, normal, laplace: choose one, or binarize='dynamic' to make bits of greys."),
    ],
)
def test_it_says_which_likelihoods_would_fit(low: float, high: float, families: str) -> None:
    x = torch.linspace(low, high, 60).reshape(20, 3)
    with pytest.raises(SupportError) as caught:
        fit_recipe(COUNTS, data=from_arrays(x), progress=False)
    assert str(caught.value).endswith(families)


def test_numbers_whose_squares_are_infinite_are_refused() -> None:
    x = np.random.default_rng(0).normal(size=(20, 2)) * 1e19
    with pytest.raises(DataError, match=r"squares of more than 1e\+18 are beyond float32; rescale it"):
        from_arrays(x)
    assert from_arrays(x / 1e3).x_shape == (2,)


def test_a_held_out_row_without_a_cell_has_no_bits_a_dimension() -> None:
    x = (torch.arange(40).reshape(20, 2) % 2).to(torch.uint8)
    whole, unseen = Split(x), Split(x[:2], mask=torch.zeros(2, 2, dtype=torch.bool))
    data = from_splits("bits", whole, whole, unseen, levels=2)
    run = fit_recipe({"latents": 1, "fit": {"epochs": 1}}, data=data, progress=False)
    assert run.evaluate(draws=2).bits_per_dim is None
