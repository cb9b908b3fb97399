"""How values enter an encoder: in units of the event or of each value, and counts as logarithms."""

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from latentia.core import Batch
from latentia.core.errors import RecipeError, ShapeError
from latentia.families import DiagonalNormal
from latentia.models import PPCA
from latentia.networks import MLP
from latentia.posteriors import Amortized, Posterior, SemiAmortized
from latentia.recipe import build, describe_posterior, parse_recipe

D, V, B = 2, 4, 7
UNITS = torch.tensor([1e-3, 1.0, 40.0, 1e5])


def encoder(kind: type[Any] = Amortized, **options: Any) -> Any:
    torch.manual_seed(5)
    in_shape = Amortized.input_shape((V,), bool(options.get("see_mask")))
    made = kind(MLP(in_shape, [8], D, per_value=2, activation="tanh"), DiagonalNormal(), **options)
    return made.double()


def answer(posterior: Posterior, x: Tensor, mask: Tensor | None = None) -> Tensor:
    return posterior.infer(PPCA(D, V).double(), Batch(x, torch.arange(len(x)), len(x), None, mask)).mean


def test_each_value_enters_in_units_of_its_own() -> None:
    rows = torch.randn(60, V).double()
    answers = []
    for shift, scale in ((0.0, torch.ones(V)), (torch.tensor([3.0, -7.0, 0.0, 1e6]), UNITS)):
        posterior = encoder(scale_each=True)
        moved = shift + scale.double() * rows
        posterior.start_at(moved)
        assert posterior.center.shape == posterior.spread.shape == (V,)
        answers.append(answer(posterior, moved))
    assert_close(answers[0], answers[1])
    whole = encoder()
    whole.start_at(UNITS.double() * rows)
    assert whole.center.shape == ()
    assert not torch.allclose(answer(whole, UNITS.double() * rows), answers[0], atol=0.05)


def test_a_value_that_never_varied_keeps_a_spread_of_one() -> None:
    posterior, rows = encoder(scale_each=True), torch.randn(60, V).double()
    rows[:, 1] = 3.0
    posterior.start_at(rows)
    assert float(posterior.spread[1]) == 1.0
    odd = rows[:B].clone()
    odd[:, 1] = 4.0
    assert bool(((answer(posterior, odd) - answer(posterior, rows[:B])).abs() < 5.0).all())


@pytest.mark.parametrize("see_mask", [False, True])
@pytest.mark.parametrize("places", [[0, 3], "all"])
def test_counts_enter_as_logarithms(see_mask: bool, places: Any) -> None:
    posterior, plain = encoder(log_values=places, see_mask=see_mask), encoder(see_mask=see_mask)
    counts = torch.poisson(torch.full((B, V), 20.0)).double()
    by_hand = counts.clone()
    chosen = list(range(V)) if places == "all" else places
    by_hand[:, chosen] = by_hand[:, chosen].log1p()
    posterior.start_at(counts)
    plain.start_at(by_hand)
    assert_close(posterior.center, plain.center)
    assert_close(answer(posterior, counts), answer(plain, by_hand))
    mask = torch.rand(B, V) < 0.6
    holed = counts.masked_fill(~mask, torch.nan)
    assert_close(answer(posterior, holed, mask), answer(plain, by_hand, mask))


def test_a_missing_value_is_at_its_own_center() -> None:
    posterior, rows = encoder(scale_each=True), 50 + UNITS.double() * torch.randn(B, V).double()
    posterior.start_at(rows)
    mask = torch.rand(B, V) < 0.5
    holed = answer(posterior, rows.masked_fill(~mask, torch.nan), mask)
    assert_close(holed, answer(posterior, torch.where(mask, rows, posterior.center)))


def test_the_semi_amortized_encoder_has_the_same_options() -> None:
    posterior = encoder(SemiAmortized, scale_each=True, log_values=[1])
    assert (posterior.scale_each, posterior.log_values) == (True, [1])
    counts = torch.poisson(torch.full((B, V), 5.0)).double()
    posterior.start_at(counts)
    assert posterior.encoder.center.shape == (V,)
    assert bool(answer(posterior, counts).isfinite().all())


@pytest.mark.parametrize("name", ["amortized", "semi-amortized"])
@pytest.mark.parametrize("places", [[0, 2], "all", []])
def test_the_options_survive_the_round_trip(name: str, places: Any) -> None:
    options = {"scale_each": True, "log_values": places, "see_mask": True}
    recipe = parse_recipe({"latents": 2, "posterior": {"name": name, **options}}, "test")
    _, posterior = build(recipe, (V,))
    said = describe_posterior(posterior)
    assert {key: said[key] for key in options} == options
    _, again = build(parse_recipe({"latents": 2, "posterior": said}, "test"), (V,))
    again.load_state_dict(posterior.state_dict())


def test_a_place_beyond_the_event_is_refused() -> None:
    with pytest.raises(ShapeError, match="place 4, the values of a row are numbered 0 to 3"):
        encoder(log_values=[1, 4])
    with pytest.raises(RecipeError, match=r"posterior\.log_values is 'some'"):
        build(parse_recipe({"latents": 2, "posterior": {"name": "amortized", "log_values": "some"}}, "t"), (V,))
