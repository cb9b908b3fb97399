"""A run that is loaded is the very same model; a run that is damaged is refused with the file's name."""

import json
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

import latentia
from latentia.core.errors import DataError, LatentiaError, RecipeError, RunError, ShapeError
from latentia.families import Bernoulli, DiagonalNormal
from latentia.models import PPCA, Decoded
from latentia.networks import mlp
from latentia.posteriors import Amortized, Exact
from latentia.priors import StandardNormal
from latentia.runs import Run, StoppedRun, check_free, fit, fit_recipe, free_folder, load

OLD_RUN = Path(__file__).parent / "format-1"
QUICK = ["epochs=1", "evaluation_draws=3"]


def small_fit(*overrides: str) -> Run:
    return fit_recipe({"name": "small", "latents": 3, "data": {"name": "digits"}}, [*QUICK, *overrides], progress=False)


CASES = {
    "bits": (),
    "greys": ("data.binarize=none",),
    "conv": ("model.network=conv", "posterior.network=conv"),
    "flow": ("posterior.family=flow",),
    "full rank": ("posterior.family=full-rank-normal",),
    "vamp": ('model.prior={"name": "vamp", "components": 7}',),
    "mixture": ('model.prior={"name": "mixture", "components": 3}',),
    "normal": ("data.binarize=none", "model.family=normal"),
    "iwae": ("bound=iwae", "draws=3"),
    "batch norm": ('model.network={"name": "mlp", "hidden": [16], "norm": "batch"}',),
}


@pytest.mark.parametrize("overrides", CASES.values(), ids=CASES)
def test_a_loaded_run_is_the_very_same_model(overrides: tuple[str, ...], tmp_path: Path) -> None:
    run = small_fit(*overrides)
    numbers = run.evaluate(draws=5)
    run.save(tmp_path / "run")
    again = load(tmp_path / "run")
    for one, two in ((run.model, again.model), (run.posterior, again.posterior)):
        want, got = one.state_dict(), two.state_dict()
        assert list(want) == list(got)
        assert all(torch.equal(want[name], got[name]) for name in want)
    x = run.dataset().test.head(9).values()
    assert torch.equal(run.encode(x), again.encode(x))
    assert torch.equal(run.sample(4, seed=3), again.sample(4, seed=3))
    assert torch.equal(run.reconstruct(x), again.reconstruct(x))
    assert again.evaluation == numbers
    assert again.evaluate(draws=5) == numbers
    assert again.history.best_epoch == run.history.best_epoch
    assert [row["step"] for row in again.history.rows] == [row["step"] for row in run.history.rows]
    assert again.notes == run.notes


def test_a_run_from_an_older_version_of_the_format_still_loads() -> None:
    run = load(OLD_RUN)
    known = json.loads((OLD_RUN / "known.json").read_text())
    assert run.encode(torch.tensor(known["x"])).flatten().tolist() == pytest.approx(known["z"], abs=1e-5)
    assert run.evaluation is not None
    assert run.evaluation.draws == known["draws"]
    assert len(run.history.rows) == known["epochs"]


def test_the_same_recipe_and_seed_give_the_same_bits() -> None:
    one, two, other = small_fit(), small_fit(), small_fit("fit.seed=1")
    weights = [next(run.model.parameters()).detach() for run in (one, two, other)]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


def test_a_run_folder_holds_what_the_design_says_and_nothing_pickled(tmp_path: Path) -> None:
    run = small_fit()
    run.evaluate(draws=2)
    run.save(tmp_path / "run")
    names = {p.name for p in (tmp_path / "run").iterdir()}
    wanted = {"recipe.json", "model.safetensors", "metrics.csv", "environment.json", "evaluation.json", "report.html"}
    assert wanted | {"samples.png", "reconstructions.png"} == names
    for path in (tmp_path / "run").iterdir():
        with pytest.raises(Exception):  # noqa: B017  anything but success
            pickle.loads(path.read_bytes())


def test_parts_made_by_hand_are_fitted_saved_and_loaded(tmp_path: Path) -> None:
    x = torch.rand(120, 12) < 0.4
    model = Decoded(StandardNormal(2), mlp(2, [8], 12, activation="tanh"), Bernoulli())
    run = latentia.fit(model, Amortized(mlp(12, [8], 2, per_value=2), DiagonalNormal()), x, epochs=2, progress=False)
    assert run.encode(x[:5]).shape == (5, 2)
    assert run.sample(16).shape == (16, 12)
    assert set(run.sample(16).unique().tolist()) <= {0.0, 1.0}
    assert run.evaluate(draws=4).rows == 12
    run.save(tmp_path / "run")
    again = load(tmp_path / "run")
    assert torch.equal(again.encode(x[:5]), run.encode(x[:5]))
    with pytest.raises(DataError, match=r"fitted on 'array', which is no named data set; pass the rows"):
        again.evaluate(draws=4)
    assert again.evaluate(draws=4, data=x).rows == 120, "every row of an array is used"


