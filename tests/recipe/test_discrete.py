"""A posterior follows its model: the shape of z, the family that holds its values, and what the model knows of itself."""

from typing import Any

import pytest
import torch
from torch import Size, Tensor
from torch.distributions import Bernoulli, Distribution, Independent, Normal, OneHotCategorical

from latentia.core.errors import RecipeError
from latentia.models import GenerativeModel
from latentia.posteriors import Amortized
from latentia.recipe import build_posterior, default_posterior_family, describe_posterior


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
        (NoSupport(event_shape=Size((3,)), validate_args=False), "diagonal-normal"),
    ],
    ids=["reals", "bits", "codes", "unknown"],
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
