"""Held-out numbers against models whose log p(x) is known."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from latentia.core import Batch
from latentia.core.errors import LatentiaError
from latentia.data import Dataset, from_arrays
from latentia.evaluation import Evaluation, Figure, chunk_sizes, evaluate_split, quick_look, some_places
from latentia.evaluation import draws as draws_module
from latentia.families import Bernoulli, DiagonalNormal, DiscretizedLogistic, Family, Flow, FullRankNormal
from latentia.families.base import raw_of_positive
from latentia.models import PPCA, Decoded
from latentia.networks import MLP, mlp
from latentia.posteriors import Amortized, Exact
from latentia.priors import Mixture, StandardNormal

N_VALUES, N_LATENTS = 8, 3


def rows(n: int = 400) -> Dataset:
    torch.manual_seed(3)
    x = torch.randn(n, N_LATENTS) @ torch.randn(N_LATENTS, N_VALUES) + 0.5 * torch.randn(n, N_VALUES)
    return from_arrays(x, splits=(0.25, 0.25, 0.5))


def fitted_ppca(data: Dataset) -> PPCA:
    return PPCA.maximum_likelihood(data.split("train").values(), N_LATENTS)


def wrong_posterior() -> Amortized:
    torch.manual_seed(4)
    return Amortized(mlp(N_VALUES, [], N_LATENTS, per_value=2), DiagonalNormal())


def last(part: Decoded | Amortized) -> nn.Linear:
    """The output layer of a part whose network is an MLP."""
    assert isinstance(part.network, MLP)
    return part.network.last


class Counting(PPCA):
    """Counts the draws for which each row's likelihood was asked."""

    def __init__(self, n_latents: int, n_values: int) -> None:
        super().__init__(n_latents, n_values)
        self.counts: dict[int, int] = {}

    def log_likelihood(self, z: Tensor, batch: Batch) -> Tensor:
        for row in batch.row.tolist():
            self.counts[row] = self.counts.get(row, 0) + z.shape[0]
        return super().log_likelihood(z, batch)


