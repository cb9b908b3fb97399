"""Missing values against the conditional normal of a factor model, enumeration and quadrature."""

import pytest
import torch
from torch import Tensor
from torch.distributions import Bernoulli, Distribution, Independent, MultivariateNormal, Normal
from torch.testing import assert_close

from helpers.chance import assert_mean_is, z_limit
from helpers.fixed import Fixed
from helpers.holed import SEEN, WIDE, B, V, ppca, rows, table
from latentia.core import Batch
from latentia.core.errors import LatentiaError
from latentia.distributions import MixedColumns, MixedColumnsSupport
from latentia.evaluation import Imputed, impute
from latentia.families import Categorical, OneHotBlocks
from latentia.models import PPCA, Decoded, GenerativeModel, NoisyOr
from latentia.networks import MLP
from latentia.posteriors import Posterior
from latentia.priors import StandardNormal


def conditional(model: PPCA, batch: Batch) -> list[MultivariateNormal]:
    """p(missing | seen) of each row that misses something, as the normal that it is."""
    w, noise = model.weight.detach(), (2 * model.log_sigma).exp().detach()
    cov, out = w @ w.T + noise * torch.eye(V), []
    for x, seen in zip(batch.x, SEEN, strict=True):
        s, m = seen.nonzero().flatten(), (~seen).nonzero().flatten()
        if not len(m):
            continue
        gain = cov[m][:, s] @ torch.linalg.inv(cov[s][:, s]) if len(s) else torch.zeros(len(m), 0).double()
        loc = model.mean.detach()[m] + gain @ (x[s] - model.mean.detach()[s])
        out.append(MultivariateNormal(loc, cov[m][:, m] - gain @ cov[s][:, m]))
    return out


def again(model: GenerativeModel, q: Posterior, batch: Batch, draws: int = 3000, times: int = 40) -> tuple[Tensor, Tensor]:
    """Means and second moments of many runs, (times, B, ...)."""
    found = [impute(model, q, batch, draws=draws, seed=seed) for seed in range(times)]
    means = torch.stack([one.mean for one in found])
    return means, torch.stack([one.sd**2 + one.mean**2 for one in found])


def test_a_factor_model_s_missing_values_have_the_conditional_normal_s_moments() -> None:
    """False alarm: 1e-6 over the seed."""
    model = ppca()
    batch = rows(model)
    truth = conditional(model, batch)
    mean, second = (torch.zeros(B, V).double() for _ in range(2))
    holed = (~SEEN).any(1).nonzero().flatten().tolist()
    for row, law in zip(holed, truth, strict=True):
        mean[row, ~SEEN[row]] = law.mean
        second[row, ~SEEN[row]] = law.variance + law.mean.square()
    means, seconds = again(model, WIDE, batch)
    assert_mean_is(means[:, ~SEEN], mean[~SEEN], "means", false_alarm=5e-7, rounding=2e-3)
    assert_mean_is(seconds[:, ~SEEN], second[~SEEN], "second moments", false_alarm=5e-7, rounding=3e-3)


def test_what_was_seen_stays_as_it_came() -> None:
    model = ppca()
    batch = rows(model)
    found = impute(model, WIDE, batch, draws=50, multiple=3)
    assert torch.equal(found.mean[SEEN], batch.x[SEEN])
    assert not bool(found.sd[SEEN].any())
    assert torch.equal(found.draws[:, SEEN], batch.x[SEEN].expand(3, -1))
    assert bool(found.mean.isfinite().all())
    whole = impute(model, WIDE, batch._replace(x=model.sample(B).detach(), mask=None), draws=5, multiple=1)
    assert not bool(whole.sd.any())


def test_completed_rows_are_draws_of_the_conditional_normal() -> None:
    """At most a share of 1e-6 of all seeds fails, with the error of the shared draws of z added to that of the rows."""
    model, m = ppca(), 400
    batch = rows(model)
    found = impute(model, WIDE, batch, draws=12_000, multiple=m)
    holed = (~SEEN).any(1).nonzero().flatten().tolist()
    for row, law in zip(holed, conditional(model, batch), strict=True):
        z = torch.linalg.solve_triangular(law.scale_tril, (found.draws[:, row, ~SEEN[row]] - law.mean).T, upper=False)
        inflated = (1 + m / found.effective[row]).sqrt()
        limit = z_limit(2 * len(holed) * V) * inflated / m**0.5
        assert float(z.mean(1).abs().max()) < limit
        assert float((z @ z.T / m - torch.eye(len(z))).abs().max()) < 2**0.5 * limit


def test_bits_of_a_noisy_or_are_filled_as_enumeration_has_it() -> None:
    """False alarm: 1e-6 over the seed."""
    model = NoisyOr(["a", "b", "c"], ["s", "t"], [(0, 0, 0.8), (1, 0, 0.5), (1, 1, 0.9), (2, 1, 0.3)], [0.1, 0.3, 0.2], 0.02)
    seen = torch.tensor([[1, 0], [0, 1], [0, 0]], dtype=torch.bool)
    batch = Batch(torch.ones(3, 2), torch.arange(3), 3, None, seen)
    z = torch.cartesian_prod(*[torch.arange(2.0)] * 3).unsqueeze(1).expand(-1, 3, -1)
    share = model.log_joint(z, batch).softmax(0).unsqueeze(-1)
    truth = torch.where(seen, 1.0, (share * model.likelihood(z).mean).sum(0)).double()
    q = Fixed(Independent(Bernoulli(torch.tensor([0.4, 0.5, 0.3])), 1))
    means, seconds = again(model, q, batch)
    assert_mean_is(means[:, ~seen], truth[~seen], "chances", false_alarm=5e-7, rounding=2e-3)
    assert_mean_is(seconds[:, ~seen], truth[~seen], "a bit is its own square", false_alarm=5e-7, rounding=2e-3)


