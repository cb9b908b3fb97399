"""Autoencoders whose latents are bits or codes: closed forms against sums over all states, and held-out numbers."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.distributions import Distribution
from torch.testing import assert_close

from helpers.chance import assert_mean_is
from helpers.oracles import log_bits
from helpers.quadrature import states_of
from latentia import fit, from_arrays
from latentia.core.errors import LatentiaError
from latentia.distributions import closed_kl, has_closed_kl, kl_per_dimension
from latentia.evaluation import smoothed
from latentia.families import Bernoulli, Family, OneHot
from latentia.models import Decoded
from latentia.networks import MLP
from latentia.posteriors import Amortized
from latentia.priors import BernoulliPrior, Codes, Prior
from latentia.weights import terms

D, C, V, B = 2, 3, 6, 4
KINDS: dict[str, tuple[Any, type[Family]]] = {
    "bits": (lambda: BernoulliPrior(D), Bernoulli),
    "codes": (lambda: Codes(D, C), OneHot),
}
every_kind = pytest.mark.parametrize("kind", KINDS)


def parts(kind: str) -> tuple[Decoded, Amortized]:
    make_prior, family = KINDS[kind]
    prior: Prior = make_prior()
    with torch.no_grad():
        for p in prior.parameters():
            p.copy_(torch.randn_like(p))
    return Decoded(prior, MLP(prior.z_shape, [5], V), Bernoulli()), Amortized(MLP(V, [5], prior.z_shape), family())


def answers(kind: str) -> tuple[Distribution, Distribution, Tensor]:
    """q for some rows, the prior, and every state of z."""
    model, posterior = parts(kind)
    q = posterior.double().encode(torch.randn(B, V).double())
    p = model.double().prior()
    return q, p, states_of(p)


def prior_by_hand(p: Any, states: Tensor) -> Tensor:
    """Each latent by its own row of numbers: (S,)."""
    logits = p.base_dist.logits
    if states.ndim == 2:
        return log_bits(states, logits)
    each = [(states[:, d] * logits[d].log_softmax(-1)).sum(-1) for d in range(D)]
    assert not torch.equal(logits[0], logits[1])
    return torch.stack(each).sum(0)


@every_kind
def test_kl_and_entropy_are_sums_over_the_states(kind: str) -> None:
    q, p, states = answers(kind)
    assert len(states) == (4 if kind == "bits" else C**D)
    log_q, log_p = (d.log_prob(states.unsqueeze(1)) for d in (q, p))
    assert_close(log_q.exp().sum(0), torch.ones(B).double())
    assert_close(log_p.expand(len(states), B), prior_by_hand(p, states).unsqueeze(1).expand(-1, B))
    assert has_closed_kl(q, p)
    assert_close(closed_kl(q, p), (log_q.exp() * (log_q - log_p)).sum(0))
    assert_close(q.entropy(), -(log_q.exp() * log_q).sum(0))
    each = kl_per_dimension(q, p)
    assert each is not None
    assert each.shape == (B, D)
    assert_close(each.sum(1), closed_kl(q, p))


@every_kind
def test_draws_lie_among_the_states_as_often_as_their_mass(kind: str) -> None:
    """At most a share of 1e-6 of all seeds fails."""
    q, _, states = answers(kind)
    drawn = q.sample((20_000,)).flatten(2)
    seen = torch.stack([(drawn == state).all(-1) for state in states.flatten(1)], -1)
    assert_mean_is(seen.double(), q.log_prob(states.unsqueeze(1)).exp().T, "a state")


@every_kind
def test_a_run_has_every_held_out_number(kind: str) -> None:
    """log p(x) of 20 rows by 2,000 weighted draws: within 0.1 nat of the sum over all states, where its error is 0.01."""
    model, posterior = parts(kind)
    x = (torch.rand(200, V) < torch.tensor([0.1, 0.9, 0.5, 0.2, 0.3, 0.6])).bool()
    run = fit(model, posterior, from_arrays(x), draws=4, epochs=3, batch_size=20, progress=False)
    result = run.evaluate(draws=2000)
    data = run.dataset().test
    batch = data.batch(torch.arange(len(data)))
    with torch.no_grad():
        q, states = posterior.infer(model, batch), states_of(model.prior()).float()
        parted = terms(model, q, batch, states.unsqueeze(1).expand(-1, len(data), *model.z_shape))
        truth = (parted.log_likelihood + parted.log_prior).logsumexp(0).mean()
        elbo = (parted.log_q.exp() * parted.weights()).sum(0).mean()
        kl = float(closed_kl(q, model.prior()).mean())
    assert result.log_px.value == pytest.approx(float(truth), abs=0.1)
    assert result.elbo.value == pytest.approx(float(elbo), abs=0.1)
    assert result.rate.value == pytest.approx(kl, abs=0.1)
    assert result.kl_per_dimension is not None
    assert len(result.kl_per_dimension) == D
    assert sum(result.kl_per_dimension) == pytest.approx(kl, rel=1e-3)
    assert 0 <= result.active_units <= model.z_shape.numel()
    assert math.isfinite(result.mutual_information.value)
    if kind == "bits":
        assert result.k_hat is None, "four states have no tail"
    assert run.encode(x[:3].float()).shape == (3, *model.z_shape)
    assert run.reconstruct(x[:3].float()).shape == (3, V)


@pytest.mark.parametrize("n", [100, 2000])
def test_the_weights_of_few_states_have_no_tail_and_stay_as_they_are(n: int) -> None:
    few = torch.tensor([-1.0, 0.3, 0.9])[torch.arange(n) % 3] + 1e-6 * torch.randn(n)
    log_w, k = smoothed(few)
    assert math.isnan(k)
    assert_close(log_w, (few - few.logsumexp(0)).double(), rtol=0, atol=1e-5)
    assert math.isfinite(smoothed(torch.randn(n))[1])
    assert math.isfinite(smoothed(0.01 * torch.randn(n))[1]), "a narrow spread is no few values"


def test_a_code_of_one_place_is_refused() -> None:
    with pytest.raises(LatentiaError, match="n_classes is 1"):
        Codes(D, 1)


def test_codes_add_up_and_a_place_never_seen_keeps_a_finite_logit() -> None:
    raw = torch.randn(B, 1, D, C).double()
    q = OneHot().distribution(raw, event_dim=2)
    z = q.sample()
    by_hand = (raw[:, 0].log_softmax(-1) * z).sum((-1, -2))
    assert_close(q.log_prob(z), by_hand)
    mean = torch.tensor([[1.0, 0.0, 0.0], [0.2, 0.3, 0.5]]).double()
    assert_close(OneHot().distribution(OneHot().raw_at(mean, mean), event_dim=2).mean, mean, rtol=0, atol=0.02)
