"""Coordinate ascent: what it reports, what no update ever does, and what it refuses."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.testing import assert_close

from latentia.core import Batch
from latentia.core.errors import LatentiaError, NoClosedForm
from latentia.data import from_arrays
from latentia.learners import CoordinateAscent
from latentia.models import (
    PPCA,
    BayesianGaussianMixture,
    BayesianLinearRegression,
    BayesianPCA,
    GenerativeModel,
    HasCoordinateAscent,
    HasSearchedPosterior,
    LatentDirichlet,
)
from latentia.training import train

V, N = 5, 60
MAKERS: dict[str, Callable[[], GenerativeModel]] = {
    "pca": lambda: BayesianPCA(3, V),
    "mixture": lambda: BayesianGaussianMixture(4, V),
    "process mixture": lambda: BayesianGaussianMixture(4, V, weights="dirichlet-process"),
    "regression": lambda: BayesianLinearRegression(V),
    "tied regression": lambda: BayesianLinearRegression(V, tied=True),
    "lda": lambda: LatentDirichlet(3, V, tolerance=1e-5, most_steps=300),
}
every_model = pytest.mark.parametrize("name", MAKERS)


def batch_of(x: Tensor) -> Batch:
    return Batch(x, torch.arange(len(x)), len(x))


def problem(name: str, n: int = N, dtype: torch.dtype = torch.float64) -> Batch:
    """Correlated, skewed rows away from zero; for a regression, a target that they explain in part; for topics, counts."""
    if name == "lda":
        rates = torch.rand(2, V, dtype=torch.float64)[torch.randint(2, (n,))]
        return batch_of(torch.poisson(2 * rates**3).to(dtype))
    x = torch.randn(n, V, dtype=torch.float64).abs() @ torch.randn(V, V, dtype=torch.float64) + 3
    if "regression" not in name:
        return batch_of(x.to(dtype))
    y = x @ torch.randn(V, 1, dtype=torch.float64) + torch.randn(n, 1, dtype=torch.float64)
    return batch_of(y.to(dtype))._replace(given=x.to(dtype))


def closed(model: GenerativeModel) -> HasCoordinateAscent:
    assert isinstance(model, HasCoordinateAscent)
    return model


def buffers(model: GenerativeModel) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in model.state_dict().items()}


@every_model
def test_no_update_of_any_factor_lowers_the_bound(name: str) -> None:
    """Twenty data sets, eight sweeps each; after every single update, q(z)'s included, in a shuffled order."""
    for seed in range(20):
        torch.manual_seed(seed)
        model, batch = MAKERS[name]().double(), problem(name)
        if seed % 2:
            model.start_at(batch.x)
        part = closed(model)
        q, before = part.variational_posterior(batch), None
        for sweep in range(8):
            places = torch.randperm(len(part.factors) + 1).tolist()
            for place in places:
                if place == len(part.factors):
                    found = part.variational_posterior(batch)
                    q = part.better_of(batch, found, q) if isinstance(part, HasSearchedPosterior) else found
                else:
                    part.update(part.factors[place], batch, q)
                    if part.factors[place] == "weight" and "regression" in name:
                        q = part.variational_posterior(batch)
                bound = float(part.elbo(batch, q))
                moved = "z" if place == len(part.factors) else part.factors[place]
                if before is not None:
                    assert bound >= before - 1e-9 * abs(before), f"seed {seed}, sweep {sweep}, {moved}: {before} to {bound}"
                before = bound


@every_model
def test_each_factor_stands_at_its_maximum_after_its_update(name: str) -> None:
    """The bound's slope in the factor's own numbers is 0: finite differences, which know nothing of the update."""
    owned = {
        "weight": ["weight", "weight_tril"],
        "mean": ["mean", "mean_variance"],
        "alpha": ["alpha_shape", "alpha_rate"],
        "tau": ["tau_shape", "tau_rate"],
        "weights": ["concentrations"],
        "components": ["mean", "mean_precisions", "dof", "scatter_tril"],
    }
    if name == "lda":
        pytest.skip("one step of a search; its fixed point is held to the bound's slope in test_latent_dirichlet.py")
    model, batch = MAKERS[name]().double(), problem(name)
    part = closed(model)
    model.start_at(batch.x)
    for _ in range(3):
        CoordinateAscent(model).step(batch)
    q = part.variational_posterior(batch)
    for factor in part.factors:
        part.update(factor, batch, q)
        best = float(part.elbo(batch, q))
        for buffer in owned[factor]:
            value = model.get_buffer(buffer)
            kept = value.clone()
            for _ in range(3):
                towards = 1e-3 * torch.randn_like(kept) * kept  # keeps signs and zeros
                sides = []
                for sign in (1, -1):
                    value.copy_(kept + sign * towards)
                    sides.append(float(part.elbo(batch, q)) - best)
                value.copy_(kept)
                slope, curve = abs(sides[0] - sides[1]), -(sides[0] + sides[1])
                assert curve > -1e-9 * abs(best), f"{factor}, {buffer}: not a maximum"
                assert slope < 0.02 * curve + 1e-9 * abs(best), f"{factor}, {buffer}: slope {slope}, curve {curve}"


