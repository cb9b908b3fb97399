"""Bits with a linear logit: the adaptive grid against brute force and the sum over all x, and where weights are steep."""

import itertools
import math

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from latentia.core import Batch
from latentia.core.errors import NoClosedForm, ShapeError
from latentia.models import BernoulliLogit, HasExactPosterior
from latentia.models.bernoulli_logit import Rows


def model_of(n_latents: int, n_values: int, steep: float = 1.0, seed: int = 0) -> BernoulliLogit:
    torch.manual_seed(seed)
    model = BernoulliLogit(n_latents, n_values).double()
    with torch.no_grad():
        model.weight.mul_(steep)
        model.bias.normal_()
    return model


def batch_of(x: Tensor, mask: Tensor | None = None) -> Batch:
    return Batch(x, torch.arange(len(x)), len(x), mask=mask)


def every_x(n_values: int) -> Tensor:
    return torch.tensor(list(itertools.product([0.0, 1.0], repeat=n_values)), dtype=torch.float64)


def brute(model: BernoulliLogit, batch: Batch, n: int, reach: float = 9.0) -> tuple[Tensor, Tensor, Tensor]:
    """log p(x), mean and covariance by the trapezoid rule, whose error for a smooth density falls faster than any power."""
    line = torch.linspace(-reach, reach, n, dtype=torch.float64)
    z = torch.cartesian_prod(*[line] * model.n_latents).reshape(-1, 1, model.n_latents)
    with torch.no_grad():
        w = torch.cat([model.log_joint(part.expand(-1, len(batch.x), -1), batch) for part in z.split(4096)])
    log_p = w.logsumexp(0)
    share = (w - log_p).exp()
    mean = torch.einsum("kb,kd->bd", share, z.squeeze(1))
    off = z - mean
    return log_p + model.n_latents * math.log(2 * reach / (n - 1)), mean, torch.einsum("kb,kbi,kbj->bij", share, off, off)


@pytest.mark.parametrize(("n_latents", "n"), [(1, 4_001), (2, 301), (3, 71)])
@pytest.mark.parametrize("n_values", [1, 12])
def test_evidence_and_moments_are_those_of_a_fine_grid(n_latents: int, n: int, n_values: int) -> None:
    model = model_of(n_latents, n_values, 1.2)
    batch = batch_of(model.sample(6))
    log_p, mean, covariance = brute(model, batch, n)
    assert_close(model.log_marginal(batch.x), log_p, rtol=0, atol=1e-8)
    found = model.posterior_moments(batch.x)
    assert_close(found[0], mean, rtol=0, atol=1e-7)
    assert_close(found[1], covariance, rtol=0, atol=1e-7)


@pytest.mark.parametrize("n_latents", [1, 2, 3])
@pytest.mark.parametrize("steep", [0.0, 1.0, 3.0])
def test_the_evidence_of_all_x_sums_to_one(n_latents: int, steep: float) -> None:
    model = model_of(n_latents, 5, steep)
    total = model.log_marginal(every_x(5)).exp().sum()
    assert_close(total, torch.ones_like(total), rtol=0, atol=1e-8)


@pytest.mark.parametrize("steep", [10.0, 40.0])
def test_steep_weights_in_one_latent(steep: float) -> None:
    """Posteriors between two walls, and halves of a normal."""
    model = model_of(1, 4, steep)
    batch = batch_of(every_x(4))
    log_p, mean, covariance = brute(model, batch, 40_001)
    assert_close(model.log_marginal(batch.x, tolerance=1e-7), log_p, rtol=0, atol=1e-6)
    found = model.posterior_moments(batch.x, tolerance=1e-7)
    assert_close(found[0], mean, rtol=0, atol=1e-5)
    assert_close(found[1], covariance, rtol=0, atol=1e-5)


def test_steep_weights_in_two_latents() -> None:
    model = model_of(2, 3, 8.0)
    batch = batch_of(every_x(3))
    log_p, _, _ = brute(model, batch, 1_501)
    assert_close(model.log_marginal(batch.x, tolerance=1e-5), log_p, rtol=0, atol=1e-4)


