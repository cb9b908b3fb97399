"""Images of bars against their law, which is a sum over all sets of bars."""

from collections.abc import Callable
from itertools import product

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from helpers.chance import assert_mean_is
from latentia.core.errors import DataError
from latentia.data import OneBar, OverlappingBars, load_data
from latentia.data.bars import Bars

LAWS: dict[str, Callable[[int], Bars]] = {
    "one bar": lambda side: OneBar(side, flip=0.1),
    "overlapping": lambda side: OverlappingBars(side, chance=0.3, strength=0.8, leak=0.1),
}
every_law = pytest.mark.parametrize("name", LAWS)


def every_image(side: int) -> Tensor:
    return torch.tensor(list(product([0.0, 1.0], repeat=side * side)))


def by_hand(name: str, image: Tensor) -> float:
    """p(x) of one image of 2 x 2, pixel by pixel and set by set."""
    lines = [[0, 1], [2, 3], [0, 2], [1, 3]]  # rows, then columns
    total = 0.0
    for present in product([0, 1], repeat=4):
        if name == "one bar" and sum(present) != 1:
            continue
        share = 0.25 if name == "one bar" else 0.3 ** sum(present) * 0.7 ** (4 - sum(present))
        for pixel, on in enumerate(image.tolist()):
            through = sum(there for there, line in zip(present, lines, strict=True) if pixel in line)
            chance = (0.9 if through else 0.1) if name == "one bar" else 1 - 0.9 * 0.2**through
            share *= chance if on else 1 - chance
        total += share
    return total


@every_law
def test_the_law_is_the_sum_over_all_sets_of_bars(name: str) -> None:
    law, images = LAWS[name](2), every_image(2)
    mass = law.log_prob(images).exp()
    assert_close(mass, torch.tensor([by_hand(name, image) for image in images], dtype=torch.float64))
    whole = LAWS[name](3).log_prob(every_image(3)).exp().sum()
    assert_close(whole, torch.ones_like(whole))


@every_law
def test_draws_follow_the_law(name: str) -> None:
    """At most a share of 1e-6 of all seeds fails, each."""
    law, n = LAWS[name](2), 40_000
    x, present = law.draw(n, torch.Generator().manual_seed(7))
    assert x.shape == (n, 1, 2, 2)
    assert present.shape == (n, 4)
    place = (x.flatten(1) * 2 ** torch.arange(3.0, -1, -1)).sum(-1).long()
    assert_mean_is(torch.nn.functional.one_hot(place, 16).double(), law.log_prob(every_image(2)).exp(), "an image")
    sets, log_chance = law.causes()
    assert_close(log_chance.exp().sum(), torch.ones((), dtype=torch.float64))
    assert_mean_is(present.double(), log_chance.exp() @ sets.double(), "a bar")


def test_rows_and_columns_run_where_their_names_say() -> None:
    law = OneBar(3)
    assert law.bars.reshape(6, 3, 3)[1].tolist() == [[0, 0, 0], [1, 1, 1], [0, 0, 0]]
    assert law.bars.reshape(6, 3, 3)[5].tolist() == [[0, 0, 1]] * 3
    data = load_data("bars")
    assert data.label_names is not None
    assert data.train.labels is not None
    for label, name in ((1, "row 2"), (6, "column 3")):
        assert data.label_names[label] == name
        mean = data.split("train").values()[data.split("train").labels == label].mean(0)[0]
        line = mean[1] if name == "row 2" else mean[:, 2]
        assert float(line.min()) > 0.9
        assert float(mean.sum() - line.sum()) < 12 * 0.1


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (lambda: OneBar(0), "side is 0"),
        (lambda: OneBar(flip=0.0), "flip is 0.0"),
        (lambda: OverlappingBars(strength=1.0), "strength is 1.0"),
        (lambda: OverlappingBars(leak=-0.1), "leak is -0.1"),
    ],
)
def test_a_law_that_cannot_be_is_refused(wrong: Callable[[], Bars], said: str) -> None:
    with pytest.raises(DataError, match=said):
        wrong()
