"""Names to objects and back; what a recipe may not say is refused with the nearest thing it may."""

import json
from pathlib import Path

import pytest
import torch

from latentia.bounds import BOUNDS
from latentia.core.errors import LatentiaError, NoReparameterization, RecipeError, ShapeError
from latentia.data import DATASETS
from latentia.families import FAMILIES
from latentia.gradients import GRADIENTS, Relax
from latentia.models import MODELS
from latentia.networks import NETWORKS
from latentia.posteriors import POSTERIORS
from latentia.priors import PRIORS
from latentia.recipe import (
    SIMULATED,
    Recipe,
    build,
    build_bound,
    build_gradient,
    describe_bound,
    describe_gradient,
    describe_model,
    describe_posterior,
    named_recipes,
    parse_recipe,
    read_recipe,
    recipe_values,
    with_overrides,
)
from latentia.runs import fit_recipe, for_learner

IMAGE = (1, 8, 8)


def rebuilt(values: dict, x_shape: tuple[int, ...] = IMAGE) -> None:
    """Build, describe, build again: the same names and options, the same parameters by name and shape."""
    recipe = parse_recipe(values, "test")
    model, posterior = build(recipe, x_shape, levels=17)
    again = parse_recipe({**values, "model": describe_model(model), "posterior": describe_posterior(posterior)}, "described")
    model2, posterior2 = build(again, x_shape)
    assert describe_model(model2) == describe_model(model)
    assert describe_posterior(posterior2) == describe_posterior(posterior)
    for one, two in ((model, model2), (posterior, posterior2)):
        assert {k: v.shape for k, v in one.state_dict().items()} == {k: v.shape for k, v in two.state_dict().items()}


# What a part cannot do without; the models' rows are as long as the test's.
FAMILY_OPTIONS: dict[str, dict] = {
    "one-hot-blocks": {"sizes": [3, 1]},
    "columns": {"columns": [{"kind": "real", "name": "a"}, {"kind": "category", "width": 3}]},
}
A_VARIABLE = {"name": "a", "states": ["u", "v", "w", "x", "y", "z"], "table": [0.25, 0.25, 0.2, 0.1, 0.1, 0.1]}
MODEL_OPTIONS: dict[str, dict] = {
    "noisy-or": {"causes": ["p", "q", "r"], "effects": list("abcdefghijkl"), "edges": [[0, 1, 0.5], [2, 3, 0.25]]},
    "bayes-net": {"variables": [A_VARIABLE, {**A_VARIABLE, "name": "b"}]},
    "sigmoid-belief": {"layers": [3, 2], "hidden": [4]},
}
DISCRETE = ("noisy-or", "bayes-net", "sigmoid-belief")
NEEDS_A_SLOPE = ("per-datum", "semi-amortized", "iterative")


@pytest.mark.parametrize("name", FAMILIES)
def test_every_family_survives_the_round_trip_as_a_likelihood_or_as_a_posterior(name: str) -> None:
    family = {"name": name, **FAMILY_OPTIONS.get(name, {})}
    as_posterior = {"latents": 4, "posterior": {"name": "amortized", "family": family}}
    rebuilt(as_posterior)
    if "n_latents" not in FAMILIES[name].__init__.__annotations__:
        rebuilt({"latents": 4, "model": {"name": "decoded", "family": family}})


@pytest.mark.parametrize("name", NETWORKS)
def test_every_network_survives_the_round_trip_on_both_sides(name: str) -> None:
    rebuilt(
        {"model": {"name": "decoded", "network": name}, "posterior": {"name": "amortized", "network": name}}
        if name != "mlp"
        else {"model": {"name": "decoded", "network": {"name": "mlp", "hidden": [5, 5]}}}
    )


@pytest.mark.parametrize("name", PRIORS)
def test_every_prior_survives_the_round_trip(name: str) -> None:
    rebuilt({"latents": 3, "model": {"name": "decoded", "prior": name}})


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("posterior", POSTERIORS)
def test_every_model_survives_the_round_trip_under_every_posterior(name: str, posterior: str) -> None:
    values = {"latents": 3, "model": {"name": name, **MODEL_OPTIONS.get(name, {})}, "posterior": posterior}
    if name in DISCRETE and posterior in NEEDS_A_SLOPE:
        with pytest.raises(NoReparameterization, match="continuous family"):
            rebuilt(values, x_shape=(12,))
    elif posterior == "clamped" and name != "bayes-net":
        with pytest.raises(ShapeError, match=r"one-hot-blocks|amortized"):
            rebuilt(values, x_shape=(12,))
    else:
        rebuilt(values, x_shape=(12,))


@pytest.mark.parametrize("name", ["flow", "inverse-autoregressive", "continuous-flow", "low-rank-normal", "normal-mixture"])
def test_a_prior_made_of_answers_takes_every_family_of_them(name: str) -> None:
    values = {
        "latents": 2,
        "model": {"name": "decoded", "prior": "vamp"},
        "posterior": {"name": "amortized", "family": name},
    }
    model, _ = build(parse_recipe(values, "test"), IMAGE, levels=17)
    z = model.sample_prior(5)
    assert model.prior().log_prob(z).shape == (5,)


