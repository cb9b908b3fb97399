"""Every row of the table as a part of others, at the ends of its parameters, and where it is asked for nonsense."""

import re
import warnings
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.distributions import Categorical, Distribution, Independent, MixtureSameFamily, constraints

from helpers.measure import observed
from helpers.quadrature import support_of
from latentia.distributions import DISTRIBUTIONS

every_distribution = pytest.mark.parametrize("name", DISTRIBUTIONS)
WEIGHTS = torch.tensor([0.2, 0.5, 0.3], dtype=torch.float64)


def wide(name: str) -> Distribution:
    return DISTRIBUTIONS[name].example(dtype=torch.float64)


@every_distribution
def test_expanded_copies_are_the_same_distribution(name: str) -> None:
    d = wide(name)
    more = d.expand((4, *d.batch_shape))
    assert type(more) is type(d)
    assert more.batch_shape == (4, *d.batch_shape)
    assert more.event_shape == d.event_shape
    assert d.batch_shape != more.batch_shape, "the original must stay as it was"
    z = d.sample((6, 4))
    torch.testing.assert_close(more.log_prob(z), d.log_prob(z))
    assert more.sample((2,)).shape == (2, 4, *d.batch_shape, *d.event_shape)
    copies = more.sample()
    assert name == "delta" or not bool((copies[0] == copies[1]).all()) or support_of(d).is_discrete, "copies share a draw"
    again = more.expand(more.batch_shape)
    torch.testing.assert_close(again.log_prob(z), d.log_prob(z))


@every_distribution
def test_independent_sums_over_the_batch(name: str) -> None:
    d = wide(name)
    one = Independent(d, 1)
    z = one.sample((7,))
    assert one.event_shape == d.batch_shape + d.event_shape
    torch.testing.assert_close(one.log_prob(z), d.log_prob(z).sum(-1))
    assert one.has_rsample == d.has_rsample


def mixed(d: Distribution) -> MixtureSameFamily:
    weights = WEIGHTS[: d.batch_shape[0]].to(torch.float64)
    return MixtureSameFamily(Categorical(weights / weights.sum()), d, validate_args=False)


@every_distribution
def test_mixtures_of_it_are_weighted_sums(name: str) -> None:
    d = wide(name)
    mixture = mixed(d)
    z = mixture.sample((9,))
    assert z.shape == (9, *d.event_shape)
    # Where a component does not reach, its density is zero: asked without validation.
    each = unchecked(d).log_prob(z.unsqueeze(1).expand(9, *d.batch_shape, *d.event_shape))
    want = torch.logsumexp(each + torch.log_softmax(mixture.mixture_distribution.logits, -1), -1)
    torch.testing.assert_close(unchecked_mixture(mixture).log_prob(z), want)


def unchecked(d: Distribution) -> Distribution:
    """A copy that answers with a log density of minus infinity, and with no error, outside the support."""
    copy = d.expand(d.batch_shape)
    copy._validate_args = False
    for part in ("base_dist", "base"):
        if hasattr(copy, part):
            getattr(copy, part)._validate_args = False
    return copy


def unchecked_mixture(mixture: MixtureSameFamily) -> MixtureSameFamily:
    return MixtureSameFamily(mixture.mixture_distribution, unchecked(mixture.component_distribution), validate_args=False)


def as_function(
    name: str, wrap: Callable[[Distribution], Distribution]
) -> tuple[Callable[..., Tensor], list[Tensor], Tensor]:
    """The log density as a function of tensors alone, its parameters, and a value."""
    entry = DISTRIBUTIONS[name]
    parameters = entry.parameters(dtype=torch.float64)
    names = [n for n, p in parameters.items() if isinstance(p, Tensor)]
    fixed = {n: p for n, p in parameters.items() if n not in names}

    def log_prob(value: Tensor, *tensors: Tensor) -> Tensor:
        d = entry.make(**dict(zip(names, tensors, strict=True)), **fixed)
        return wrap(d).log_prob(value)

    value = wrap(entry.example(dtype=torch.float64)).sample()
    return log_prob, [parameters[n] for n in names], value


