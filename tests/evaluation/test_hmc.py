"""Hamiltonian moves between densities whose moments are known."""

import pytest
import torch
from torch.distributions import Distribution, Independent, MultivariateNormal, Normal
from torch.testing import assert_close

from helpers.chance import assert_mean_is
from latentia.core import LatentiaError
from latentia.evaluation.hmc import Path, move, sigmoid_schedule, tuned_steps


def normal(n: int, scale: float = 1.0) -> Distribution:
    return Independent(Normal(torch.zeros(n).double(), scale), 1)


@pytest.mark.parametrize("beta", [0.0, 0.4, 1.0])
def test_a_move_leaves_the_density_between_two_normals_as_it_is(beta: float) -> None:
    """The geometric path between normals is normal. First and second moments; false alarm 1e-6 over the seed."""
    one, two = (
        MultivariateNormal(torch.tensor(loc).double(), torch.tensor(cov).double())
        for loc, cov in (([0.0, 0.0], [[1.0, 0.6], [0.6, 2.0]]), ([1.0, -1.0], [[0.5, -0.3], [-0.3, 0.4]]))
    )
    precision = (1 - beta) * one.precision_matrix + beta * two.precision_matrix
    loc = torch.linalg.solve(precision, (1 - beta) * one.precision_matrix @ one.loc + beta * two.precision_matrix @ two.loc)
    target = MultivariateNormal(loc, precision_matrix=precision)
    path = Path(one, lambda z: two.log_prob(z) + 7.0)
    place = first = path.at(target.sample((20_000, 1)))
    step = 1.5 * torch.linalg.eigvalsh(target.covariance_matrix).min().sqrt().expand(1)
    for _ in range(4):
        place, chance = move(path, place, beta, step, leapfrog=3)
        assert 0.3 < float(chance.mean()) < 0.95, "a move that is never refused says little about refusals"
    assert float((place.z != first.z).double().mean()) > 0.8
    again = path.at(place.z)
    assert_close(place.logs, again.logs)
    assert_close(place.slopes, again.slopes)
    centered = place.z.squeeze(1) - loc
    products = centered.unsqueeze(-1) * centered.unsqueeze(-2)
    moments = torch.cat([centered.unsqueeze(1), products], 1)
    truth = torch.cat([torch.zeros(1, 2).double(), target.covariance_matrix])
    assert_mean_is(moments, truth, "moments", size=1.0)


def test_moves_find_a_density_from_far_away() -> None:
    path = Path(normal(2), lambda z: -2 * (z - 3).square().sum(-1))
    place = path.at(torch.full((4_000, 1, 2), -4.0).double())
    for _ in range(25):
        place, _ = move(path, place, 1.0, torch.full((1,), 0.3).double(), leapfrog=4)
    assert_mean_is(place.z[:, 0], torch.full((2,), 3.0), "mean")
    assert_mean_is((place.z[:, 0] - 3).square(), torch.full((2,), 0.25), "variance")


@pytest.mark.parametrize("step", [1e5, 1e200])
def test_a_trajectory_that_leaves_the_numbers_is_refused(step: float) -> None:
    path = Path(normal(2), lambda z: -z.pow(4).sum(-1))
    place = path.at(torch.randn(5, 3, 2).double())
    after, chance = move(path, place, 0.5, torch.full((3,), step, dtype=torch.float64), leapfrog=6)
    assert float(chance.max()) == 0.0
    assert_close(after.z, place.z, rtol=0, atol=0)


@pytest.mark.parametrize("scale", [1e-2, 1.0, 1e2])
def test_step_sizes_are_found_for_any_scale(scale: float) -> None:
    """Judged by exact draws from the path's normals, whose chains have no past to be behind of."""
    path = Path(normal(5, scale), normal(5, 0.2 * scale).log_prob)
    steps = tuned_steps(path, rows=20, temperatures=60, leapfrog=4)
    assert steps.shape == (59, 20)
    for t, beta in list(enumerate(sigmoid_schedule(60)[1:-1]))[::6]:
        sd = scale / (1 - beta + beta / 0.04) ** 0.5
        _, chance = move(path, path.at(sd * torch.randn(50, 20, 5).double()), beta, steps[t], leapfrog=4)
        assert 0.4 < float(chance.mean()) < 0.85, (t, float(chance.mean()))


def test_a_long_path_takes_the_steps_of_a_short_one_where_it_is_as_far() -> None:
    path = Path(normal(5), normal(5, 0.1).log_prob)
    table = []
    for temperatures in (1_000, 100):
        torch.manual_seed(1)
        table.append(tuned_steps(path, rows=3, temperatures=temperatures, leapfrog=2))
    long, short = table
    assert_close(long[9::10], short, rtol=0, atol=0)
    assert long.shape == (999, 3)
    assert len(torch.unique(long[:, 0])) == 99


@pytest.mark.parametrize("learned", [False, True])
def test_a_density_without_a_slope_is_refused(learned: bool) -> None:
    scale = torch.ones(()).requires_grad_(learned)  # a graph, but one that does not lead to z
    with pytest.raises(LatentiaError, match="path's end carries no gradient to z"):
        Path(normal(2), lambda z: z.detach().sum(-1) * scale).at(torch.zeros(4, 3, 2).double())


def test_the_schedule_is_the_sigmoid_of_wu_et_al() -> None:
    sigmoid = torch.linspace(-4, 4, 51, dtype=torch.float64).sigmoid()
    expected = (sigmoid - sigmoid[0]) / (sigmoid[-1] - sigmoid[0])
    assert_close(torch.tensor(sigmoid_schedule(50), dtype=torch.float64), expected)
