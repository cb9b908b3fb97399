"""One-hot blocks against torch's own one-hot categoricals, block by block."""

import math

import pytest
import torch
from torch.distributions import OneHotCategorical
from torch.testing import assert_close

from helpers.chance import assert_mean_is
from latentia.core.errors import LatentiaError, NoClosedForm, ShapeError, SupportError
from latentia.distributions import OneHotBlocks, block_columns
from latentia.families import OneHotBlocks as Family

SIZES = (2, 1, 4, 3)


def law(*batch: int) -> tuple[OneHotBlocks, list[OneHotCategorical]]:
    logits = 2 * torch.randn(*batch, sum(SIZES), dtype=torch.float64)
    return OneHotBlocks(logits, SIZES), [OneHotCategorical(logits=part) for part in logits.split(SIZES, -1)]


def test_it_is_one_categorical_a_block() -> None:
    """False alarm: 1e-6 over the seed, of the draws."""
    d, parts = law(3)
    x = torch.cat([part.sample((5,)) for part in parts], -1)
    assert_close(d.log_prob(x), torch.stack([p.log_prob(v) for p, v in zip(parts, x.split(SIZES, -1), strict=True)]).sum(0))
    for name in ("mean", "variance", "mode"):
        assert_close(getattr(d, name), torch.cat([getattr(part, name) for part in parts], -1))
    assert_close(d.entropy(), torch.stack([part.entropy() for part in parts]).sum(0))
    draws = d.sample((20_000,))
    pairs = torch.einsum("nbs,nbt->bst", draws, draws) / len(draws)
    assert_mean_is(draws, d.mean, "draws")
    assert_close(pairs[:, 0, 3:7], d.mean[:, :1] * d.mean[:, 3:7], rtol=0, atol=0.03)
    assert d.expand((2, 3)).sample((4,)).shape == (4, 2, 3, 10)


def test_what_is_no_code_has_no_mass() -> None:
    d, _ = law()
    good = d.sample()
    for place, value in ((0, 0.5), (2, 0.0), (2, 2.0), (int(good[:2].argmin()), 1.0)):
        bad = good.clone()
        bad[place] = value
        assert float(OneHotBlocks(d.logits, SIZES, validate_args=False).log_prob(bad)) == -math.inf
        with pytest.raises(SupportError, match="a single one in each block"):
            d.log_prob(bad)


def test_a_state_of_no_mass_is_neither_drawn_nor_a_nan() -> None:
    d = OneHotBlocks(torch.tensor([0.0, -math.inf, 1.0, 2.0, 3.0]), (2, 3), validate_args=False)
    assert bool((d.sample((500,))[:, 1] == 0).all())
    assert float(d.log_prob(torch.tensor([0.0, 1.0, 1.0, 0.0, 0.0]))) == -math.inf
    assert math.isfinite(float(d.log_prob(torch.tensor([1.0, 0.0, 1.0, 0.0, 0.0]))))
    assert math.isfinite(float(d.entropy()))


def test_all_states_are_listed_once() -> None:
    d, _ = law(2)
    states = d.enumerate_states()
    assert states.shape == (24, 10)
    assert len({tuple(row) for row in states.tolist()}) == 24
    assert_close(d.log_prob(d.enumerate_support()).exp().sum(0), torch.ones(2, dtype=torch.float64))
    assert_close(d.enumerate_support(expand=False)[:, 0], states)
    with pytest.raises(NoClosedForm, match="1099511627776 states, too many to list"):
        OneHotBlocks(torch.zeros(80), (2,) * 40).enumerate_states()


def test_columns_lead_to_the_table_and_back() -> None:
    columns, back = block_columns(SIZES)
    assert columns.tolist() == [[0, 1, 10, 10], [2, 10, 10, 10], [3, 4, 5, 6], [7, 8, 9, 10]]
    assert columns.flatten()[back].tolist() == list(range(10))


def test_sizes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ShapeError, match=r"give \(\.\.\., 10\)"):
        OneHotBlocks(torch.zeros(9), SIZES)
    with pytest.raises(ShapeError, match="at least one state"):
        OneHotBlocks(torch.zeros(2), (2, 0))
    with pytest.raises(ShapeError, match="wanted 10, those of all blocks"):
        OneHotBlocks(torch.zeros(10), SIZES).support.check(torch.zeros(3))
    with pytest.raises(LatentiaError, match="at least one block"):
        Family([])
    with pytest.raises(ShapeError, match="a vector of 5 latents"):
        Family([2, 3]).distribution(torch.zeros(1, 4))