def test_a_table_s_cells_are_filled_as_quadrature_has_it() -> None:
    """False alarm: 1e-6 over the seed."""
    model, batch = table()
    z = torch.linspace(-8, 8, 4001).double().reshape(-1, 1, 1).expand(-1, 4, 1)
    with torch.no_grad():
        share = model.log_joint(z, batch).softmax(0).unsqueeze(-1)
        law = model.likelihood(z)
        mean, second = (share * law.mean).sum(0), (share * (law.variance + law.mean.square())).sum(0)
    assert batch.mask is not None
    hidden = ~batch.mask
    q = Fixed(Independent(Normal(torch.zeros(1).double(), 1.2), 1))
    means, seconds = again(model, q, batch)
    size = float(mean[hidden].norm())
    assert_mean_is(means[:, hidden], mean[hidden], "means", false_alarm=5e-7, rounding=3e-3, size=size)
    assert_mean_is(seconds[:, hidden], second[hidden], "second moments", false_alarm=5e-7, rounding=5e-3)
    assert isinstance(law, MixedColumns)
    found = impute(model, q, batch, draws=500, multiple=4)
    assert bool(MixedColumnsSupport(law.layout).check(found.draws).all()), "completed rows are rows"


def test_a_column_of_which_a_part_is_missing_is_filled_whole() -> None:
    model, batch = table()
    assert batch.mask is not None
    mask = torch.ones_like(batch.mask)
    mask[:, 1] = False  # one state of the category
    found = impute(model, Fixed(Independent(Normal(torch.zeros(1).double(), 1.2), 1)), batch._replace(mask=mask), draws=300)
    assert_close(found.mean[:, :3].sum(-1), torch.ones(4).double())
    assert torch.equal(found.mean[:, 3:], batch.x[:, 3:])


def test_class_numbers_are_filled_by_the_most_probable_one() -> None:
    torch.manual_seed(2)
    family = Categorical(3)
    model = Decoded(StandardNormal(1), MLP(1, [6], 4, per_value=3, activation="tanh"), family).double()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(2.0)
    seen = torch.tensor([[True, True, False, False]])
    batch = Batch(model.sample(1).double(), torch.arange(1), 1, None, seen)
    z = torch.linspace(-8, 8, 4001).double().reshape(-1, 1, 1)
    with torch.no_grad():
        law = model.likelihood(z)
        assert isinstance(law, Independent)
        share = model.log_joint(z, batch).softmax(0)
        chances = (share[..., None, None] * law.base_dist.probs).sum(0)  # pyright: ignore[reportAttributeAccessIssue]
    found = impute(model, Fixed(Independent(Normal(torch.zeros(1).double(), 1.2), 1)), batch, draws=20_000)
    assert torch.equal(found.mean[0, 2:], chances[0, 2:].argmax(-1).double())
    assert_close(found.sd[0, 2:], 1 - chances[0, 2:].max(-1).values, rtol=0, atol=0.02)


class Unstated(Normal):
    """A normal that does not say its moments, as many a likelihood."""

    @property
    def mean(self) -> Tensor:
        raise NotImplementedError

    @property
    def variance(self) -> Tensor:
        raise NotImplementedError


class Silent(PPCA):
    def likelihood(self, z: Tensor, given: Tensor | None = None) -> Distribution:
        return Independent(Unstated(z @ self.weight.T + self.mean, self.log_sigma.exp()), 1)


def test_a_likelihood_without_moments_is_drawn_from() -> None:
    """False alarm: 1e-6 over the seed."""
    model, silent = ppca(), Silent(2, V).double()
    silent.load_state_dict(model.state_dict())
    batch = rows(model)
    holed = (~SEEN).any(1).nonzero().flatten().tolist()
    truth = torch.cat([law.mean for _, law in zip(holed, conditional(model, batch), strict=True)])
    means, _ = again(silent, WIDE, batch, times=25)
    assert_mean_is(means[:, ~SEEN], truth, "means", rounding=2e-3)


def test_an_impossible_row_says_so_and_leaves_the_others_alone() -> None:
    leakless = NoisyOr(["a"], ["s", "t"], [(0, 0, 0.5)], leak=0.0)
    mask = torch.tensor([[False, True], [False, True]])
    batch = Batch(torch.tensor([[0.0, 1.0], [0.0, 0.0]]), torch.arange(2), 2, None, mask)
    q = Fixed(Independent(Bernoulli(torch.tensor([0.5])), 1))
    found = impute(leakless, q, batch, draws=100, multiple=2, memory=1)
    assert isinstance(found, Imputed)
    assert bool(found.mean[0, 0].isnan())
    assert bool(found.draws[:, 0, 0].isnan().all())
    assert float(found.effective[0]) == 0.0
    assert bool(found.mean[1].isfinite().all())


def test_it_leaves_the_random_state_alone_repeats_itself_and_refuses_nonsense() -> None:
    model = ppca()
    batch, before = rows(model), torch.get_rng_state()
    one, two = (impute(model, WIDE, batch, draws=20, multiple=2, seed=3) for _ in range(2))
    assert torch.equal(before, torch.get_rng_state())
    assert torch.equal(one.draws, two.draws)
    with pytest.raises(LatentiaError, match="draws is 0"):
        impute(model, WIDE, batch, draws=0)
    with pytest.raises(LatentiaError, match="multiple is -1"):
        impute(model, WIDE, batch, multiple=-1)
    blocks = Decoded(StandardNormal(2), MLP(2, [3], V), OneHotBlocks([2, 2])).double()
    with pytest.raises(LatentiaError, match="mask"):
        impute(blocks, WIDE, batch, draws=5)
