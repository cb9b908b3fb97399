"""A log joint over free numbers is the density it was written as: every bijection's Jacobian, and every integral."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.distributions import (
    Beta,
    Dirichlet,
    Gamma,
    HalfNormal,
    LKJCholesky,
    MultivariateNormal,
    Normal,
    Pareto,
    Uniform,
    Wishart,
    constraints,
)
from torch.testing import assert_close

from latentia.core.errors import LatentiaError, ShapeError
from latentia.models import LogJoint, ordered, positive_ordered
from latentia.models.bijections import bijection

F64 = torch.float64
# Each constraint with a shape, and which entries of a value are free to move.
LOWER = torch.tril_indices(3, 3)
STRICT = torch.tril_indices(3, 3, -1)
SITES: dict[str, tuple[Any, tuple[int, ...], Any]] = {
    "real": (constraints.real, (3,), None),
    "positive": (constraints.positive, (3,), None),
    "greater than": (constraints.greater_than(-2.0), (3,), None),
    "less than": (constraints.less_than(-2.0), (3,), None),
    "interval": (constraints.interval(-1.0, 3.0), (3,), None),
    "unit interval": (constraints.unit_interval, (2, 2), None),
    "real vector": (constraints.real_vector, (3,), None),
    "ordered": (ordered, (4,), None),
    "positive ordered": (positive_ordered, (4,), None),
    "cat": (constraints.cat([constraints.positive, constraints.real], -1, [2, 1]), (3,), None),
    "stack": (constraints.stack([constraints.positive, constraints.unit_interval], -1), (2,), None),
    "simplex": (constraints.simplex, (4,), (torch.arange(3),)),
    "corr_cholesky": (constraints.corr_cholesky, (3, 3), (STRICT[0], STRICT[1])),
    "lower_cholesky": (constraints.lower_cholesky, (3, 3), (LOWER[0], LOWER[1])),
    "positive_definite": (constraints.positive_definite, (3, 3), (LOWER[0], LOWER[1])),
}
every_site = pytest.mark.parametrize("name", SITES)


def flat_joint(name: str) -> LogJoint:
    """The density 1 over the constrained space, so that the free density is the Jacobian alone."""
    constraint, shape, _ = SITES[name]
    return LogJoint(lambda v: 0.0 * v.sum(), v=(constraint, *shape))


@every_site
def test_the_jacobian_is_that_of_automatic_differentiation(name: str) -> None:
    joint, free_entries = flat_joint(name), SITES[name][2]

    def moving(z: Tensor) -> Tensor:
        v = joint.constrain(z)[0]["v"]
        return v.flatten() if free_entries is None else v[free_entries]

    for z in torch.randn(5, joint.n_latents, dtype=F64):
        jacobian = torch.autograd.functional.jacobian(moving, z)
        assert isinstance(jacobian, Tensor)
        assert jacobian.shape == (joint.n_latents,) * 2
        assert_close(joint.log_prob(z), torch.linalg.slogdet(jacobian).logabsdet, rtol=1e-9, atol=1e-9)


@every_site
@pytest.mark.parametrize("dtype", [torch.float32, F64])
def test_values_lie_in_their_constraint_and_lead_back(name: str, dtype: torch.dtype) -> None:
    joint = flat_joint(name)
    constraint, shape, _ = SITES[name]
    z = torch.randn(7, 2, joint.n_latents, dtype=dtype)
    parameters, slope = joint.constrain(z)
    assert parameters["v"].shape == (7, 2, *shape)
    assert parameters["v"].dtype == slope.dtype == dtype
    assert slope.shape == (7, 2)
    if name != "positive_definite" or dtype == F64:  # torch's check asks for symmetry to the last bit
        assert bool(constraint.check(parameters["v"]).all())
    assert_close(joint.unconstrain(parameters), z, rtol=1e-3 if dtype == torch.float32 else 1e-7, atol=1e-3)


def test_one_vector_becomes_parameters_without_a_leading_axis() -> None:
    joint = LogJoint(lambda **_: torch.zeros(()), a=constraints.real, b=constraints.positive, c=(constraints.simplex, 3))
    z = torch.randn(4, joint.n_latents, dtype=F64)
    parameters, slope = joint.constrain(z[0])
    many, slopes = joint.constrain(z)
    assert {name: tuple(value.shape) for name, value in parameters.items()} == {"a": (), "b": (), "c": (3,)}
    assert slope.shape == ()
    assert_close(parameters, {name: value[0] for name, value in many.items()})
    assert_close(slope, slopes[0])
    assert_close(joint.unconstrain(parameters), z[0])


def grid(dim: int, n: int, reach: float) -> tuple[Tensor, float]:
    """All points of a grid on [-reach, reach]^dim, and the log of a cell; smooth densities need no more than a sum."""
    line = torch.linspace(-reach, reach, n, dtype=F64)
    return torch.cartesian_prod(*[line] * dim).reshape(-1, dim), dim * math.log(float(line[1] - line[0]))


def order_statistics(v: Tensor) -> Tensor:
    return math.log(2) + Normal(0.3, 1.2).log_prob(v).sum()


INTEGRALS: dict[str, tuple[Any, Any, int, float]] = {
    "gamma": ((constraints.positive,), lambda v: Gamma(2.0, 1.5).log_prob(v), 2001, 30.0),
    "pareto": ((constraints.greater_than(1.5),), lambda v: Pareto(1.5, 3.0).log_prob(v), 4001, 40.0),
    "beta": ((constraints.unit_interval,), lambda v: Beta(2.0, 3.0).log_prob(v), 2001, 30.0),
    "uniform": ((constraints.interval(-1.0, 3.0),), lambda v: Uniform(-1.0, 3.0).log_prob(v), 2001, 40.0),
    "dirichlet": ((constraints.simplex, 3), lambda v: Dirichlet(v.new_tensor([2.0, 1.5, 3.0])).log_prob(v), 401, 25.0),
    "order": ((ordered, 2), order_statistics, 801, 12.0),
    "positive order": (
        (positive_ordered, 2),
        lambda v: math.log(2) + HalfNormal(1.2).log_prob(v).sum(),
        801,
        25.0,
    ),
    "lkj 2": ((constraints.corr_cholesky, 2, 2), lambda v: LKJCholesky(2, 1.5).log_prob(v), 2001, 15.0),
    "lkj 3": ((constraints.corr_cholesky, 3, 3), lambda v: LKJCholesky(3, 1.5).log_prob(v), 81, 8.0),
    "wishart": (
        (constraints.positive_definite, 2, 2),
        lambda v: Wishart(v.new_tensor(5.0), v.new_tensor([[1.0, 0.3], [0.3, 0.5]])).log_prob(v),
        81,
        7.0,
    ),
    "cholesky": (
        (constraints.lower_cholesky, 2, 2),
        lambda v: HalfNormal(1.0).log_prob(v.diagonal()).sum() + Normal(1.0, 0.7).log_prob(v[1, 0]),
        161,
        14.0,
    ),
}


@pytest.mark.parametrize("name", INTEGRALS)
def test_what_integrates_to_one_over_its_support_does_so_over_the_free_numbers(name: str) -> None:
    site, log_density, n, reach = INTEGRALS[name]
    joint = LogJoint(log_density, v=site)
    z, log_cell = grid(joint.n_latents, n, reach)
    with torch.no_grad():
        total = torch.logsumexp(torch.cat([joint.log_prob(part) for part in z.split(50_000)]), 0) + log_cell
    assert_close(total, torch.zeros((), dtype=F64), rtol=0, atol=2e-5)


def rows_joint(n: int = 12) -> tuple[LogJoint, LogJoint, Tensor]:
    """The same density by rows and as a whole."""
    x, y = torch.randn(n, 3, dtype=F64), torch.randn(n, dtype=F64)

    def log_prior(w: Tensor, s: Tensor) -> Tensor:
        return Normal(0.0, 2.0).log_prob(w).sum() + Gamma(2.0, 1.0).log_prob(s)

    def log_likelihood(x: Tensor, y: Tensor, w: Tensor, s: Tensor) -> Tensor:
        return Normal(x @ w, s).log_prob(y)

    sites: Any = {"w": (constraints.real, 3), "s": constraints.positive}
    by_rows = LogJoint.of_rows(log_prior, log_likelihood, (x, y), **sites)
    whole = LogJoint(lambda w, s: log_prior(w, s) + log_likelihood(x, y, w, s).sum(), **sites)
    return by_rows, whole, torch.randn(5, 4, dtype=F64)


def test_data_may_be_a_tuple_or_a_list_of_tensors() -> None:
    x, y = torch.randn(2, 12, dtype=F64)
    z = torch.randn(5, 1, dtype=F64)

    def prior(w: Tensor) -> Tensor:
        return Normal(0.0, 1.0).log_prob(w)

    def likelihood(x: Tensor, y: Tensor, w: Tensor) -> Tensor:
        return Normal(x * w, 1.0).log_prob(y)

    one, two = (LogJoint.of_rows(prior, likelihood, data, w=constraints.real) for data in ((x, y), [x, y]))
    assert two.n_rows == 12
    assert_close(one.log_prob(z), two.log_prob(z))


def test_batches_of_a_partition_average_to_the_whole() -> None:
    by_rows, whole, z = rows_joint()
    assert_close(by_rows.log_prob(z), whole.log_prob(z))
    batches = torch.randperm(12).split(3)
    assert_close(torch.stack([by_rows.log_prob(z, rows) for rows in batches]).mean(0), whole.log_prob(z))
    one = by_rows.log_prob(z, batches[0])
    assert bool((one != whole.log_prob(z)).all()), "a batch is not the whole"


def test_every_draw_at_once_is_each_by_itself_whatever_the_leading_axes() -> None:
    _, whole, _ = rows_joint()
    z = torch.randn(3, 2, 4, dtype=F64)
    values = whole.log_prob(z)
    assert whole.vectorized is True
    each = torch.stack([whole.log_prob(one) for one in z.reshape(-1, 4)])
    assert_close(values, each.reshape(3, 2))


def test_what_cannot_be_vectorized_is_taken_draw_by_draw_with_its_gradient() -> None:
    def branching(v: Tensor) -> Tensor:
        return -v.sum() if bool(v.sum() > 0) else v.sum()

    joint = LogJoint(branching, v=(constraints.real, 2))
    z = torch.randn(6, 2, dtype=F64).requires_grad_()
    values = joint.log_prob(z)
    assert joint.vectorized is False
    assert_close(values, -z.sum(-1).abs())
    assert_close(torch.autograd.grad(values.sum(), z)[0], -z.sum(-1, keepdim=True).sign().expand(-1, 2))


def test_torch_checks_are_as_they_were_and_a_distribution_may_be_made_inside() -> None:
    before = torch.distributions.Distribution._validate_args
    joint = LogJoint(
        lambda m, c: MultivariateNormal(m, scale_tril=c).log_prob(torch.zeros_like(m)),
        m=(constraints.real, 2),
        c=(constraints.lower_cholesky, 2, 2),
    )
    assert joint.log_prob(torch.randn(4, 5)).shape == (4,)
    assert joint.vectorized is True
    assert torch.distributions.Distribution._validate_args == before


def same(v: Tensor) -> Tensor:
    return v


def rows_of_none(*_: Tensor, v: Tensor) -> Tensor:
    return v


REAL = constraints.real
UNBUILT: list[tuple[Any, type[Exception], str]] = [
    (constraints.nonnegative_integer, LatentiaError, "discrete"),
    (constraints.simplex, ShapeError, "'v' has shape"),
    ((constraints.simplex, 1), ShapeError, "free"),
    ((constraints.corr_cholesky, 2, 3), ShapeError, "'v' has shape"),
    ((constraints.lower_cholesky, 2, 3), ShapeError, "'v' has shape"),
    ((REAL, 0), LatentiaError, "as in v="),
    ((constraints.stack([constraints.positive, REAL]), 2), LatentiaError, "dim=-1"),
    ((constraints.cat([constraints.positive, REAL], 0, [1, 1]), 2), LatentiaError, "dim=-1"),
    ((constraints.independent(constraints.stack([REAL, REAL]), 1), 2), LatentiaError, "dim=-1"),
    (constraints.dependent, LatentiaError, "Dependent cannot be written"),
    ("real", LatentiaError, "as in v="),
]
# A function, its site, the shape of the free numbers.
UNUSABLE: list[tuple[Any, Any, tuple[int, ...], type[Exception], str]] = [
    (same, (REAL, 3), (2, 3), ShapeError, "sum over"),
    (lambda **_: 1.0, REAL, (2, 1), ShapeError, "float"),
    (lambda w: w, REAL, (2, 1), LatentiaError, "failed on one draw"),
    (same, REAL, (2, 2), ShapeError, "wanted"),
]


def one_line(kind: type[Exception], words: str, call: Any, *given: Any, **named: Any) -> None:
    with pytest.raises(kind, match=words) as caught:
        call(*given, **named)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("site", "kind", "words"), UNBUILT)
def test_a_parameter_that_cannot_be_is_refused_in_one_line(site: Any, kind: type[Exception], words: str) -> None:
    one_line(kind, words, LogJoint, same, v=site)
    one_line(LatentiaError, "no parameter", LogJoint, same)


@pytest.mark.parametrize(("function", "site", "shape", "kind", "words"), UNUSABLE)
def test_a_function_that_cannot_be_used_is_refused_in_one_line(
    function: Any, site: Any, shape: tuple[int, ...], kind: type[Exception], words: str
) -> None:
    one_line(kind, words, LogJoint(function, v=site).log_prob, torch.zeros(shape))


def test_rows_that_cannot_be_are_refused_in_one_line() -> None:
    one_line(LatentiaError, "rows", LogJoint(same, v=REAL).log_prob, torch.zeros(2, 1), torch.arange(2))
    one_line(ShapeError, "same number", LogJoint.of_rows, same, rows_of_none, (torch.zeros(3), torch.zeros(4)), v=REAL)
    one_line(LatentiaError, "ndarray, wanted tensors", LogJoint.of_rows, same, rows_of_none, (np.zeros(3),), v=REAL)
    one_line(ShapeError, "rows", LogJoint.of_rows, same, rows_of_none, (), v=REAL)
    one_line(ShapeError, "rows", LogJoint.of_rows, same, rows_of_none, torch.zeros(()), v=REAL)
    joint = LogJoint.of_rows(same, rows_of_none, torch.zeros(3), v=REAL)
    one_line(ShapeError, "a row", joint.log_prob, torch.zeros(2, 1))


def test_the_bijection_of_a_stack_is_torchs_own() -> None:
    """Where torch has a bijection it is used: a positive number is an exponential."""
    z = torch.linspace(-3, 3, 7, dtype=F64)
    assert_close(bijection(constraints.positive)(z), torch.from_numpy(np.exp(z.numpy())))
