"""The loop: every row is used, the best weights stay, and what goes wrong has a name."""

import math
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from latentia.bounds import Iwae
from latentia.core.errors import DataError, LatentiaError, NonFinite, ShapeError, SupportError
from latentia.data import Dataset, Split, from_arrays
from latentia.evaluation import quick_look
from latentia.families import Bernoulli, DiagonalNormal, Normal
from latentia.gradients import AnalyticKL
from latentia.learners import Joint, KLWeight, LearningRate
from latentia.models import Decoded
from latentia.networks import mlp
from latentia.posteriors import Amortized
from latentia.priors import StandardNormal
from latentia.training import Checkpoint, Silent, State, Stopped, train
from latentia.training.keeper import Forgets
from latentia.training.loop import _Training

N_VALUES = 6


def bits(n: int = 53) -> Dataset:
    generator = torch.Generator().manual_seed(0)
    pattern = torch.rand(4, N_VALUES, generator=generator) < 0.5
    rows = pattern[torch.randint(4, (n,), generator=generator)]
    return from_arrays(rows ^ (torch.rand(n, N_VALUES, generator=generator) < 0.05))


def small_learner(seed: int = 0, family: Bernoulli | Normal | None = None, **options: object) -> Joint:
    torch.manual_seed(seed)
    family = family or Bernoulli()
    model = Decoded(StandardNormal(2), mlp(2, [8], N_VALUES, per_value=family.raw_per_value), family)
    return Joint(model, Amortized(mlp(N_VALUES, [8], 2, per_value=2), DiagonalNormal()), **options)  # pyright: ignore[reportArgumentType]


class Recorder(Silent):
    """Keeps what it was shown."""

    def __init__(self) -> None:
        self.states: list[State] = []

    def show(self, state: State, epoch_ended: bool) -> None:
        if epoch_ended:
            self.states.append(state)


def test_every_training_row_is_used_once_an_epoch_and_the_last_small_batch_too() -> None:
    data = bits()
    learner = small_learner()
    seen: list[torch.Tensor] = []
    step = learner.step
    learner.step = lambda batch: (seen.append(batch.row), step(batch))[1]  # pyright: ignore[reportAttributeAccessIssue]
    train(learner, data, epochs=2, batch_size=20)
    n = len(data.train)
    assert n % 20
    assert [len(rows) for rows in seen] == [20, 20, n - 40] * 2
    for epoch in (seen[:3], seen[3:]):
        assert torch.equal(torch.cat(epoch).sort().values, torch.arange(n))


def test_a_data_set_smaller_than_a_batch_still_takes_a_step() -> None:
    learner = small_learner()
    history = train(learner, bits(5), epochs=3, batch_size=128)
    assert learner.steps == 3
    assert history.rows[-1]["step"] == 3


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"epochs": 0}, LatentiaError, "zero steps would leave an untrained model"),
        ({"batch_size": 0}, DataError, "batch size is 0"),
        ({"patience": 0}, LatentiaError, "patience is 0"),
        ({"on_nonfinite": "ignore"}, LatentiaError, "wanted 'stop' or 'skip'"),
        ({"device": "nonesuch"}, LatentiaError, "cannot be used here"),
    ],
)
def test_what_can_only_fail_is_refused_before_step_0(options: dict, error: type[Exception], message: str) -> None:
    learner = small_learner()
    with pytest.raises(error, match=message):
        train(learner, bits(), **{"epochs": 1, **options})
    assert learner.steps == 0


def test_a_kl_warm_up_longer_than_the_training_is_refused() -> None:
    learner = small_learner(kl=KLWeight(1.0, warm_up=6))
    with pytest.raises(LatentiaError, match="KL warm-up takes 6 steps but the training has only 6"):
        train(learner, bits(), epochs=2, batch_size=20)


def test_data_of_another_shape_are_refused_with_both_shapes() -> None:
    with pytest.raises(ShapeError, match=r"\(7,\), wanted \(6,\)"):
        train(small_learner(), from_arrays(torch.rand(30, 7)), epochs=1)


def test_greys_under_a_bernoulli_are_refused_with_the_way_out() -> None:
    with pytest.raises(SupportError, match=r"outside the support of the likelihood Bernoulli.*binarize='dynamic'"):
        train(small_learner(), from_arrays(torch.rand(30, N_VALUES)), epochs=1)


def test_one_grey_row_far_from_the_first_batch_is_found() -> None:
    x = torch.zeros(200, N_VALUES)
    x[:, 0] = 1
    x[150, 3] = 0.5
    with pytest.raises(SupportError):
        train(small_learner(), from_arrays(x, splits=(1.0, 0.0, 0.0)), epochs=1, batch_size=10)


def test_nan_in_the_data_is_refused_when_they_are_given() -> None:
    x = torch.zeros(30, N_VALUES)
    x[4, 2] = math.nan
    with pytest.raises(NonFinite, match=r"the data is NaN in 1 of 180 places \(1 rows\), first at \[4, 2\]"):
        from_arrays(x)


