"""Counts given their total: SciPy's masses, sums over every row of a total, and what its mass is worth for other numbers."""

import math

import pytest
import torch
from scipy import stats
from torch.testing import assert_close

from latentia.core.errors import NoClosedForm
from latentia.distributions import MultinomialGivenTotal, log_orders

LOGITS = torch.tensor([0.4, -1.0, 0.0, 2.0], dtype=torch.float64)


@pytest.mark.parametrize("total", [0, 1, 6])
def test_scipy_gives_the_same_masses_and_they_sum_to_one_for_every_total(total: int) -> None:
    rows = MultinomialGivenTotal(LOGITS, total).enumerate_states()
    assert len(rows) == math.comb(total + 3, 3) == len(rows.unique(dim=0))
    assert_close(rows.sum(1), torch.full((len(rows),), float(total)).double())
    log_mass = MultinomialGivenTotal(LOGITS, total_count=99).log_prob(rows)
    assert_close(log_mass.exp().sum(), torch.ones(()).double())
    twin = stats.multinomial(total, LOGITS.softmax(-1).numpy())
    assert_close(log_mass, torch.from_numpy(twin.logpmf(rows.numpy())))


def test_rows_of_different_totals_are_each_scored_by_their_own() -> None:
    rows = torch.tensor([[1.0, 0, 2, 0], [0, 0, 0, 0], [5, 4, 3, 2]]).double()
    d = MultinomialGivenTotal(LOGITS, 3)
    each = [
        torch.distributions.Multinomial(int(row.sum()), logits=LOGITS, validate_args=False).log_prob(row) for row in rows
    ]
    assert_close(d.log_prob(rows), torch.stack(each))
    assert_close(log_orders(rows), torch.tensor([3.0, 1.0, math.factorial(14) / (120 * 24 * 6 * 2)]).double().log())


def test_what_is_no_count_has_no_mass_and_a_certain_thing_no_surprise() -> None:
    d = MultinomialGivenTotal(torch.tensor([0.0, -math.inf, 0.0]), 2, validate_args=False)
    values = torch.tensor([[1.0, 0, 1], [0, 1, 0], [0.5, 0, 0.5], [-1, 0, 2], [math.nan, 0, 1]])
    known = torch.tensor([math.log(0.5), -math.inf, -math.inf, -math.inf, math.nan])
    assert_close(d.log_prob(values), known, equal_nan=True)


def test_one_thing_and_too_many_states() -> None:
    assert_close(MultinomialGivenTotal(torch.zeros(1), 7).enumerate_states(), torch.tensor([[7.0]]))
    many = MultinomialGivenTotal(torch.zeros(100), 10)
    assert not many.has_enumerate_support
    with pytest.raises(NoClosedForm, match="10 counts of 100 things have"):
        many.enumerate_states()