@pytest.mark.parametrize("change", ["bound=iwae", "gradient=reparameterized", "draws=3", "fit.beta=2", "fit.clip=1"])
def test_a_learner_refuses_what_it_would_ignore(change: str) -> None:
    wanted = ["model=ppca", "posterior=exact", "learner=em", "data.flatten=true", "epochs=1"]
    with pytest.raises(RecipeError, match=f"'em' does not take '{change.split('=')[0]}'"):
        fit_recipe("digits", [*wanted, change], progress=False)
    with pytest.raises(RecipeError, match="m_stps"):
        fit_recipe("digits", [*wanted, "learner.m_stps=3"], progress=False)


def test_every_bound_and_gradient_survives_the_round_trip() -> None:
    for name in BOUNDS:
        bound = build_bound(Recipe(bound={"name": name}))
        assert describe_bound(build_bound(Recipe(bound=describe_bound(bound)))) == describe_bound(bound)
    for name in GRADIENTS:
        gradient = build_gradient(Recipe(gradient={"name": name}), IMAGE, (3,))
        again = build_gradient(Recipe(gradient=describe_gradient(gradient)), IMAGE, (3,))
        assert describe_gradient(again) == describe_gradient(gradient)


def test_a_gradient_is_built_for_the_shapes_of_x_and_z_which_a_recipe_may_not_set() -> None:
    wanted = Recipe(gradient={"name": "relax", "hidden": [7], "temperature": 0.3})
    gradient = build_gradient(wanted, IMAGE, (3, 4))
    assert isinstance(gradient, Relax)
    assert gradient.network.in_shape == (torch.Size(IMAGE).numel() + 12,)
    assert describe_gradient(gradient)["hidden"] == [7]
    with pytest.raises(RecipeError, match="unknown option"):
        build_gradient(Recipe(gradient={"name": "nvil", "x_shape": [3]}), IMAGE, (3,))


@pytest.mark.parametrize("name", named_recipes())
def test_every_named_recipe_is_complete_and_carries_its_own_name(name: str) -> None:
    values, source = recipe_values(name)
    recipe = parse_recipe(values, source)
    assert recipe.name == name
    assert recipe.about
    assert recipe.data.name in {*DATASETS, SIMULATED}
    assert values["format"] == 1


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"epochs": 5}, "test: unknown key 'epochs'; "),
        ({"fit": {"epoch": 5}}, "unknown key 'fit.epoch'; did you mean 'fit.epochs'?"),
        ({"laten": 5}, "unknown key 'laten'; did you mean 'latents'?"),
        ({"fit": {"epochs": 0}}, "fit.epochs is 0: input should be greater than 0"),
        ({"fit": {"epochs": "many"}}, "fit.epochs is 'many': input should be a valid integer"),
        ({"latents": 2.5}, "latents is 2.5: input should be a valid integer"),
        ({"name": "../../etc"}, "name is '../../etc'"),
        ({"format": 2}, "test has format 2, this Latentia reads up to 1; upgrade Latentia."),
        ({"format": 0}, "test has format 0, the oldest there is is 1"),
        ({"format": "one"}, "test has format 'one'"),
    ],
)
def test_a_wrong_key_or_value_is_refused_with_what_was_wanted(values: dict, message: str) -> None:
    with pytest.raises(RecipeError) as error:
        parse_recipe(values, "test")
    assert message in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"model": {"name": "decodet"}}, "model: there is no 'decodet'; did you mean 'decoded'?"),
        (
            {"model": {"name": "decoded", "family": "bernuolli"}},
            "model.family: there is no 'bernuolli'; did you mean 'bernoulli'?",
        ),
        ({"model": {"name": "decoded", "famly": "normal"}}, "model.famly: unknown option of 'decoded'"),
        (
            {"model": {"name": "decoded", "family": {"name": "normal", "scal": 1}}},
            "model.family.scal: unknown option of 'normal'; did you mean 'scale'?",
        ),
        ({"model": {"name": "decoded", "network": {"name": "mlp", "hidden": "big"}}}, "model.network.hidden is 'big'"),
        (
            {"model": {"name": "decoded", "network": {"name": "mlp", "hidden": [4], "in_shape": 3}}},
            "unknown option of 'mlp'",
        ),
        (
            {"model": {"name": "decoded", "network": {"name": "mlp", "hidden": [4], "activation": "rellu"}}},
            "did you mean 'relu'?",
        ),
        ({"model": {"name": "decoded", "prior": "vamp"}, "posterior": "exact"}, "needs posterior 'amortized'"),
        ({"model": {"no": "name"}}, "model.no: unknown option of 'decoded'"),
        ({"model": {"name": 3}}, 'wanted a name or {"name": ..., option: value}'),
        ({"model": {"prior": [3]}}, 'wanted a name or {"name": ..., option: value}'),
    ],
)
def test_a_wrong_component_is_refused_with_its_place_in_the_recipe(values: dict, message: str) -> None:
    with pytest.raises(LatentiaError) as error:
        build(parse_recipe(values, "test"), IMAGE)
    assert message in str(error.value)


