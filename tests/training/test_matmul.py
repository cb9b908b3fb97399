"""Which way matrix products go: the shapes that are timed, what is chosen, and that torch's setting comes back."""

from collections import Counter
from typing import Any

import pytest
import torch

from latentia.bounds import Iwae
from latentia.core import Batch
from latentia.core.errors import LatentiaError
from latentia.data import from_arrays
from latentia.families import Bernoulli, DiagonalNormal
from latentia.learners import Joint
from latentia.models import Decoded
from latentia.networks import mlp
from latentia.posteriors import Amortized
from latentia.priors import StandardNormal
from latentia.training import History, matmul, train
from latentia.training.checks import products_of
from latentia.training.matmul import LARGEST_ERROR, Product, Products, fastest_route, setting_kept, take

LARGE = Counter({Product(512, 784, 500): 1})


def setting() -> str:
    return matmul.SWITCH.fp32_precision


def learner(width: int = 64) -> Joint:
    model = Decoded(StandardNormal(2), mlp(2, [width], 96), Bernoulli())
    return Joint(model, Amortized(mlp(96, [width], 2, per_value=2), DiagonalNormal()))


def fitted(monkeypatch: pytest.MonkeyPatch, times: dict[str, float], error: float = 1e-7, **options: Any) -> History:
    monkeypatch.setattr(matmul, "SMALLEST_STEP", 1.0)
    monkeypatch.setattr(matmul, "_timed", lambda *_: times)
    monkeypatch.setattr(matmul, "_error", lambda _: error)
    rows = torch.rand(40, 96) < 0.5
    return train(learner(), from_arrays(rows), epochs=1, batch_size=10, **options)


def test_all_products_of_a_pass_are_seen() -> None:
    x, w = torch.randn(7, 3), torch.randn(3, 5)
    with Products() as products:
        torch.nn.functional.linear(x, w.T, torch.zeros(5))
        _ = x @ w
        _ = torch.randn(4, 7, 3) @ torch.randn(4, 3, 2)
        _ = x.double() @ w.double()
    assert products.seen == Counter({Product(7, 3, 5): 2, Product(7, 3, 2): 4})


@pytest.mark.parametrize(
    ("onednn", "error", "chosen"),
    [(0.5, 1e-7, "onednn"), (0.99, 1e-7, "default"), (2.0, 1e-7, "default"), (0.5, 1e-3, "default")],
    ids=["faster", "hardly faster", "slower", "rounds to half precision"],
)
def test_the_faster_way_is_chosen_where_it_is_as_exact(
    monkeypatch: pytest.MonkeyPatch, onednn: float, error: float, chosen: str
) -> None:
    seen: list[str] = []
    kept = Joint.step

    def noting(self: Joint, batch: Any) -> Any:
        seen.append(setting())
        return kept(self, batch)

    monkeypatch.setattr(Joint, "step", noting)
    history = fitted(monkeypatch, {"default": 1.0, "onednn": onednn}, error)
    assert history.route.name == chosen
    assert set(seen) == {matmul.SETTINGS[chosen]}
    assert setting() == "none"
    if chosen == "onednn":
        assert history.route.reason == "matrix products by oneDNN, 2.00 times as fast here, errors of 1e-07"
    elif error > LARGEST_ERROR:
        assert "errs by 1e-03" in history.route.reason
    else:
        assert not history.route.reason


def test_the_setting_comes_back_whatever_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(self: Joint, batch: Any) -> Any:
        raise KeyError("on the way")

    monkeypatch.setattr(Joint, "step", broken)
    with pytest.raises(KeyError):
        fitted(monkeypatch, {"default": 1.0, "onednn": 0.1})
    assert setting() == "none"


@pytest.mark.parametrize("route", ["default", "onednn"])
def test_a_way_that_was_asked_for_is_taken_unmeasured(monkeypatch: pytest.MonkeyPatch, route: Any) -> None:
    assert fitted(monkeypatch, {}, matmul=route).route.name == route


def test_whoever_set_torchs_switch_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    with setting_kept():
        matmul.SWITCH.fp32_precision = "tf32"
        history = fitted(monkeypatch, {"default": 1.0, "onednn": 0.1})
        assert setting() == "tf32"
    assert history.route.name == "as set"


def test_an_unknown_way_is_refused() -> None:
    with pytest.raises(LatentiaError, match=r"matmul is 'mkl', wanted 'auto', 'default' or 'onednn'\."):
        train(learner(), from_arrays(torch.rand(40, 96) < 0.5), matmul="mkl")  # pyright: ignore[reportArgumentType]


def test_measuring_leaves_random_state_and_setting_alone() -> None:
    before = torch.get_rng_state()
    route = fastest_route(LARGE, 100)
    assert route.name in matmul.SETTINGS
    assert torch.equal(torch.get_rng_state(), before)
    assert setting() == "none"


def test_a_small_step_is_not_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matmul, "_timed", lambda *_: pytest.fail("was timed"))
    assert fastest_route(Counter({Product(10, 20, 30): 1}), 100).name == "default"


def test_both_ways_answer_alike() -> None:
    x, w = torch.randn(64, 300), torch.randn(200, 300)
    with setting_kept():
        take("onednn")
        one = torch.nn.functional.linear(x, w)
    assert matmul._error(Product(64, 300, 200)) > 0
    torch.testing.assert_close(one, torch.nn.functional.linear(x, w), rtol=0.02, atol=0.2)


def test_a_resumed_training_takes_the_way_it_began_with() -> None:
    """Or no bit of the rest would be the same on a machine where the two are nearly as fast."""
    from latentia.training.standing import Standing

    standing = Standing(learner(), torch.device("cpu"))
    standing.history.route = matmul.Route("onednn", "because")
    other = Standing(learner(), torch.device("cpu"))
    other.go_on_from(standing.checkpoint())
    assert other.history.route == standing.history.route


def test_the_products_that_are_timed_are_those_of_a_step() -> None:
    """Of all draws of all rows: under several draws the decoder's are nearly all of the work."""
    model = Decoded(StandardNormal(2), mlp(2, [64], 96), Bernoulli())
    own = Joint(model, Amortized(mlp(96, [32], 2, per_value=2), DiagonalNormal()), Iwae(), draws=5)
    batch = Batch((torch.rand(10, 96) < 0.5).float(), torch.arange(10), 10)
    before = torch.get_rng_state()
    assert products_of(own, batch) == Counter(
        {Product(10, 96, 32): 1, Product(10, 32, 4): 1, Product(50, 2, 64): 1, Product(50, 64, 96): 1}
    )
    assert torch.equal(torch.get_rng_state(), before)


def test_a_way_from_elsewhere_is_taken_only_where_it_is_exact(monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = matmul.Route("onednn", "twice as fast there")
    monkeypatch.setattr(matmul, "_error", lambda _: 1e-7)
    assert matmul.checked(chosen) == chosen
    monkeypatch.setattr(matmul, "_error", lambda _: 1e-3)
    assert matmul.checked(chosen) == matmul.Route("default", "matrix products by torch's default: oneDNN rounds here")


def test_a_checkpoint_from_before_there_was_a_choice_goes_on_by_default() -> None:
    from latentia.training.standing import Standing

    kept = Standing(learner(), torch.device("cpu")).checkpoint()
    del kept.values["loop"]["matmul"]
    other = Standing(learner(), torch.device("cpu"))
    other.go_on_from(kept)
    assert other.history.route == matmul.Route()