@every_model
def test_a_sweep_reports_the_bound_after_it(name: str) -> None:
    model, batch = MAKERS[name]().double(), problem(name)
    model.start_at(batch.x)
    learner, twin = CoordinateAscent(model), MAKERS[name]().double()
    learner.step(batch)  # or q(w) of a regression would still be the prior
    twin.load_state_dict(model.state_dict())
    q = closed(twin).variational_posterior(batch)
    for factor in closed(twin).factors:
        closed(twin).update(factor, batch, q)
    log = learner.step(batch)
    assert_close(log["bound"], closed(twin).elbo(batch, q) / N)
    assert float(log["rate"]) > 0
    assert (float(log["grad_norm"]), bool(log["skipped"])) == (0.0, False)
    assert all(value.shape == () for value in log.values())
    assert (learner.steps, learner.lr, learner.effective_beta, learner.warm_up_steps) == (2, 1.0, 1.0, 0)


@every_model
def test_an_ascent_ends_by_convergence_or_says_that_it_did_not(name: str) -> None:
    model, batch = MAKERS[name]().double(), problem(name)
    model.start_at(batch.x)
    learner = CoordinateAscent(model)
    short = learner.ascend(batch, tolerance=0.0, most_steps=3)
    assert (short.steps, short.converged) == (3, False)
    long = learner.ascend(batch, tolerance=1e-6)
    assert long.converged
    assert 0 <= long.bounds[-1] - long.bounds[-2] + 1e-12 < 1e-5
    assert short.bound <= long.bounds[0] + 1e-9
    assert learner.steps == short.steps + long.steps


@every_model
def test_single_precision_follows_double_precision(name: str) -> None:
    wide, batch = MAKERS[name]().double(), problem(name)
    wide.start_at(batch.x)
    narrow = MAKERS[name]()
    narrow.load_state_dict(wide.state_dict())
    small = batch._replace(x=batch.x.float(), given=None if batch.given is None else batch.given.float())
    first, second = CoordinateAscent(wide), CoordinateAscent(narrow)
    for _ in range(10):
        ends = first.step(batch)["bound"], second.step(small)["bound"]
    assert_close(ends[1], ends[0], rtol=1e-4, atol=1e-4)  # pyright: ignore[reportPossiblyUnboundVariable]
    assert all(value.dtype == torch.float32 for value in narrow.buffers())
    z = closed(narrow).variational_posterior(small).sample((1,))
    z = z if z.ndim == narrow.z_shape.numel() + 1 or not narrow.z_shape else z.reshape(1, -1, *narrow.z_shape)
    assert narrow.log_joint(z, small).dtype == torch.float32


@every_model
def test_a_state_saved_to_safetensors_answers_alike(name: str, tmp_path: Path) -> None:
    model, batch = MAKERS[name]().double(), problem(name)
    model.start_at(batch.x)
    CoordinateAscent(model).ascend(batch, most_steps=5)
    save_file(buffers(model), tmp_path / "state.safetensors")
    again = MAKERS[name]().double()
    again.load_state_dict(load_file(tmp_path / "state.safetensors"))
    q = closed(model).variational_posterior(batch)
    assert torch.equal(closed(model).elbo(batch, q), closed(again).elbo(batch, q))


@every_model
@pytest.mark.parametrize("poison", [torch.nan, torch.inf])
def test_a_sweep_on_a_bad_row_is_skipped_without_a_trace(name: str, poison: float) -> None:
    model, good = MAKERS[name]().double(), problem(name)
    model.start_at(good.x)
    learner, before = CoordinateAscent(model), buffers(model)
    bad = good._replace(x=good.x.clone().index_fill_(0, torch.tensor(3), poison))
    assert bool(learner.step(bad)["skipped"])
    assert all(torch.equal(before[key], value) for key, value in buffers(model).items())
    with pytest.raises(LatentiaError, match="sweep 1 was not finite"):
        learner.ascend(bad)
    assert not bool(learner.step(good)["skipped"])


def test_the_training_loop_takes_it_with_all_rows_in_one_batch() -> None:
    data = from_arrays(problem("pca", 80).x.float())
    history = train(CoordinateAscent(BayesianPCA(3, V)), data, epochs=10)
    bounds = [row["train_bound"] for row in history.rows]
    assert bounds[-1] > bounds[0]
    assert history.rows[-1]["skipped"] == 0


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (lambda: CoordinateAscent(PPCA(2, V)), "PPCA lacks one"),
        (lambda: CoordinateAscent(BayesianPCA(2, V)).step(problem("pca")._replace(n_rows=99)), "batch_size=99"),
        (lambda: CoordinateAscent(BayesianPCA(2, V)).ascend(problem("pca"), tolerance=-1.0), "tolerance is -1.0"),
        (lambda: CoordinateAscent(BayesianPCA(2, V)).ascend(problem("pca"), most_steps=0), "most_steps 0"),
        (lambda: CoordinateAscent(BayesianPCA(2, V - 1)).step(problem("pca")), r"shape \(5,\), wanted \(4,\)"),
        (
            lambda: CoordinateAscent(BayesianGaussianMixture(2, V + 1)).ascend(problem("mixture")),
            r"shape \(5,\), wanted \(6,\)",
        ),
    ],
)
def test_what_coordinate_ascent_cannot_do_is_refused(wrong: Callable[[], object], said: str) -> None:
    with pytest.raises(LatentiaError, match=said):
        wrong()


@every_model
def test_a_mask_and_an_unknown_factor_are_refused(name: str) -> None:
    model, batch = MAKERS[name]().double(), problem(name)
    with pytest.raises(NoClosedForm, match="complete rows"):
        CoordinateAscent(model).step(batch._replace(mask=torch.ones_like(batch.x, dtype=torch.bool)))
    q = closed(model).variational_posterior(batch)
    with pytest.raises(LatentiaError, match=r"no factor 'weigth'; (did you mean 'weight|known: topics)"):
        closed(model).update("weigth", batch, q)
