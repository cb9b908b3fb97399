"""A recipe in words, and the curves' ranges."""

from math import nan
from typing import Any

import pytest

from latentia.recipe import recipe_values
from latentia.report.series import epochs, focus
from latentia.report.svg import Scale, frame, line, nice_ticks, tick_labels
from latentia.report.words import describe, options


def test_the_named_recipe_reads_as_sentences() -> None:
    values, _ = recipe_values("digits")
    model, posterior, fit = describe(values, None)[1:]
    assert model == (
        "A row is explained by 10 latents with a standard normal prior; a decoder, a multilayer perceptron (hidden 256 and "
        "256, activation SiLU), turns them into a discretized logistic distribution of each value."
    )
    assert posterior == (
        "An encoder, a multilayer perceptron (hidden 256 and 256, activation SiLU), reads a row and answers with a diagonal "
        "normal over its latents."
    )
    assert fit == (
        "Both raise the evidence lower bound (ELBO) with 1 draw a row, for at most 150 epochs, in batches of 128 rows and "
        "at learning rate 0.001, falling along a cosine."
    )


@pytest.mark.parametrize(
    "recipe",
    [
        {},
        {"model": None, "fit": 3, "latents": "many", "posterior": []},
        {"model": "ppca", "posterior": "exact"},
        {"model": {"name": "something-new", "width": 3}, "posterior": {"name": "per-datum", "steps": 5}},
        {"fit": {"lr_decay": "cosine", "beta": 4.0, "kl_warm_up": 10, "epochs": None}},
    ],
)
def test_whatever_is_missing_is_left_out(recipe: dict[str, Any]) -> None:
    for sentence in describe(recipe, None):
        assert sentence.endswith(".")
        assert "None" not in sentence


def test_the_effective_beta_is_said_where_it_is_not_one() -> None:
    (sentence,) = describe({"fit": {"beta": 4.0, "kl_warm_up": 10}}, None)
    assert sentence == "Both are fitted. The KL counts 4 times. Its weight rises over the first 10 steps."


def test_options_that_are_off_are_not_said() -> None:
    assert options({"norm": "none", "residual": False, "scale": None, "nested": {"name": "x"}, "hidden": []}) == ""
    assert options({"residual": True, "n_steps": 3}) == " (residual on, n steps 3)"


@pytest.mark.parametrize(
    ("low", "high", "want"),
    [(0, 10, [0, 2, 4, 6, 8, 10]), (-1.2, 1.2, [-1, -0.5, 0, 0.5, 1]), (1e-4, 3e-4, [1e-4, 1.5e-4, 2e-4, 2.5e-4, 3e-4])],
)
def test_ticks_are_round_and_inside(low: float, high: float, want: list[float]) -> None:
    assert nice_ticks(low, high, 5) == pytest.approx(want)


def test_tick_labels_tell_ticks_apart() -> None:
    for low, high in ((0, 1e-3), (-1e5, 1e5), (3.14, 3.15)):
        labels = tick_labels(nice_ticks(low, high))
        assert len(set(labels)) == len(labels) > 2


def test_the_first_epochs_do_not_set_the_range() -> None:
    curve = [-500.0, -300.0] + [-100.0 + k for k in range(22)]
    assert focus(curve) == pytest.approx((-100 - 1.26, -79 + 1.26))
    assert focus([nan] * 9) == (0.0, 1.0)
    assert focus([-5.0]) == pytest.approx((-5.3, -4.7))


def test_epochs_without_numbers_are_counted() -> None:
    assert epochs([{}, {"epoch": 7.0}, {"epoch": nan}]) == [1.0, 7.0, 3.0]


def test_a_scale_maps_ends_to_ends_and_y_grows_upwards() -> None:
    assert Scale(2.0, 4.0, 10.0, 30.0)(3.0) == 20.0
    f = frame(100, 50, (0, 1), (0, 1), (5, 10, 15, 20))
    assert f.at(0, 0) == (20, 35)
    assert f.at(1, 1) == (90, 5)


def test_a_line_breaks_where_a_value_is_missing() -> None:
    assert line([(nan, 1)], "line") == ""
    assert 'd="M0 1L1 2M3 4h0"' in line([(0, 1), (1, 2), (2, nan), (3, 4)], "line")