@every_distribution
@pytest.mark.parametrize("wrap", [lambda d: Independent(d, 1, validate_args=False), mixed], ids=["independent", "mixture"])
def test_it_is_traced_into_a_graph_through_others(name: str, wrap: Callable[[Distribution], Distribution]) -> None:
    log_prob, parameters, value = as_function(name, wrap)
    was = Distribution._validate_args
    Distribution.set_default_validate_args(False)
    try:
        # Traced at one set of parameters, asked at another: the rows the other way round.
        others = [p.flip(0) for p in parameters]
        want = log_prob(value, *others)
        with warnings.catch_warnings():
            # Tracing is on its way out of torch, and a distribution's constants are what it warns about.
            warnings.simplefilter("ignore")
            traced: Any = torch.jit.trace(log_prob, (value, *parameters), check_trace=False)
        torch.testing.assert_close(traced(value, *others), want)
    finally:
        Distribution.set_default_validate_args(was)


@every_distribution
def test_float32_stays_finite_at_the_ends(name: str) -> None:
    entry = DISTRIBUTIONS[name]
    parameters = entry.parameters("extreme", torch.float32)
    if not parameters:
        pytest.skip("has no parameter")
    leaves = {n: p.clone().requires_grad_() for n, p in parameters.items() if isinstance(p, Tensor)}
    d = entry.make(**{**parameters, **leaves})
    z = d.rsample((2_000,)) if d.has_rsample else d.sample((2_000,))
    assert z.dtype == torch.float32
    assert bool(z.isfinite().all()), f"{int((~z.isfinite()).sum())} draws are not finite"
    assert bool(support_of(d).check(z.detach()).all()), "draws outside the support"
    log_density = d.log_prob(z.detach())
    assert bool(log_density.isfinite().all()), "a draw's own log density is not finite"
    for what, value in (("log density", log_density), ("draws", observed(d, z))):
        if not value.requires_grad:
            continue
        slopes = torch.autograd.grad(value.sum(), list(leaves.values()), allow_unused=True, retain_graph=True)
        for leaf, slope in zip(leaves, slopes, strict=True):
            assert slope is None or bool(slope.isfinite().all()), f"the gradient of {what} for {leaf} is not finite"


def broken() -> list[Any]:
    return [pytest.param(name, bad, id=f"{name}-{bad}") for name, entry in DISTRIBUTIONS.items() for bad in entry.invalid]


@pytest.mark.parametrize(("name", "bad"), broken())
def test_a_bad_parameter_is_refused_with_the_constraint_s_name(name: str, bad: str) -> None:
    entry = DISTRIBUTIONS[name]
    value = torch.tensor(entry.invalid[bad]) if isinstance(entry.invalid[bad], list | float) else entry.invalid[bad]
    with pytest.raises(ValueError) as refused:
        entry.make(**{**entry.parameters(), bad: value})
    if type(entry.example()).__module__.startswith("torch"):
        return  # some of torch's pass a parameter on under another name
    assert re.search(rf"\b{bad}\b", str(refused.value))
    constraint = getattr(entry.make, "arg_constraints", {}).get(bad)
    if isinstance(constraint, constraints.Constraint) and not constraints.is_dependent(constraint):
        assert repr(constraint) in str(refused.value)
    assert "\n" not in str(refused.value)
    assert "tensor(" not in str(refused.value)


@every_distribution
def test_every_constraint_is_broken_once(name: str) -> None:
    entry = DISTRIBUTIONS[name]
    if not isinstance(entry.make, type):
        pytest.skip("made by a function; its class's constraints are broken in the tests of that class")
    known = entry.example().arg_constraints
    vacuous = {n for n, c in known.items() if c is constraints.real or c is constraints.real_vector}
    needed = {n for n in entry.typical if n in known} - vacuous
    assert needed <= set(entry.invalid), f"no bad value for {needed - set(entry.invalid)}"
