"""What a computation needs is found by doing a little of it."""

import pytest
import torch

from latentia.core import Batch
from latentia.data import from_arrays
from latentia.evaluation.draws import row_totals
from latentia.evaluation.footprint import UNSEEN, LiveBytes, bytes_a_draw, peak_bytes
from latentia.evaluation.imputing import impute
from latentia.families import Bernoulli, Categorical, DiagonalNormal
from latentia.models import Decoded
from latentia.networks import mlp
from latentia.posteriors import Amortized
from latentia.priors import StandardNormal

FLOAT = 4


def parts(width: int = 40, values: int = 30) -> tuple[Decoded, Amortized]:
    torch.manual_seed(0)
    model = Decoded(StandardNormal(3), mlp(3, [width], values), Bernoulli())
    return model, Amortized(mlp(values, [width], 3, per_value=2), DiagonalNormal())


def held(work: object) -> int:
    """Floats."""
    return round(peak_bytes(work) / UNSEEN / FLOAT)  # pyright: ignore[reportArgumentType]


def test_what_is_held_at_once_is_counted_once() -> None:
    before = torch.ones(1000)
    assert held(lambda: torch.ones(1000) + 1) == 2000
    assert held(lambda: [torch.ones(1000).sum() for _ in range(50)]) == pytest.approx(1000, abs=60)
    assert held(lambda: [torch.ones(1000) for _ in range(50)]) == 50_000
    assert held(lambda: torch.ones(1000).view(10, 100).T[2:5].exp_()) == 1000, "views hold nothing more"
    assert held(lambda: before.mul_(2).view(-1)) == 0, "what was there before does not count"


def test_a_gradient_is_counted() -> None:
    x = torch.ones(1000, requires_grad=True)
    kept = held(lambda: torch.autograd.grad(x.exp().sin().sum(), x))
    assert kept >= 3000, "two results and a slope"


def test_random_state_is_left_alone_whatever_happens() -> None:
    before = torch.get_rng_state()
    peak_bytes(lambda: torch.randn(5))
    with pytest.raises(ZeroDivisionError):
        peak_bytes(lambda: torch.randn(5) / (1 // 0))
    assert torch.equal(torch.get_rng_state(), before)


def test_a_wider_network_takes_more() -> None:
    batch = Batch(torch.zeros(2, 30), torch.arange(2), 2)
    narrow, wide = (bytes_a_draw(parts(width)[0], batch) for width in (40, 4000))
    assert narrow < 2000
    assert wide > FLOAT * 4000


@pytest.mark.parametrize("memory", [20_000, 200_000, 2_000_000])
def test_an_estimate_stays_within_its_budget(memory: int) -> None:
    """All but what stands for each row whatever the chunks: its sums, and the encoder's answer."""
    model, posterior = parts(200)
    split = from_arrays(torch.rand(60, 30) < 0.5, splits=(1.0, 0.0, 0.0)).split("train")
    with torch.no_grad(), LiveBytes() as seen:
        totals = row_totals(model, posterior, split, 300, memory)
    assert totals.elbo.shape == (60,)
    assert seen.peak <= memory + 60 * FLOAT * (30 * 4 + 200 * 3 + 40)
    assert seen.peak >= min(memory, 60 * 300 * FLOAT * 30) / 6, "a budget is there to be used"


def test_a_hole_among_many_classes_stays_within_its_budget() -> None:
    """Each class of each value is averaged over the draws, so that a chunk holds them all."""
    torch.manual_seed(0)
    values, classes, memory = 10, 50, 1_000_000
    model = Decoded(StandardNormal(3), mlp(3, [20], values, classes), Categorical(classes))
    posterior = Amortized(mlp(values, [20], 3, per_value=2), DiagonalNormal())
    x = torch.randint(0, classes, (4, values)).float()
    mask = torch.rand(4, values) < 0.5
    with torch.no_grad(), LiveBytes() as seen:
        impute(model, posterior, Batch(x, torch.arange(4), 4, None, mask), 3000, memory=memory)
    assert memory / 6 <= seen.peak <= 1.2 * memory
