"""The Kalman posterior's gradients against differences, and its digits where noise is tiny or the first state is vague."""

from typing import Any

import mpmath
import pytest
import torch
from torch import Tensor
from torch.distributions import kl_divergence
from torch.testing import assert_close

from latentia.distributions.structured.kalman import eliminate
from latentia.distributions.structured.linear_gaussian_chain import LinearGaussianChain
from latentia.distributions.structured.linear_gaussian_observations import LinearEmission, LinearGaussianObservations

Parameters = dict[str, Any]


def randn(*shape: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64)


def lower(free: Tensor) -> Tensor:
    return free.tril(-1) + torch.diag_embed(free.diagonal(dim1=-2, dim2=-1).exp())


@pytest.mark.parametrize(("d", "p"), [(2, 1), (1, 2)])
@pytest.mark.parametrize("kind", ["none", "values", "everything"])
def test_gradients_are_those_of_differences_also_where_little_was_observed(kind: str, d: int, p: int) -> None:
    n = 3
    seen = None
    if kind != "none":
        seen = {"values": torch.rand(1, n, p), "everything": torch.ones(1, n)}[kind] < 0.6
    free = [randn(d), 0.3 * randn(d, d), 0.6 * randn(n - 1, d, d), 0.3 * randn(1, d, d), randn(n - 1, d)]
    free += [randn(n, p, d), 0.3 * randn(1, p, p), randn(1, p), randn(2, n, p)]

    def law(*a: Tensor) -> LinearGaussianObservations:
        emission = LinearEmission(a[5], lower(a[6]), a[7], time_varying=True)
        return LinearGaussianObservations(LinearGaussianChain(a[0], lower(a[1]), a[2], lower(a[3]), a[4]), emission)

    def marginal(*a: Tensor) -> Tensor:
        return law(*a[:8]).log_marginal(a[8], seen)

    def posterior(*a: Tensor) -> tuple[Tensor, ...]:
        filtered = law(*a[:8]).filter(a[8], seen)
        return (*law(*a[:8]).posterior(a[8], seen).parameters.values(), filtered.loc, filtered.covariance)

    leaves = [value.requires_grad_() for value in free]
    # Fast mode: one random direction of each input and output, instead of every entry of each.
    assert torch.autograd.gradcheck(marginal, leaves, fast_mode=True)
    assert torch.autograd.gradcheck(posterior, leaves, fast_mode=True)
    if kind == "values":
        assert torch.autograd.gradgradcheck(marginal, leaves, fast_mode=True)


@pytest.mark.parametrize(("rows", "rank"), [(7, 3), (7, 1), (7, 0), (4, 2), (3, 1)])
def test_elimination_keeps_what_a_singular_rest_says(rows: int, rank: int) -> None:
    n, k = 2, 3
    first = randn(2, rows, n)
    array = torch.cat([first, first @ randn(2, n, k) + randn(2, rows, rank) @ randn(2, rank, k)], -1).requires_grad_()
    weights = randn(k, k)

    def answers(array: Tensor) -> tuple[Tensor, ...]:
        r11, r12, r22 = eliminate(array, n)
        square = r22.mT @ r22
        return r11, r12, square, (weights @ square).sin()

    r11, r12, square, _ = answers(array)
    whole = array.mT @ array
    assert_close(r11.mT @ torch.cat([r11, r12], -1), whole[:, :n])
    assert_close(square, whole[:, n:, n:] - r12.mT @ r12, rtol=0, atol=1e-12)
    assert torch.autograd.gradcheck(answers, (array,))


def hard(observed: float, moved: float, first: float, d: int, p: int, length: int = 12) -> tuple[Parameters, Parameters]:
    """Float32 parameters by the noise of what is observed, that of a step, and the scale of the first state."""
    turn = torch.randn(d, d)
    turn = 0.95 * turn / torch.linalg.eigvals(turn).abs().max()
    mixed = [torch.eye(n) + 0.4 * torch.randn(n, n).tril(-1) for n in (d, d, p)]
    chain = {"initial_loc": torch.randn(d), "initial_scale_tril": first * mixed[0], "transition": turn}
    chain |= {"noise_scale_tril": moved * mixed[1], "offset": torch.randn(d) / 10, "length": length}
    return chain, {"weight": torch.randn(p, d), "noise_scale_tril": observed * mixed[2]}


def cast(p: Parameters, dtype: torch.dtype) -> Parameters:
    return {name: value.to(dtype) if isinstance(value, Tensor) else value for name, value in p.items()}


