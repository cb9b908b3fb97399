"""What holds of every prior."""

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.distributions import Distribution
from torch.testing import assert_close

from helpers.chance import assert_mean_is
from helpers.construct import build, cases
from helpers.quadrature import masses_2d
from latentia.core.errors import LatentiaError
from latentia.families import DiagonalNormal, Family, Flow, FullRankNormal
from latentia.networks import MLP
from latentia.posteriors import Amortized
from latentia.priors import PRIORS, Prior, VampPrior

D, X_SHAPE = 2, (3,)
KNOWN = {"n_latents": D, "x_shape": X_SHAPE}
VARIANTS: dict[str, list[dict[str, Any]]] = {
    "mixture": [{"components": 1}, {"components": 3}],
    "vamp": [{"components": 1}, {"components": 4}],
    "codes": [{"n_classes": 3}],
}
every_prior = pytest.mark.parametrize(("name", "options"), cases(PRIORS, VARIANTS))
K, B = 4, 3


def encode(family: Family) -> Callable[[Tensor], Distribution]:
    return Amortized(MLP(X_SHAPE, [], D, per_value=family.raw_per_value), family).double().encode


def make(name: str, options: dict[str, Any]) -> Prior:
    """A prior whose parameters have left their starting point."""
    prior: Prior = build(PRIORS[name], options, KNOWN).double()
    if isinstance(prior, VampPrior):
        prior.attach(encode(DiagonalNormal()))
    with torch.no_grad():
        for parameter in prior.parameters():
            parameter.add_(0.5 * torch.randn_like(parameter))
    return prior


@every_prior
def test_event_is_one_z_and_batch_is_nothing_or_the_rows(name: str, options: dict[str, Any]) -> None:
    prior = make(name, options)
    p = prior.distribution()
    assert p.event_shape == prior.z_shape
    assert prior.z_shape[0] == D
    assert p.batch_shape in ((), (B,))
    z = torch.randn(K, B, *prior.z_shape, dtype=torch.float64)
    assert p.log_prob(z).shape == (K, B)
    assert p.sample((7,)).shape == (7, *prior.z_shape)
    assert p.sample().dtype == torch.float64


@every_prior
def test_mass_is_one_and_the_stated_mean_is_its_mean(name: str, options: dict[str, Any]) -> None:
    p = make(name, options).distribution()
    points, mass = masses_2d(p)
    assert_close(mass.sum(), torch.ones_like(mass.sum()), rtol=0, atol=1e-6)
    assert_close((mass @ points.flatten(1)).reshape(p.event_shape), p.mean.detach(), rtol=1e-5, atol=1e-6)


@every_prior
def test_draws_follow_the_density(name: str, options: dict[str, Any]) -> None:
    """False alarm: 1e-6 over the seed, for each prior. First and second moments of 20,000 draws against quadrature."""
    p = make(name, options).distribution()
    points, mass = masses_2d(p)
    points, z = points.flatten(1), p.sample((20_000,)).flatten(1)
    assert_mean_is(torch.cat([z, z.square()], -1), torch.cat([mass @ points, mass @ points.square()]), "moments")


@every_prior
def test_every_parameter_gets_a_gradient(name: str, options: dict[str, Any]) -> None:
    prior = make(name, options)
    log_prob = prior.distribution().log_prob(torch.randn(64, *prior.z_shape, dtype=torch.float64))
    if any(True for _ in prior.parameters()):
        log_prob.sum().backward()
    for parameter, value in prior.named_parameters():
        assert value.grad is not None, parameter
        if not (options.get("components") == 1 and parameter == "logits"):  # the share of a single part is one
            assert bool((value.grad != 0).any()), parameter


@every_prior
def test_rows_shown_before_training_leave_a_usable_prior(name: str, options: dict[str, Any]) -> None:
    prior = make(name, options)
    prior.start_at(torch.randn(5, *X_SHAPE, dtype=torch.float64))
    assert bool(torch.isfinite(prior.distribution().log_prob(torch.zeros(prior.z_shape, dtype=torch.float64))))


def test_the_standard_normal_is_standard() -> None:
    p = make("standard-normal", {}).distribution()
    z = torch.randn(K, B, D, dtype=torch.float64)
    assert_close(p.log_prob(z), -0.5 * (math.log(2 * math.pi) + z.square()).sum(-1))


@pytest.mark.parametrize("family", [DiagonalNormal(), FullRankNormal(D), Flow(D)], ids=lambda family: type(family).__name__)
def test_the_vamp_prior_is_the_average_of_the_posteriors_of_its_pseudo_inputs(family: Family) -> None:
    encoder = encode(family)
    prior = VampPrior(D, X_SHAPE, components=4, encode=encoder).double()
    z = torch.randn(K, B, D, dtype=torch.float64)
    each = torch.stack([encoder(u.unsqueeze(0)).log_prob(z) for u in prior.pseudo_inputs])
    assert_close(prior.distribution().log_prob(z), each.exp().mean(0).log())
    _, mass = masses_2d(prior.distribution())
    assert_close(mass.sum(), torch.ones_like(mass.sum()), rtol=0, atol=2e-5)


def test_the_vamp_prior_follows_its_encoder_and_moves_it() -> None:
    posterior = Amortized(MLP(X_SHAPE, [], D, per_value=2), DiagonalNormal())
    prior = VampPrior(D, X_SHAPE, components=4, encode=posterior.encode)
    prior.distribution().log_prob(torch.randn(8, D)).sum().backward()
    assert all(value.grad is not None and bool(value.grad.any()) for value in posterior.parameters())
    assert {name for name, _ in prior.named_parameters()} == {"pseudo_inputs"}, "the encoder belongs to the posterior"


def test_the_vamp_prior_starts_at_rows_of_the_data() -> None:
    rows = torch.randn(6, *X_SHAPE)
    prior = VampPrior(D, X_SHAPE, components=10)
    prior.start_at(rows)
    distance = torch.cdist(prior.pseudo_inputs.detach(), rows).min(1).values
    assert not bool(distance.any())


def test_the_vamp_prior_says_that_it_has_no_encoder() -> None:
    with pytest.raises(LatentiaError, match="attach"):
        VampPrior(D, X_SHAPE).distribution()


@pytest.mark.parametrize("name", ["mixture", "vamp"])
def test_a_mixture_of_nothing_is_refused(name: str) -> None:
    with pytest.raises(LatentiaError, match="components"):
        build(PRIORS[name], {"components": 0}, KNOWN)
