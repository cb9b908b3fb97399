"""Draws of every row of the table carry the gradient of any expectation, or say that they do not."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.distributions import Distribution, constraints
from torch.nn import functional as F

from helpers.chance import assert_mean_is
from helpers.measure import Measure, observed
from latentia.distributions import DISTRIBUTIONS, How
from latentia.distributions.multivariate.sphere import unit_vector

N = 40_000
STEP = 1e-4
# Parameters of a density that do not move its draws.
STILL = {"delta": {"log_density"}}
PATHWISE = [name for name, entry in DISTRIBUTIONS.items() if entry.how is not How.NONE]
# Slopes that fade in the tails, so that a draw of a Cauchy adds no infinite variance.
PROBES: dict[str, Callable[[Tensor], Tensor]] = {
    "tanh": torch.tanh,
    "bell": lambda s: 1 / (1 + s.square()),
    "log": lambda s: torch.log1p(s.square()),
}


def line(d: Distribution, z: Tensor) -> Tensor:
    """One number that every value of the event moves, each differently: (..., *event) -> (...)."""
    values = observed(d, z)
    values = values.reshape(*z.shape[: z.ndim - len(d.event_shape)], -1)
    return values @ torch.tensor([1.0, -0.7, 0.4])[: values.shape[-1]].to(values)


@dataclass
class Free:
    """A parameter on a scale where every direction is allowed, and the way back to the parameter."""

    start: Tensor
    back: Callable[[Tensor], Tensor]


def freed(value: Tensor, constraint: Any) -> Free:
    if constraint is constraints.simplex:
        return Free(torch.zeros_like(value), lambda u: F.softmax(value.log() + u, -1))
    if constraint is constraints.lower_cholesky:
        rows, columns = torch.tril_indices(value.shape[-1], value.shape[-1])
        places = rows * value.shape[-1] + columns

        def square(u: Tensor) -> Tensor:
            empty = torch.zeros(*u.shape[:-1], value.shape[-1] ** 2, dtype=u.dtype)
            return empty.index_copy(-1, places, u).reshape(*u.shape[:-1], *value.shape[-2:])

        return Free(value[..., rows, columns], square)
    if isinstance(constraint, type(unit_vector)):
        return Free(torch.zeros_like(value), lambda u: F.normalize(value + u, dim=-1))
    return Free(value.clone(), lambda u: u)


def free_parameters(name: str, d: Distribution) -> tuple[dict[str, Free], dict[str, Any]]:
    """What a gradient reaches, and the arguments that stay."""
    free, fixed = {}, {}
    known = d.arg_constraints if isinstance(d.arg_constraints, Mapping) else {}
    for parameter, value in DISTRIBUTIONS[name].parameters(dtype=torch.float64).items():
        constraint = known.get(parameter, constraints.real)
        if isinstance(value, Tensor) and not constraint.is_discrete and parameter not in STILL.get(name, ()):
            free[parameter] = freed(value, constraint)
        else:
            fixed[parameter] = torch.zeros_like(value) if parameter in STILL.get(name, ()) else value
    return free, fixed


def slopes_by_differences(name: str) -> tuple[list[str], Tensor]:
    """Gradients of E f(z) for every probe, (probes, B, P), by central differences of a quadrature, and a name for each P."""
    entry = DISTRIBUTIONS[name]
    d = entry.example(dtype=torch.float64)
    free, fixed = free_parameters(name, d)
    measure = Measure(d)

    def expectation(moved: dict[str, Tensor]) -> Tensor:
        at = entry.make(**{n: each.back(moved[n]) for n, each in free.items()}, **fixed)
        return measure.expect(at, lambda z: torch.stack([probe(line(at, z)) for probe in PROBES.values()], -1))

    names, slopes = [], []
    for parameter, each in free.items():
        for i in range(each.start[0].numel()):
            step = torch.zeros_like(each.start[0]).flatten()
            step[i] = STEP
            moved = {sign: each.start + sign * step.reshape(each.start[0].shape) for sign in (1, -1)}
            starts = {n: e.start for n, e in free.items()}
            up, down = (expectation(starts | {parameter: moved[sign]}) for sign in (1, -1))
            names.append(f"{parameter}[{i}]")
            slopes.append(((up - down) / (2 * STEP)).T)
    return names, torch.stack(slopes, -1) if slopes else torch.zeros(0)


@pytest.mark.parametrize("name", PATHWISE)
def test_pathwise_gradients_are_those_of_the_expectation(name: str) -> None:
    """Three test functions, every parameter, against quadrature. False alarm: 3e-6 over the seed, for each row."""
    entry = DISTRIBUTIONS[name]
    free, fixed = free_parameters(name, entry.example(dtype=torch.float64))
    if not free:
        pytest.skip("has no parameter that a gradient could reach")
    names, truths = slopes_by_differences(name)
    for (what, probe), truth in zip(PROBES.items(), truths, strict=True):
        copies = {n: each.start.expand(N, *each.start.shape).clone().requires_grad_() for n, each in free.items()}
        d = entry.make(**{n: each.back(copies[n]) for n, each in free.items()}, **fixed)
        probe(line(d, d.rsample())).sum().backward()
        lost = [n for n, copy in copies.items() if copy.grad is None]
        assert not lost, f"no gradient reached {lost}"
        found = torch.cat([c.grad.reshape(*c.shape[:2], -1) for c in copies.values() if c.grad is not None], -1)
        assert_mean_is(found, truth, f"{name}, {what}, {names}", resolution=0.1, rounding=STEP**2)


@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_the_table_says_whether_draws_carry_a_gradient(name: str) -> None:
    entry = DISTRIBUTIONS[name]
    d = entry.example()
    assert d.has_rsample == (entry.how is not How.NONE)
    if entry.how is How.NONE:
        with pytest.raises(NotImplementedError):
            d.rsample()