def test_exact_inference_saves_and_loads_too(tmp_path: Path) -> None:
    x = torch.randn(100, 6)
    run = fit(PPCA(2, 6), Exact(), x, epochs=3, lr=1e-2, progress=False)
    run.save(tmp_path / "run")
    assert torch.equal(load(tmp_path / "run").encode(x[:3]), run.encode(x[:3]))


def test_a_part_in_no_registry_fits_but_is_refused_when_saved(tmp_path: Path) -> None:
    class Own(Bernoulli):
        pass

    model = Decoded(StandardNormal(2), mlp(2, [4], 5), Own())
    run = fit(
        model, Amortized(mlp(5, [4], 2, per_value=2), DiagonalNormal()), torch.rand(40, 5) < 0.5, epochs=1, progress=False
    )
    assert run.sample(2).shape == (2, 5)
    with pytest.raises(RecipeError, match=r"Own is in no registry"):
        run.save(tmp_path / "run")
    assert not (tmp_path / "run" / "recipe.json").exists()


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    shutil.copytree(OLD_RUN, tmp_path / "run")
    return tmp_path / "run"


def test_a_missing_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"is no run: it has no recipe.json"):
        load(tmp_path / "nowhere")


def test_missing_truncated_and_swapped_weights_are_refused(saved: Path) -> None:
    weights = saved / "model.safetensors"
    whole = weights.read_bytes()
    for size in (0, 7, 8, 100, len(whole) - 1):
        weights.write_bytes(whole[:size])
        with pytest.raises(RunError, match=r"model.safetensors is damaged \("):
            load(saved)
    weights.write_bytes(pickle.dumps({"model": 1}))
    with pytest.raises(RunError, match=r"is damaged"):
        load(saved)
    weights.unlink()
    with pytest.raises(RunError, match=r"model.safetensors is missing"):
        load(saved)


def test_weights_of_another_recipe_are_refused_with_the_first_odd_name(saved: Path) -> None:
    recipe = json.loads((saved / "recipe.json").read_text())
    recipe["latents"] = 5
    (saved / "recipe.json").write_text(json.dumps(recipe))
    with pytest.raises(RunError, match=r"does not fit its recipe: .* the two files are not of one run"):
        load(saved)


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        ("recipe.json", "{", "recipe.json is not JSON"),
        ("recipe.json", '{"format": 99}', "format 99, this Latentia reads up to 1; upgrade Latentia"),
        ("recipe.json", "{}", "has no x_shape, so it is a recipe and not a run's"),
        ("environment.json", "[]", "environment.json holds a list, wanted an object; delete it to load the run without it."),
        ("evaluation.json", "[]", "evaluation.json holds a list, wanted an object; delete it and run `latentia evaluate`."),
        ("evaluation.json", "{", "delete it and run `latentia evaluate`."),
        ("ladder.json", "[1]", "ladder.json holds a list, wanted an object; delete it and run `latentia ladder`."),
        ("ladder.json", '{"rungs": 1}', "ladder.json is not what Latentia wrote; delete it and run `latentia ladder`."),
        ("ladder-own-training.json", "[]", "delete it and run `latentia ladder --own-training`."),
        ("environment.json", '{"training": [1]}', "environment.json is not what Latentia wrote"),
        ("evaluation.json", '{"elbo": null}', "evaluation.json is not what Latentia wrote"),
        ("evaluation.json", '{"elbo": 1}', "evaluation.json is not what Latentia wrote"),
        ("metrics.csv", "epoch,step\n1,x\n", "metrics.csv is damaged"),
    ],
)
def test_damaged_files_are_refused_by_name_in_one_line(saved: Path, file: str, text: str, message: str) -> None:
    (saved / file).write_text(text)
    with pytest.raises(LatentiaError) as error:
        load(saved)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("file", ["recipe.json", "evaluation.json", "environment.json"])
def test_a_file_of_a_gigabyte_is_refused_unread(saved: Path, file: str) -> None:
    with (saved / file).open("r+b") as grown:
        grown.truncate(1 << 30)  # a hole, which takes no room on the disk
    with pytest.raises(LatentiaError, match=rf"{file} is larger than 64 MiB"):
        load(saved)