def test_the_same_seed_gives_the_same_bits_and_another_seed_does_not() -> None:
    def weights(seed: int) -> torch.Tensor:
        learner = small_learner()
        train(learner, bits(), epochs=3, batch_size=16, seed=seed)
        return torch.cat([p.detach().flatten() for p in learner.parameters])

    assert torch.equal(weights(1), weights(1))
    assert not torch.equal(weights(1), weights(2))


def test_the_callers_random_state_survives() -> None:
    learner = small_learner()
    torch.manual_seed(5)
    want = torch.rand(3)
    torch.manual_seed(5)
    train(learner, bits(), epochs=1)
    assert torch.equal(torch.rand(3), want)


def test_the_best_epochs_weights_are_in_place_at_the_end() -> None:
    data = bits(60)
    learner = small_learner(lr=LearningRate(0.3))
    history = train(learner, data, epochs=30, batch_size=16)
    best = max(row["valid_bound"] for row in history.rows)
    assert history.best_epoch is not None
    assert history.rows[history.best_epoch - 1]["valid_bound"] == best
    assert best > history.rows[-1]["valid_bound"], "this test needs a training that gets worse"
    assert quick_look(learner.model, learner.posterior, data.valid)["bound"] == best


def test_early_stopping_waits_for_the_end_of_the_kl_warm_up() -> None:
    data = bits()
    steps = -(-len(data.train) // 16)
    # Bounds at weight 1 fall while the weight rises from 0 with a model that does not learn.
    learner = small_learner(kl=KLWeight(1.0, warm_up=5 * steps), lr=LearningRate(1e-12))
    history = train(learner, data, epochs=20, batch_size=16, patience=1)
    assert history.best_epoch is not None
    assert history.best_epoch >= 5
    assert history.ended == "early"
    assert len(history.rows) >= 6


def test_the_effective_beta_is_shown_and_logged() -> None:
    recorder = Recorder()
    learner = small_learner(kl=KLWeight(0.5, warm_up=2), gradient=AnalyticKL(beta=4.0))
    history = train(learner, bits(), epochs=3, batch_size=100, progress=recorder)
    assert [s.beta for s in recorder.states] == [0.0, 1.0, 2.0]
    assert [row["beta"] for row in history.rows] == [0.0, 1.0, 2.0]


def poisoned() -> Dataset:
    """Reals, one of whose rows is so far out that its log-likelihood is not finite."""
    x = torch.randn(40, N_VALUES, generator=torch.Generator().manual_seed(0))
    x[17] = 1e30
    return past_the_door(x)


def past_the_door(x: Tensor) -> Dataset:
    """Rows of which reading would refuse some."""
    data = from_arrays(x.clamp(-1, 1), splits=(1.0, 0.0, 0.0))
    return replace(data, train=Split(x))


def test_the_first_value_that_is_not_finite_stops_with_name_step_rows_and_cure() -> None:
    learner = small_learner(family=Normal(1.0))
    learner.model.fresh = learner.posterior.fresh = False
    with pytest.raises(Stopped, match=r"at step \d \(rows .*try a tenth of it, or clip=10") as stopped:
        train(learner, poisoned(), epochs=1, batch_size=8)
    assert stopped.value.history.ended == "stopped"
    assert all(bool(torch.isfinite(p).all()) for p in learner.parameters)


def test_steps_that_are_not_finite_are_skipped_and_counted_if_asked() -> None:
    learner = small_learner(family=Normal(1.0))
    learner.model.fresh = learner.posterior.fresh = False
    history = train(learner, poisoned(), epochs=3, batch_size=8, on_nonfinite="skip")
    assert [row["skipped"] for row in history.rows] == [1, 1, 1]
    assert len(history.skipped_steps) == 3
    assert all(bool(torch.isfinite(p).all()) for p in learner.parameters)
    assert all(math.isfinite(row["train_bound"]) for row in history.rows)


def test_ctrl_c_leaves_a_model_that_works() -> None:
    class Impatient(Silent):
        def show(self, state: State, epoch_ended: bool) -> None:
            if state.epoch == 2:
                raise KeyboardInterrupt

    learner = small_learner()
    data = bits()
    history = train(learner, data, epochs=50, progress=Impatient())
    assert history.ended == "interrupted"
    assert len(history.rows) == 2
    assert math.isfinite(quick_look(learner.model, learner.posterior, data.test)["bound"])


def test_a_trained_model_is_not_put_back_to_its_start_by_a_second_fit() -> None:
    learner = small_learner()
    data = bits()
    train(learner, data, epochs=5)
    before = quick_look(learner.model, learner.posterior, data.valid)["bound"]
    again = Joint(learner.model, learner.posterior, lr=LearningRate(1e-12))
    history = train(again, data, epochs=1)
    assert history.rows[0]["valid_bound"] == pytest.approx(before, abs=1e-3)


def test_progress_is_refreshed_by_time_and_not_by_step() -> None:
    class Counter(Silent):
        refresh_seconds = math.inf
        calls = 0

        def show(self, state: State, epoch_ended: bool) -> None:
            self.calls += 1

    counter = Counter()
    train(small_learner(), bits(), epochs=4, batch_size=1, progress=counter)
    assert counter.calls == 4


def test_without_validation_rows_the_training_bound_decides() -> None:
    data = from_arrays(bits().split("train").stored.bool(), splits=(1.0, 0.0, 0.0))
    history = train(small_learner(), data, epochs=3)
    assert math.isnan(history.rows[0]["valid_bound"])
    assert history.best_epoch == max(range(3), key=lambda i: history.rows[i]["train_bound"]) + 1


def test_a_discrete_posterior_under_a_continuous_prior_is_refused() -> None:
    model = Decoded(StandardNormal(2), mlp(2, [8], N_VALUES), Bernoulli())
    with pytest.raises(SupportError, match="the posterior gives a mass and the prior a density"):
        train(Joint(model, Amortized(mlp(N_VALUES, [8], 2), Bernoulli())), bits(), epochs=1)


def test_conditions_that_nobody_reads_are_refused() -> None:
    x = bits(40).split("train").stored.bool()
    with pytest.raises(DataError, match="come with `given`, which no part here conditions on"):
        train(small_learner(), from_arrays(x, given=torch.zeros(len(x), 2)), epochs=1)


def test_missing_cells_do_not_move_the_start() -> None:
    x = 5 + torch.randn(400, N_VALUES)
    mask = torch.rand(400, N_VALUES) < 0.7
    data = from_arrays(x.masked_fill(~mask, math.nan), mask=mask)
    learner = small_learner(family=Normal("learned"), lr=LearningRate(1e-12))
    train(learner, data, epochs=1)
    assert isinstance(learner.posterior, Amortized)
    assert float(learner.posterior.center) == pytest.approx(5, abs=0.2)
    assert isinstance(learner.model, Decoded)
    assert learner.model.network.output_bias.mean().item() == pytest.approx(5, abs=0.2)


def test_epochs_are_compared_by_the_bound_that_is_raised() -> None:
    """Twenty weighted draws lie above the ELBO of the same weights by more than noise: see the means below."""
    learner = small_learner(bound=Iwae(), draws=20)
    data = bits(400)
    row = train(learner, data, epochs=2).rows[-1]
    assert row["valid_bound"] > row["valid_reconstruction"] - row["valid_rate"] + 0.001
    assert row["valid_bound"] == pytest.approx(row["train_bound"], abs=1.0)


def test_a_training_without_one_finite_bound_is_not_called_done() -> None:
    x = torch.full((20, N_VALUES), 1e30)
    learner = small_learner(family=Normal(1.0))
    learner.model.fresh = learner.posterior.fresh = False
    with pytest.raises(Stopped, match=r"no epoch ended with a finite bound \(2 steps were skipped\)"):
        train(learner, past_the_door(x), epochs=2, batch_size=20, on_nonfinite="skip")


def test_half_precision_stays_inside_the_networks() -> None:
    """One epoch from the same start with the same noise: bf16 keeps 8 bits, and the bound agrees to better than 1 %."""
    bounds = []
    for precision in ("fp32", "bf16"):
        learner = small_learner(precision=precision)
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
            assert (
                learner.posterior.infer(learner.model, bits().test.batch(torch.arange(3))).rsample().dtype == torch.float32
            )
        bounds.append(train(learner, bits(), epochs=3).rows[-1]["train_bound"])
    assert bounds[1] == pytest.approx(bounds[0], rel=0.01)
    assert bounds[1] != bounds[0]


def test_what_is_kept_when_ctrl_c_comes_holds_the_step_before_it() -> None:
    """The signal waits for the end of a step, whose log was not read yet; elsewhere than on a CPU many were not."""

    class Interrupts(Forgets):
        def __init__(self) -> None:
            self.steps = 0
            self.kept: list[tuple[int, list[float]]] = []

        def release(self) -> None:
            self.steps += 1
            if self.steps == 3:
                raise KeyboardInterrupt

        def keep(self, checkpoint: Checkpoint, step: int) -> None:
            self.kept.append((step, checkpoint.tensors["totals"].tolist()))

    for looks in (True, False):
        keeper = Interrupts()
        with pytest.MonkeyPatch.context() as patch:
            begin = _Training.__init__

            def begun(self: _Training, *values: object, begin: Any = begin, looks: bool = looks) -> None:
                begin(self, *values)
                self.looks_each_step = looks

            patch.setattr(_Training, "__init__", begun)
            history = train(small_learner(), bits(), epochs=2, batch_size=8, keeper=keeper)
        assert history.ended == "interrupted"
        ((step, totals),) = keeper.kept
        assert (step, totals[3]) == (3, 3.0)
