"""The page of a discrete z: states instead of walks, one latent a code, draws instead of means that no state has."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch.testing import assert_close

from latentia.data import Dataset, from_arrays
from latentia.evaluation import Evaluation, Figure, evaluate_split, expected_x, quick_look
from latentia.models import GenerativeModel
from latentia.posteriors import Posterior
from latentia.recipe import Recipe, build, build_model, build_posterior, parse_recipe
from latentia.report import ReportContent, save_pictures
from latentia.report.page import page
from latentia.report.sections.flips import states_of
from latentia.report.words import describe
from latentia.runs import simulated

Make = Callable[..., ReportContent]
Read = Callable[[str], Any]
NOISY_OR: dict[str, Any] = {
    "name": "noisy-or",
    "causes": ["a", "b", "c"],
    "effects": ["s", "t", "u"],
    "edges": [[0, 0, 0.8], [1, 1, 0.5], [2, 2, 0.9]],
    "base_rate": 0.2,
    "leak": 0.1,
}
CODES = {"model": {"name": "decoded", "prior": {"name": "codes", "n_classes": 5}}, "latents": 4}
BITS = {"model": {"name": "decoded", "prior": "bernoulli"}, "latents": 6}
LAYERS = {"model": {"name": "sigmoid-belief", "layers": [5, 3]}, "posterior": {"name": "layered"}}


def images() -> Dataset:
    g = torch.Generator().manual_seed(0)
    return from_arrays(torch.rand(60, 1, 6, 6, generator=g) < 0.3, torch.arange(60) % 3, splits=(0.6, 0.2, 0.2))


def parts(values: dict[str, Any]) -> tuple[Recipe, GenerativeModel, Posterior]:
    recipe = parse_recipe(values, "test")
    torch.manual_seed(1)
    model, posterior = build(recipe, (1, 6, 6), 2)
    with torch.no_grad():
        # Untrained networks answer alike for every row, so that no latent would be in use.
        for parameter in (*model.parameters(), *posterior.parameters()):
            parameter.mul_(6)
    return recipe, model, posterior


def content(make: Make, values: dict[str, Any]) -> ReportContent:
    data, (recipe, model, posterior) = images(), parts(values)
    numbers = evaluate_split(model, posterior, data.test, draws=5)
    return make(recipe=recipe.model_dump(mode="json"), model=model, posterior=posterior, data=data, evaluation=numbers)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (CODES, "gives one code each of its states"),
        (BITS, "switches one bit off and on"),
        (LAYERS, "switches one bit off and on"),
    ],
    ids=["codes", "bits", "layers"],
)
def test_the_page_shows_states_and_no_walk(values: dict, words: str, make_content: Make, read: Read, tmp_path: Any) -> None:
    whole = content(make_content, values)
    found = read(page(whole))
    assert words in found.text
    assert "averaged over draws of the latents" in found.text
    assert "interpolation" not in found.ids
    assert "manifold" not in found.ids
    assert "nan" not in found.text.lower().replace("nats", "")
    assert {path.name for path in save_pictures(tmp_path, whole)} == {"samples.png", "reconstructions.png"}


def test_a_bit_of_an_upper_layer_is_not_flipped(make_content: Make, read: Read) -> None:
    found = read(page(content(make_content, LAYERS)))
    section = found.text[found.text.index("Each strip switches") :]
    assert "z₀" in section
    for name in ("z₅", "z₆", "z₇"):
        assert name not in section


def test_a_code_is_one_latent_in_every_count(make_content: Make, read: Read) -> None:
    _, model, posterior = parts(CODES)
    numbers = evaluate_split(model, posterior, images().test, draws=5)
    assert len(numbers.variance_of_mean) == len(numbers.kl_per_dimension or ()) == 4
    look = quick_look(model, posterior, images().valid)
    assert look["active_units"] <= 4
    batch = images().test.batch(torch.arange(12))
    means = posterior.infer(model, batch).mean
    assert_close(torch.tensor(numbers.variance_of_mean).float(), means.var(0, correction=0).sum(-1), rtol=1e-4, atol=1e-6)
    text = read(page(content(make_content, CODES))).text
    assert "of 4" in text or "All 4 latents" in text


def test_what_stands_for_a_row_is_averaged_over_states_that_z_takes() -> None:
    """At most a share of 1e-6 of all seeds fails: 64 draws of a bit that is on half of the time, as one number."""
    model = build_model(NOISY_OR, None, 10)
    posterior = build_posterior({"name": "amortized", "network": {"name": "mlp", "hidden": []}}, model)
    with torch.no_grad():
        for parameter in posterior.parameters():
            parameter.zero_()
    batch = simulated(model, 100).test.batch(torch.arange(10))
    found = expected_x(model, posterior.infer(model, batch))
    z = torch.cartesian_prod(*[torch.arange(2.0)] * 3)
    truth = model.likelihood(z.unsqueeze(1)).mean.mean((0, 1))
    assert float((found - truth).abs().max()) < 5.6 * 0.45 / 8
    assert not bool(torch.allclose(found, model.likelihood(torch.full((1, 1, 3), 0.5)).mean[0], atol=1e-3))


def test_a_known_model_s_page_points_to_infer_and_has_no_elbo_to_draw(make_content: Make, read: Read) -> None:
    model = build_model(NOISY_OR, None, 10)
    torch.manual_seed(0)
    posterior = build_posterior({"name": "amortized", "see_mask": True}, model)
    data = simulated(model, 100, (0.2, 0.9))
    recipe = parse_recipe({"model": NOISY_OR, "learner": {"name": "sleep", "observed": [0, 1]}}, "test")
    whole = make_content(model=model, posterior=posterior, data=data, evaluation=None, recipe=recipe.model_dump(mode="json"))
    text = read(page(whole)).text
    assert "`latentia infer` says how each is moved" in text
    assert "validation figures are of such draws: no ELBO is seen" in text


def test_bounds_that_are_not_finite_are_said_and_not_printed(make_content: Make, read: Read) -> None:
    numbers: Evaluation = make_content().evaluation  # pyright: ignore[reportAssignmentType]
    nothing = Figure(float("-inf"), float("nan"))
    impossible = replace(
        numbers, elbo=nothing, rate=Figure(float("inf"), float("nan")), log_px=nothing, bits_per_dim=nothing
    )
    text = read(page(make_content(evaluation=impossible))).text
    assert "Some draws of the posterior are impossible under the model" in text
    assert "inf" not in text.lower().replace("infer", "").replace("information", "")
    assert "not finite" in str(impossible)
    assert "nan" not in str(impossible)
    assert read(page(make_content(evaluation=Evaluation.from_dict(impossible.to_dict())))).text == text


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (
            {"model": NOISY_OR},
            "A row is 3 effects of 3 causes, each of which brings effects about by itself: a noisy-OR network",
        ),
        ({"model": {"name": "bayes-net", "variables": [{}, {}]}}, "A row shows some of 2 variables of a Bayesian network"),
        (LAYERS, "A row is explained by 8 bits in layers of 5 and 3, a sigmoid belief network."),
        ({"posterior": {"name": "clamped"}}, "What was observed is believed; an encoder answers for the other variables."),
        (
            {"posterior": {"name": "amortized", "see_mask": True}},
            "reads a row, and which of its values were seen, and answers",
        ),
        (
            {"learner": {"name": "sleep", "observed": [0, 1]}, "fit": {"epochs": 3}},
            "its own draws of z and x, with 0 to 100 % of a row's values seen, for at most 3 epochs.",
        ),
        (
            {"learner": {"name": "reweighted-wake-sleep"}, "draws": 5, "fit": {"lr": 0.1}},
            "from the model's draws, too, with 5 draws a row, at learning rate 0.1.",
        ),
        ({"model": {"name": "new", "names": ["a"] * 9, "few": [1, 2]}}, "the model is new (few 1 and 2)."),
    ],
)
def test_parts_for_a_discrete_z_are_said_in_words(values: dict[str, Any], words: str) -> None:
    assert words in " ".join(describe(values, None)).replace("model's own draws", "its own draws")


def test_a_flip_changes_the_latent_that_it_names_and_no_other() -> None:
    bits = torch.tensor([1.0, 0.0, 1.0])
    here, zs = states_of(bits, 1, 1)
    assert here == 0
    assert zs.tolist() == [[1, 0, 1], [1, 1, 1]]
    code = torch.tensor([0.0, 1.0, 0.0, 0.0, 1.0])
    here, zs = states_of(code, 2, 3)
    assert here == 2
    assert zs.tolist() == [[0, 1, 1, 0, 0], [0, 1, 0, 1, 0], [0, 1, 0, 0, 1]]