def test_a_folder_that_holds_something_is_never_overwritten(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years")
    with pytest.raises(RunError, match=r"is not empty"):
        check_free(tmp_path)
    with pytest.raises(RunError, match=r"is a file"):
        check_free(tmp_path / "thesis.txt")
    assert free_folder(tmp_path, "run") == tmp_path / "run"
    (tmp_path / "run").mkdir()
    assert free_folder(tmp_path, "run") == tmp_path / "run-2"


def test_wrong_rows_are_refused_by_encode(saved: Path) -> None:
    run = load(saved)
    with pytest.raises(ShapeError, match=r"a row of the data has shape"):
        run.encode(np.zeros((3, 5), dtype=np.float32))
    with pytest.raises(LatentiaError, match=r"nothing was observed"):
        run.encode(np.full((1, 1, 8, 8), np.nan, dtype=np.float32))
    with pytest.raises(ShapeError, match=r"a row of z has shape"):
        run.decode(torch.zeros(2, 9))
    with pytest.raises(DataError, match=r"wanted at least 1"):
        run.sample(0)


def test_missing_cells_are_encoded_as_they_were_learned(saved: Path) -> None:
    run = load(saved)
    x = torch.rand(4, 1, 8, 8)
    mask = torch.rand(4, 1, 8, 8) < 0.5
    holes = x.masked_fill(~mask, torch.nan)
    assert torch.equal(run.encode(holes, mask=mask), run.encode(x, mask=mask))
    assert torch.equal(run.encode(holes), run.encode(x, mask=mask))
    assert not torch.equal(run.encode(x, mask=mask), run.encode(x))
    assert run.reconstruct(holes, mask=mask).isfinite().all()


def test_encode_is_the_posterior_mean_keeps_no_graph_and_draws_nothing(saved: Path) -> None:
    run = load(saved)
    x = torch.rand(4, 1, 8, 8)
    first, second = run.encode(x), run.encode(x)
    assert torch.equal(first, second)
    assert not first.requires_grad
    assert not run.model.training


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"bound": "iwae"}, "names belong into recipes"),
        ({"gradient": latentia.Iwae}, "names belong into recipes"),
        ({"draws": 1.5}, "draws is 1.5"),
        ({"name": "../x"}, "name is '../x'"),
        ({"seed": 2**70}, "seed is"),
        ({"adam_betas": (2.0, 3.0)}, "adam_betas is 2.0: input should be less than 1"),
        ({"device": "meta"}, "device 'meta' cannot be used here"),
    ],
)
def test_a_wrong_argument_of_fit_is_refused_before_training(wrong: dict, message: str) -> None:
    model = Decoded(StandardNormal(2), mlp(2, [4], 5), Bernoulli())
    q = Amortized(mlp(5, [4], 2, per_value=2), DiagonalNormal())
    with pytest.raises(LatentiaError) as error:
        fit(model, q, torch.rand(40, 5) < 0.5, epochs=1, progress=False, **wrong)
    assert message in str(error.value)
    with pytest.raises(LatentiaError, match=r"the model is a Amortized, wanted a GenerativeModel"):
        fit(q, model, torch.rand(40, 5) < 0.5)  # pyright: ignore[reportArgumentType]


def test_an_unknown_option_of_fit_is_refused_with_the_nearest() -> None:
    model = Decoded(StandardNormal(2), mlp(2, [4], 5), Bernoulli())
    q = Amortized(mlp(5, [4], 2, per_value=2), DiagonalNormal())
    with pytest.raises(RecipeError, match=r"fit has no option 'epoch'; did you mean 'epochs'?"):
        fit(model, q, torch.rand(40, 5) < 0.5, epoch=3)
    with pytest.raises(RecipeError, match=r"epochs is 0: input should be greater than 0"):
        fit(model, q, torch.rand(40, 5) < 0.5, epochs=0)


def test_a_fit_that_stops_at_something_not_finite_hands_over_the_best_epoch() -> None:
    x = torch.randn(60, 6)
    model = Decoded(StandardNormal(2), mlp(2, [4], 6), latentia.Normal("learned"))
    q = Amortized(mlp(6, [4], 2, per_value=2), DiagonalNormal())
    with pytest.raises(StoppedRun, match=r"try a tenth of it") as stopped:
        fit(model, q, x, epochs=400, lr=1e7, adam_eps=1e-30, progress=False)
    if stopped.value.run is not None:
        assert stopped.value.run.sample(3).isfinite().all()
