"""Every state of a discrete event, once."""

import pytest
import torch
from torch.distributions import Bernoulli, Categorical, Distribution, Independent, Normal, OneHotCategorical, Poisson
from torch.testing import assert_close

from helpers.structured_bits import Opaque, SelfSaid
from latentia.core.errors import LatentiaError, NoClosedForm
from latentia.distributions import LayeredBits, states

KNOWN: dict[str, tuple[Distribution, int]] = {
    "bits": (Independent(Bernoulli(logits=torch.randn(5, 3)), 1), 8),
    "bits in a square": (Independent(Bernoulli(probs=torch.rand(5, 2, 2)), 2), 16),
    "one bit without an axis": (Bernoulli(logits=torch.randn(5)), 2),
    "codes": (Independent(OneHotCategorical(logits=torch.randn(5, 2, 3)), 1), 9),
    "one code": (OneHotCategorical(logits=torch.randn(5, 4)), 4),
    "classes": (Independent(Categorical(logits=torch.randn(5, 2, 4)), 1), 16),
    "one class without an axis": (Categorical(logits=torch.randn(5, 4)), 4),
    "a wrapped wrapper": (Independent(Independent(Bernoulli(logits=torch.randn(5, 2, 2)), 1), 1), 16),
    "one that says them itself": (SelfSaid(torch.randn(5, 3)), 8),
}


@pytest.mark.parametrize("name", KNOWN)
def test_each_state_stands_once_and_their_mass_is_one(name: str) -> None:
    q, count = KNOWN[name]
    found = states(q)
    assert found.shape == (count, *q.event_shape)
    assert found.dtype == q.sample().dtype
    assert len({tuple(state.flatten().tolist()) for state in found}) == count
    every_row = found.unsqueeze(1).expand(count, 5, *q.event_shape)
    assert_close(q.log_prob(every_row).exp().sum(0), torch.ones(5))


def test_too_many_are_refused_before_they_are_made() -> None:
    q = Independent(Bernoulli(logits=torch.zeros(1, 200)), 1)
    with pytest.raises(LatentiaError, match=r"2\^200 states an event, wanted at most 4096; use something else"):
        states(q, cure="use something else")
    with pytest.raises(NoClosedForm, match=r"200 bits have 2\^200 states.* Here, use something else\."):
        states(LayeredBits(torch.zeros(1, 100), [lambda z: z], widths=[100, 100]), cure="use something else")
    with pytest.raises(LatentiaError, match="has 8 states"):
        states(KNOWN["one that says them itself"][0], limit=7)


@pytest.mark.parametrize("q", [Normal(torch.zeros(2), 1.0), Poisson(torch.ones(2)), Opaque(torch.zeros(2, 3))])
def test_what_has_no_list_is_refused(q: Distribution) -> None:
    with pytest.raises(LatentiaError, match="cannot be listed"):
        states(q)