@pytest.mark.parametrize(("draws", "memory"), [(1, 2**14), (7, 2**14), (7, 2**27), (5000, 2**19), (5000, 2**27)])
def test_exactly_the_asked_number_of_draws_is_used_for_every_row(
    draws: int, memory: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(draws_module, "bytes_a_draw", lambda *_: 33_000)  # draws by which memory is found do not count
    data = rows(24)
    model = Counting(N_LATENTS, N_VALUES)
    result = evaluate_split(model, wrong_posterior(), data.test, draws=draws, memory=memory)
    assert result.draws == draws
    assert model.counts == dict.fromkeys(range(len(data.test)), draws)


def test_with_the_exact_posterior_every_bound_is_log_p() -> None:
    data = rows()
    model = fitted_ppca(data)
    exact = model.log_marginal(data.test.values()).detach().double()
    result = evaluate_split(model, Exact(), data.test, draws=200)
    assert result.k_hat is None, "equal weights have no tail"
    assert result.elbo.value == pytest.approx(float(exact.mean()), abs=1e-4)
    assert result.log_px.value == pytest.approx(float(exact.mean()), abs=1e-4)
    assert result.log_px.error == pytest.approx(float(exact.std() / math.sqrt(len(exact))), abs=1e-4)
    assert result.reconstruction.value - result.rate.value == pytest.approx(result.elbo.value, abs=1e-6)


def test_more_draws_close_the_gap_from_the_elbo_to_log_p() -> None:
    """Means over 200 rows of a hundred draws or more: the order fails by chance less than once in a million seeds."""
    data = rows()
    model = fitted_ppca(data)
    q = Amortized(mlp(N_VALUES, [], N_LATENTS, per_value=2), DiagonalNormal())
    with torch.no_grad():  # the exact means, a spread that is too wide by half
        exact = model.exact_posterior(Batch(data.test.values(), torch.arange(len(data.test)), len(data.test)))
        design = torch.linalg.lstsq(data.test.values() - model.mean, exact.mean).solution
        last(q).weight.zero_()
        last(q).weight[:N_LATENTS] = design.T
        last(q).bias.zero_()
        last(q).bias[:N_LATENTS] = -design.T @ model.mean
        too_wide = 1.5 * exact.variance[0].sqrt()
        last(q).bias[N_LATENTS:] = raw_of_positive(too_wide)
    truth = float(model.log_marginal(data.test.values()).detach().mean())
    few, many = (evaluate_split(model, q, data.test, draws=k) for k in (100, 5000))
    assert few.elbo.value < few.log_px.value < truth + 0.01
    assert abs(truth - many.log_px.value) < 0.02
    assert many.elbo.value == pytest.approx(few.elbo.value, abs=0.15)
    assert many.k_hat is not None
    assert many.k_hat < 0.7


@pytest.mark.parametrize(("spread", "trusted"), [(2.0, True), (0.4, False)])
def test_k_hat_trusts_a_wide_proposal_and_flags_a_narrow_one(spread: float, trusted: bool) -> None:
    """A normal proposal of 0.4 of the target's scale has Pareto shape 1 - 0.4^2 = 0.84; a wider one has bounded weights."""
    model, q = decoded(latents=1)
    with torch.no_grad():
        last(model).weight.zero_()
        last(q).weight.zero_()
        last(q).bias[0] = 0.0
        last(q).bias[1] = raw_of_positive(torch.tensor(spread))
    k_hat = evaluate_split(model, q, bit_rows(60).test, draws=5000).k_hat
    assert k_hat is not None
    assert (k_hat < 0.0) if trusted else (0.7 < k_hat < 0.98)


def test_chunks_sum_to_the_draws_and_respect_the_budget() -> None:
    for draws in (1, 2, 7, 500, 5000):
        for a_draw in (1, 30_000, 500_000):
            for memory in (1, 2**20, 2**30):
                for rows in (1, 3, 10_000):
                    at_once, chunks = chunk_sizes(draws, a_draw, memory, rows)
                    assert sum(chunks) == draws
                    assert 1 <= at_once <= rows
                    assert max(chunks) * at_once * a_draw <= memory or max(chunks) * at_once == 1
                    full = max(chunks) == draws and at_once == min(rows, 500)
                    assert full or 3 * (max(chunks) + 1) * (at_once + 1) * a_draw > memory, "what is allowed is used"


@pytest.mark.parametrize(("draws", "memory"), [(0, 2**20), (5, 0)])
def test_no_draws_or_no_memory_is_refused(draws: int, memory: int) -> None:
    data = rows(24)
    with pytest.raises(LatentiaError, match="wanted"):
        evaluate_split(fitted_ppca(rows()), Exact(), data.test, draws=draws, memory=memory)


def test_evaluation_is_repeatable_and_leaves_the_callers_random_state() -> None:
    data = rows(40)
    model, q = fitted_ppca(rows()), wrong_posterior()
    torch.manual_seed(8)
    first = evaluate_split(model, q, data.test, draws=20)
    after = torch.rand(2)
    second = evaluate_split(model, q, data.test, draws=20)
    torch.manual_seed(8)
    assert torch.equal(torch.rand(2), after)
    assert first == second


def decoded(family: Family | None = None, latents: int = 4) -> tuple[Decoded, Amortized]:
    torch.manual_seed(0)
    model = Decoded(StandardNormal(latents), mlp(latents, [16], N_VALUES), Bernoulli())
    q = family or DiagonalNormal()
    return model, Amortized(mlp(N_VALUES, [16], latents, per_value=q.raw_per_value), q)


def bit_rows(n: int = 300) -> Dataset:
    torch.manual_seed(1)
    return from_arrays(torch.rand(n, N_VALUES) < 0.5, splits=(0.0, 0.0, 1.0))


@pytest.mark.parametrize("make", [DiagonalNormal, lambda: FullRankNormal(4), lambda: Flow(4)])
def test_the_quick_look_of_training_agrees_with_the_full_account(make: Callable[[], Family]) -> None:
    """Both are means over 300 rows and at least 100 draws of one quantity that varies by some 3 nats a draw: a standard
    error of 0.02 nat, fifteen of which fit into the tolerance.
    """
    family = make()
    model, q = decoded(family)
    data = bit_rows()
    full = evaluate_split(model, q, data.test, draws=300)
    quick = quick_look(model, q, data.test, draws=100)
    assert quick["bound"] == pytest.approx(full.elbo.value, abs=0.3)
    assert quick["rate"] == pytest.approx(full.rate.value, abs=0.3)
    assert quick["reconstruction"] - quick["rate"] == pytest.approx(quick["bound"], abs=1e-9)
    if not isinstance(family, Flow):  # its means are averages of draws, and one lies near the threshold here
        assert quick["active_units"] == full.active_units


def test_kl_a_dimension_sums_to_the_rate_where_it_has_a_closed_form() -> None:
    model, q = decoded()
    result = evaluate_split(model, q, bit_rows().test, draws=4000)
    assert result.kl_per_dimension is not None
    assert sum(result.kl_per_dimension) == pytest.approx(result.rate.value, abs=0.02)


def test_a_prior_that_does_not_factorize_has_no_kl_a_dimension() -> None:
    _, q = decoded()
    model = Decoded(Mixture(4, components=3), mlp(4, [8], N_VALUES), Bernoulli())
    assert evaluate_split(model, q, bit_rows(50).test, draws=5).kl_per_dimension is None


def test_latents_that_ignore_x_are_not_active_and_carry_no_information() -> None:
    model, q = decoded()
    with torch.no_grad():
        weight = last(q).weight.view(2, 4, -1)
        weight[:, 1:] = 0
        weight[:, 0] *= 5
    result = evaluate_split(model, q, bit_rows().test, draws=2)
    assert result.active_units == 1
    assert all(v == 0 for v in result.variance_of_mean[1:])
    with torch.no_grad():
        last(q).weight.zero_()
    assert evaluate_split(model, q, bit_rows().test, draws=2).mutual_information.value == pytest.approx(0.0, abs=1e-5)


def test_information_of_a_code_that_tells_every_row_apart_is_the_log_of_the_rows() -> None:
    data = from_arrays(torch.arange(200.0).reshape(200, 1).repeat(1, N_VALUES), splits=(0.0, 0.0, 1.0))
    model, q = fitted_ppca(rows()), wrong_posterior()
    with torch.no_grad():
        last(q).weight.zero_()
        last(q).weight[0, 0] = 1000.0
    result = evaluate_split(model, q, data.test, draws=1)
    assert result.mutual_information.value == pytest.approx(math.log(200), abs=1e-3)


def test_a_flat_likelihood_over_grey_levels_costs_the_log_of_its_width() -> None:
    torch.manual_seed(0)
    image = (1, 2, 2)
    model = Decoded(StandardNormal(2), mlp(2, [], image, per_value=2), DiscretizedLogistic(256))
    q = Amortized(mlp(image, [], 2, per_value=2), DiagonalNormal())
    with torch.no_grad():
        for part in (model, q):
            last(part).weight.zero_()
            last(part).bias.zero_()
        last(model).bias.copy_(torch.tensor([0.5] * 4 + [1e3] * 4))  # in the middle of the scale, a hundred times as wide
    # No end levels, since those take the tails: every level in between has mass 1 / (4 * scale * 255).
    data = from_arrays(torch.randint(1, 255, (50, 2, 2), dtype=torch.uint8), splits=(0.0, 0.0, 1.0))
    result = evaluate_split(model, q, data.test, draws=3)
    assert result.bits_per_dim is not None
    assert result.bits_per_dim.value == pytest.approx(-result.elbo.value / (4 * math.log(2)), rel=1e-12)
    assert result.reconstruction.value == pytest.approx(-4 * math.log(4 * 100.054 * 255), abs=0.01)


def test_bits_a_dimension_count_only_what_was_observed() -> None:
    """An untrained model of even bits pays one bit for each bit it is shown, and its rate for none."""
    model, q = decoded()
    with torch.no_grad():
        for part in (model, q):
            last(part).weight.zero_()
            last(part).bias.zero_()
    mask = torch.zeros(90, N_VALUES, dtype=torch.bool)
    mask[:, :3] = True
    data = from_arrays(torch.rand(90, N_VALUES) < 0.5, mask=mask, splits=(0.0, 0.0, 1.0))
    result = evaluate_split(model, q, data.test, draws=3)
    assert result.bits_per_dim is not None
    assert result.bits_per_dim.value == pytest.approx(1.0, abs=1e-3)


def test_rows_that_stand_for_a_split_are_spread_over_it() -> None:
    places = some_places(10_000, 500)
    assert torch.equal(places, some_places(10_000, 500))
    assert len(places.unique()) == 500
    assert [int((places // 2_500 == k).sum()) > 80 for k in range(4)] == [True] * 4
    assert torch.equal(some_places(7, 500), torch.arange(7))


def test_reals_have_no_bits() -> None:
    data = rows(40)
    assert evaluate_split(fitted_ppca(rows()), Exact(), data.test, draws=2).bits_per_dim is None


def test_numbers_survive_json_and_what_is_not_finite_becomes_null() -> None:
    data = rows(40)
    result = evaluate_split(fitted_ppca(rows()), Exact(), data.test, draws=2)
    assert Evaluation.from_dict(result.to_dict()) == result
    one = evaluate_split(fitted_ppca(rows()), Exact(), data.test.head(1), draws=2)
    assert math.isnan(one.elbo.error)
    assert one.to_dict()["elbo"]["error"] is None
    assert str(Figure(1.0, 0.5)) == "1.000 ± 0.500"


def test_dynamic_bits_are_held_still_while_they_are_measured() -> None:
    model, q = decoded()
    data = from_arrays(torch.rand(60, N_VALUES), splits=(1.0, 0.0, 0.0)).binarized("dynamic")
    assert evaluate_split(model, q, data.split("train"), draws=3) == evaluate_split(model, q, data.split("train"), draws=3)
