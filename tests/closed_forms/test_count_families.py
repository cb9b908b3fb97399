"""Families of counts: where the dispersion comes from, where a decoder starts, and what is refused."""

import pytest
import torch
from torch.testing import assert_close

from latentia.core.errors import ShapeError
from latentia.distributions import NegativeBinomial as Counted
from latentia.families import NegativeBinomial, Poisson, ZeroInflatedNegativeBinomial
from latentia.recipe import build_model, describe_model

V = 3


def counts() -> torch.Tensor:
    torch.manual_seed(0)
    return Counted(torch.tensor([0.5, 4.0, 300.0]), torch.tensor([2.0, 0.2, 0.05])).sample((60_000,))


def test_each_value_starts_at_its_own_mean_and_dispersion() -> None:
    x = counts()
    for options in ({"x_shape": V}, {"dispersion": "network"}):
        family = NegativeBinomial(**options)  # pyright: ignore[reportArgumentType]
        q = family.distribution(family.raw_at(x.mean(0), x.std(0)))
        assert_close(q.mean, x.mean(0), rtol=1e-4, atol=1e-4)
        assert_close(q.variance, x.var(0), rtol=0.02, atol=0.02)
    shared = NegativeBinomial()
    shared.raw_at(x.mean(0), x.std(0))
    assert shared.log_dispersion.shape == ()
    inflated = ZeroInflatedNegativeBinomial(x_shape=(V,))
    assert_close(inflated.distribution(inflated.raw_at(x.mean(0), x.std(0))).mean, x.mean(0), rtol=1e-3, atol=1e-3)
    assert_close(Poisson().distribution(Poisson().raw_at(x.mean(0), x.std(0))).variance, x.mean(0), rtol=1e-4, atol=1e-4)


def test_a_dispersion_a_value_refuses_another_event() -> None:
    with pytest.raises(ShapeError, match=r"each of \(4,\) values, was given an event \(3,\)"):
        NegativeBinomial(x_shape=4).distribution(torch.zeros(2, 1, V))


def test_a_recipe_fills_in_the_shape() -> None:
    component = {"name": "decoded", "family": {"name": "negative-binomial"}}
    model = build_model(component, (V,), 2)
    assert model.family.log_dispersion.shape == (V,)  # pyright: ignore[reportAttributeAccessIssue]
    assert describe_model(model)["family"] == {"name": "negative-binomial", "dispersion": "learned"}
    fixed = build_model({"name": "decoded", "family": {"name": "negative-binomial", "dispersion": 0.5}}, (V,), 2)
    assert not hasattr(fixed.family, "log_dispersion")


@pytest.mark.parametrize("size", [-1e4, 1e4])
def test_rates_and_their_gradients_stay_finite_whatever_a_network_says(size: float) -> None:
    for family in (Poisson(), NegativeBinomial(), ZeroInflatedNegativeBinomial()):
        raw = torch.full((family.raw_per_value, V), size, requires_grad=True)
        family.distribution(raw).log_prob(torch.tensor([0.0, 7.0, 1e6])).backward()
        assert raw.grad is not None
        assert bool(raw.grad.isfinite().all())
