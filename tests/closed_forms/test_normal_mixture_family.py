"""Where the components of an untrained normal mixture lie, and what the family refuses."""

import pytest
import torch

from latentia.core.errors import LatentiaError, ShapeError
from latentia.families import NormalMixture as MixtureFamily


def test_no_mixture_of_two_and_a_half_components_nor_of_other_raw_numbers() -> None:
    for wrong in (0, 2.5):
        with pytest.raises(LatentiaError, match=f"components is {wrong}"):
            MixtureFamily(2, wrong)  # pyright: ignore[reportArgumentType]
    for shape in ((14, 2), (2,), (5, 15, 3)):
        with pytest.raises(ShapeError, match="give it"):
            MixtureFamily(2, 5).distribution(torch.zeros(shape))


@pytest.mark.parametrize(("k", "dim", "limit"), [(5, 4, 0.5), (5, 10, 0.8), (5, 40, 0.99), (20, 10, 0.3), (3, 3, 0.51)])
def test_the_places_of_two_latents_are_as_little_alike_as_there_is_room_for(k: int, dim: int, limit: float) -> None:
    state = torch.get_rng_state()
    places = MixtureFamily(dim, k).places
    assert torch.equal(places, MixtureFamily(dim, k).places)
    assert torch.equal(state, torch.get_rng_state())
    assert float((torch.corrcoef(places.T) - torch.eye(dim)).abs().max()) < limit
    assert torch.equal(places.sort(0).values, places[:, :1].sort(0).values.expand(k, dim))