def law_of(chain: Parameters, emission: Parameters, dtype: torch.dtype, **other: Any) -> LinearGaussianObservations:
    path = LinearGaussianChain(**cast({**chain, **other}, dtype))
    return LinearGaussianObservations(path, LinearEmission(**cast(emission, dtype)))


@pytest.mark.parametrize("first", [1.0, 1e4])
@pytest.mark.parametrize(("observed", "moved"), [(1e-4, 1e-4), (1e-4, 1.0), (1.0, 1e-4), (1e2, 1.0)])
@pytest.mark.parametrize(("d", "p"), [(2, 1), (2, 3), (4, 1)])
def test_single_precision_survives_noise_that_is_tiny_and_a_start_that_is_vague(
    observed: float, moved: float, first: float, d: int, p: int
) -> None:
    """The float32 posterior is within 0.02 nats of the float64 one over 12 places, and all its gradients are finite.

    A value of size 1 has an error of 6e-8 in float32, which is 6e-4 of the tiny noise: so much the marginal is off a place.
    """
    chain, emission = hard(observed, moved, first, d, p)
    wide, single = law_of(chain, emission, torch.float64), law_of(chain, emission, torch.float32)
    x = law_of(chain, emission, torch.float64, initial_scale_tril=chain["initial_scale_tril"] / first).sample().float()
    posterior = single.posterior(x)
    as_wide = LinearGaussianChain(**cast(posterior.parameters, torch.float64))
    truth = wide.posterior(x.double())
    assert kl_divergence(truth, as_wide) < 0.02
    assert kl_divergence(as_wide, truth) < 0.02
    assert_close(single.log_prob(x).double(), wide.log_prob(x.double()), rtol=1e-6, atol=0.05 if observed < 1 else 1e-4)
    free = [{n: v.clone().requires_grad_() if isinstance(v, Tensor) else v for n, v in p.items()} for p in (chain, emission)]
    leaves = [value for p in free for value in p.values() if isinstance(value, Tensor)]
    moving = law_of(free[0], free[1], torch.float32)
    posterior = moving.posterior(x)
    z = posterior.rsample()
    value = moving.log_prob(x) + moving.chain.log_prob(z) - posterior.log_prob(z.detach()) + posterior.entropy()
    assert bool(value.isfinite())
    assert all(bool(slope.isfinite().all()) for slope in torch.autograd.grad(value, leaves))


@pytest.mark.parametrize(("observed", "moved", "first"), [(1e-4, 1.0, 1.0), (1.0, 1e-4, 1e4), (1e-4, 1e-4, 1e4)])
def test_double_precision_is_that_of_sixty_digits(observed: float, moved: float, first: float) -> None:
    """Ten digits of every mean, in standard deviations, and of every standard deviation."""
    n, d = 5, 2
    chain, emission = hard(observed, moved, first, d, 1, n)
    law = law_of(chain, emission, torch.float64)
    x = law_of(chain, emission, torch.float64, initial_scale_tril=chain["initial_scale_tril"] / first).sample()
    with mpmath.workdps(60):
        one = {k: mpmath.matrix(v.double().tolist()) for k, v in chain.items() if isinstance(v, Tensor)}
        precision, push = mpmath.zeros(n * d), mpmath.zeros(n * d, 1)
        weight, width = mpmath.matrix(emission["weight"].double().tolist()), mpmath.mpf(float(emission["noise_scale_tril"]))
        steps = (one["noise_scale_tril"] * one["noise_scale_tril"].T) ** -1
        start = (one["initial_scale_tril"] * one["initial_scale_tril"].T) ** -1
        for t in range(n):
            place = mpmath.zeros(d, n * d)
            for i in range(d):
                place[i, t * d + i] = 1
            seen = weight * place / width
            precision += seen.T * seen
            push += seen.T * mpmath.mpf(float(x[t, 0])) / width
            if t:
                before = mpmath.zeros(d, n * d)
                for i in range(d):
                    before[i, t * d - d + i] = 1
                place = place - one["transition"] * before
            square, goal = (steps, one["offset"]) if t else (start, one["initial_loc"])
            precision += place.T * square * place
            push += place.T * square * goal
        spread: Any = precision**-1
        center: Any = spread * push
        mean = torch.tensor([float(m) for m in center], dtype=torch.float64).reshape(n, d)
        deviation = torch.tensor([float(mpmath.sqrt(spread[i, i])) for i in range(n * d)], dtype=torch.float64).reshape(n, d)
    found, square = law.smooth(x)
    assert_close(square.diagonal(dim1=-2, dim2=-1).sqrt() / deviation, torch.ones(n, d).double(), rtol=0, atol=1e-10)
    assert_close((found - mean) / deviation, torch.zeros(n, d).double(), rtol=0, atol=1e-10)