def test_a_wall_is_refused_rather_than_guessed_and_far_biases_are_no_wall() -> None:
    model = model_of(3, 3, 3_000.0)
    with pytest.raises(NoClosedForm, match="weights are steep"):
        model.log_marginal(every_x(3))
    with torch.no_grad():
        model.weight.fill_(1.0)
        model.bias.copy_(torch.tensor([-800.0, 0.0, 800.0]))
    log_p = model.log_marginal(every_x(3))
    assert bool(torch.isfinite(log_p).all())
    # The likeliest row: the bias settles two bits, and z, seen through the third alone, halves by symmetry.
    assert_close(log_p[1].exp(), torch.tensor(0.5).double(), rtol=0, atol=1e-9)


def hessian_of(row: Rows, z: Tensor) -> Tensor:
    found = torch.autograd.functional.hessian(lambda u: row.log_joint(u[None, None]).sum(), z)
    assert isinstance(found, Tensor)
    return found


def test_the_mode_is_where_no_slope_is_left_however_steep() -> None:
    for steep in (0.1, 3.0, 100.0, 1e4):
        model = model_of(2, 6, steep)
        x = model.sample(40)
        rows = Rows(model.weight.detach(), model.bias.detach(), x, torch.ones_like(x, dtype=torch.bool))
        z, root = rows.mode()
        at = z.requires_grad_()
        (slope,) = torch.autograd.grad(rows.log_joint(at[None]).sum(), at)
        assert float(slope.abs().max()) < 1e-5 * max(1.0, steep)
        if steep > 100:
            continue  # the curvature itself is rounded where logits are so large
        curvature = torch.stack([hessian_of(rows.part(slice(i, i + 1)), z[i].detach()) for i in range(3)])
        assert_close(root[:3] @ root[:3].mT, torch.linalg.inv(-curvature), rtol=1e-6, atol=1e-12)


def test_what_was_not_seen_is_summed_out() -> None:
    model = model_of(2, 5)
    full = every_x(5)
    mask = torch.tensor([True, False, True, True, False])
    seen = torch.tensor([1.0, math.nan, 0.0, 1.0, math.nan], dtype=torch.float64)
    fits = (full[:, mask] == seen[mask]).all(-1)
    truth = model.log_marginal(full[fits]).logsumexp(0)
    assert_close(model.log_marginal(seen[None], mask[None])[0], truth, rtol=0, atol=1e-8)
    z = torch.randn(7, 1, 2).double()
    parts = model.likelihood(z).base_dist.log_prob(torch.nan_to_num(seen))[..., mask].sum(-1)  # pyright: ignore
    assert_close(model.log_joint(z, batch_of(seen[None], mask[None])), parts + model.prior().log_prob(z))
    nothing = torch.zeros(1, 5, dtype=torch.bool)
    assert_close(model.log_marginal(full[:1] * math.nan, nothing), torch.zeros(1).double(), rtol=0, atol=1e-9)


def test_the_gradient_is_the_evidence_s() -> None:
    """By Fisher's identity, with the posterior of a fine grid; and against finite differences."""
    model = model_of(1, 4, 1.5)
    x = every_x(4)[3:6]

    def evidence(weight: Tensor, bias: Tensor) -> Tensor:
        return torch.func.functional_call(model, {"weight": weight, "bias": bias}, (x,))

    model.forward = model.log_marginal  # type: ignore[method-assign]
    parameters = (model.weight.detach().clone().requires_grad_(), model.bias.detach().clone().requires_grad_())
    assert torch.autograd.gradcheck(evidence, parameters, atol=1e-6)


def test_float32_answers_in_its_own_kind() -> None:
    model = model_of(2, 6)
    x = model.sample(5)
    truth = model.log_marginal(x)
    single = model.float().log_marginal(x.float())
    assert single.dtype == torch.float32
    assert_close(single.double(), truth, rtol=0, atol=1e-5)


def test_refusals_and_no_claim_of_an_exact_posterior() -> None:
    with pytest.raises(NoClosedForm, match="at most 3 latents"):
        BernoulliLogit(4, 6).log_marginal(torch.zeros(2, 6))
    with pytest.raises(ShapeError, match="at least 1"):
        BernoulliLogit(0, 6)
    with pytest.raises(ShapeError):
        BernoulliLogit(2, 6).log_marginal(torch.zeros(2, 5))
    assert not isinstance(BernoulliLogit(2, 6), HasExactPosterior)
    assert BernoulliLogit(2, 6).log_marginal(torch.zeros(0, 6)).shape == (0,)