def test_overrides_reach_sections_components_and_short_names() -> None:
    values, source = recipe_values("mnist-static")
    out = with_overrides(
        values,
        ["epochs=3", "fit.lr=0.01", "latents=7", "model.network.hidden=[10]", "model.family=normal", "data.binarize=none"],
    )
    recipe = parse_recipe(out, source)
    assert (recipe.fit.epochs, recipe.fit.lr, recipe.latents) == (3, 0.01, 7)
    assert recipe.model["network"]["hidden"] == [10]
    assert recipe.model["family"] == "normal"
    assert values["fit"]["epochs"] == 40, "the recipe it came from is left alone"


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("epochs", "--set wants key=value, got 'epochs'"),
        ("epoch=3", "--set epoch: unknown key; did you mean 'epochs'?"),
        ("name=x", ""),
        ("fit.epoch=3", "--set fit.epoch: unknown key; did you mean 'fit.epochs'?"),
        ("draws.k=3", "unknown key"),
    ],
)
def test_a_wrong_override_is_refused_with_the_nearest_key(override: str, message: str) -> None:
    if not message:
        assert with_overrides({}, [override]) == {"name": "x"}
        return
    with pytest.raises(RecipeError) as error:
        with_overrides({}, [override])
    assert message in str(error.value)


def test_a_family_that_asks_for_grey_levels_gets_the_datas() -> None:
    model, _ = build(
        parse_recipe({"model": {"name": "decoded", "family": "discretized-logistic"}}, "test"), IMAGE, levels=17
    )
    assert describe_model(model)["family"] == {"name": "discretized-logistic", "levels": 17}
    for levels, family in ((None, "normal"), (2, "bernoulli"), (256, "discretized-logistic")):
        model, _ = build(Recipe(), IMAGE, levels)
        assert describe_model(model)["family"]["name"] == family


def test_options_alone_are_those_of_the_default_part() -> None:
    recipe = parse_recipe({"model": {"network": {"activation": "tanh"}}, "bound": {}}, "test")
    model, _ = build(recipe, IMAGE)
    network = describe_model(model)["network"]
    assert (network["name"], network["activation"], network["hidden"]) == ("mlp", "tanh", [256, 256])
    assert describe_bound(build_bound(recipe)) == {"name": "elbo"}


def test_a_name_that_is_nothing_is_refused_with_the_nearest() -> None:
    with pytest.raises(RecipeError, match=r"did you mean 'digits'"):
        recipe_values("digit")


@pytest.mark.parametrize(
    ("text", "message"),
    [("{", "is not JSON"), ("[1]", "holds a list"), ("[" * 100_000, "is not JSON"), ('{"model": {"name": 3}}', "")],
)
def test_a_damaged_recipe_file_is_refused_in_one_line(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "recipe.json"
    path.write_text(text)
    with pytest.raises(RecipeError) as error:
        build(read_recipe(path), IMAGE)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_a_missing_recipe_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"nowhere.json cannot be read: No such file"):
        recipe_values(str(tmp_path / "nowhere.json"))


def test_a_recipe_is_plain_json_and_comes_back_equal() -> None:
    recipe = parse_recipe(recipe_values("digits")[0], "digits")
    assert parse_recipe(json.loads(recipe.to_json()), "again") == recipe


def test_building_draws_only_from_torchs_random_state() -> None:
    recipe = parse_recipe(recipe_values("digits")[0], "digits")

    def weights() -> torch.Tensor:
        torch.manual_seed(3)
        return torch.cat([p.flatten() for p in build(recipe, IMAGE, 17)[0].parameters()])

    assert torch.equal(weights(), weights())


def test_a_recipe_for_another_learner_keeps_what_that_one_takes() -> None:
    values = {"bound": "iwae", "gradient": "reparameterized", "draws": 5, "fit": {"beta": 2.0, "clip": 3.0, "lr": 0.1}}
    recipe = parse_recipe({**values, "latents": 4}, "test")
    em = for_learner(recipe, {"name": "em"})
    assert (em.bound, em.gradient, em.draws) == ({"name": "elbo"}, {"name": "auto"}, 1)
    assert (em.fit.beta, em.fit.clip, em.fit.lr, em.latents) == (1.0, None, 0.1, 4)
    assert em.learner == {"name": "em"}
    wake = for_learner(recipe, {"name": "reweighted-wake-sleep"})
    assert (wake.bound, wake.draws, wake.fit.beta, wake.fit.clip) == ({"name": "elbo"}, 5, 1.0, 3.0)
    assert for_learner(recipe, {"name": "joint"}) == recipe
