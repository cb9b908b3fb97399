"""A posterior follows its model: the shape of z, the family that holds its values, and what the model knows of itself."""

from typing import Any

import pytest
import torch
from torch import Size, Tensor
from torch.distributions import Bernoulli, Distribution, Independent, Normal, OneHotCategorical

from latentia.core.errors import RecipeError
from latentia.distributions import OneHotBlocks, layers_of_bits
from latentia.models import GenerativeModel
from latentia.posteriors import Amortized
from latentia.recipe import build_model, build_posterior, default_posterior_family, describe_posterior


class Stub(GenerativeModel):
    """A model with a given prior, and nothing that generates."""

    def __init__(self, prior: Distribution, x_shape: tuple[int, ...] = (5,)) -> None:
        super().__init__()
        self._prior = prior
        self.x_shape, self.z_shape = Size(x_shape), prior.event_shape

    def prior(self, given: Tensor | None = None) -> Distribution:
        return self._prior

    def likelihood(self, z: Tensor, given: Tensor | None = None) -> Distribution:
        raise NotImplementedError


class NoSupport(Distribution):
    """A distribution that does not say where it puts mass."""


@pytest.mark.parametrize(
    ("prior", "family"),
    [
        (Independent(Normal(torch.zeros(3), 1.0), 1), "diagonal-normal"),
        (Independent(Bernoulli(torch.full((3,), 0.5)), 1), "bernoulli"),
        (Independent(OneHotCategorical(torch.ones(3, 4)), 1), "one-hot"),
        (OneHotBlocks(torch.zeros(5), [2, 3]), "one-hot-blocks"),
        (layers_of_bits(torch.zeros(2), [lambda z: z @ torch.ones(2, 3)], [2, 3], upwards=True), "bernoulli"),
        (NoSupport(event_shape=Size((3,)), validate_args=False), "diagonal-normal"),
    ],
    ids=["reals", "bits", "codes", "blocks", "layers", "unknown"],
)
def test_the_default_family_holds_what_the_prior_draws(prior: Distribution, family: str) -> None:
    assert default_posterior_family(Stub(prior)) == family


def test_an_encoder_answers_in_the_shape_of_the_models_z() -> None:
    model = Stub(Independent(Bernoulli(torch.full((7,), 0.5)), 1), x_shape=(1, 4, 4))
    posterior = build_posterior({"name": "amortized", "network": {"name": "mlp", "hidden": [3]}}, model)
    assert isinstance(posterior, Amortized)
    q = posterior.encode(torch.zeros(2, 1, 4, 4))
    assert (q.batch_shape, q.event_shape) == ((2,), (7,))
    assert set(q.sample((50,)).unique().tolist()) == {0.0, 1.0}


@pytest.mark.parametrize("x_shape", [(5,), (1, 8, 8)], ids=["vectors", "images"])
@pytest.mark.parametrize("name", ["amortized", "semi-amortized"])
def test_an_encoder_that_sees_the_mask_is_given_room_for_it(name: str, x_shape: tuple[int, ...]) -> None:
    model = Stub(Independent(Normal(torch.zeros(3), 1.0), 1), x_shape)
    network = {"name": "conv" if len(x_shape) == 3 else "mlp"}
    posterior: Any = build_posterior({"name": name, "network": network, "see_mask": True}, model)
    assert posterior.network.in_shape == (2 * x_shape[0], *x_shape[1:])
    assert describe_posterior(posterior)["see_mask"] is True
    plain: Any = build_posterior({"name": name, "network": network}, model)
    assert (plain.network.in_shape, plain.see_mask) == (x_shape, False)
    with pytest.raises(RecipeError, match=r"posterior.see_mask is 'maybe'"):
        build_posterior({"name": name, "see_mask": "maybe"}, model)


def test_what_the_model_knows_fills_what_the_recipe_leaves_out() -> None:
    belief = build_model({"name": "sigmoid-belief", "layers": [4, 3]}, (6,), 10)
    layered: Any = build_posterior({"name": "layered"}, belief)
    assert layered.layers == [4, 3]
    with pytest.raises(RecipeError, match=r"unknown option of 'layered'; did you mean 'layers'"):
        build_posterior({"name": "layered", "layer": [4, 2]}, belief)
    coin = {"name": "a", "states": ["u", "v"], "table": [0.5, 0.5]}
    die = {"name": "b", "states": ["u", "v", "w"], "table": [0.5, 0.25, 0.25]}
    blocks: Any = build_posterior(
        {"name": "clamped"}, build_model({"name": "bayes-net", "variables": [coin, die]}, None, 10)
    )
    assert blocks.family.sizes == [2, 3]
