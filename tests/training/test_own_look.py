"""What training looks at after an epoch: the learner's own word goes first, and an impossible row is an answer."""

import math
from dataclasses import replace

import pytest
import torch
from torch.distributions import Distribution, Independent, Uniform

from latentia.bounds import Elbo, Iwae
from latentia.data import Split, from_arrays
from latentia.evaluation import quick_look
from latentia.families import Bernoulli, DiagonalNormal, Family, Normal, OneHotBlocks
from latentia.learners import Joint
from latentia.models import BayesNet, Decoded
from latentia.networks import mlp
from latentia.posteriors import Amortized, Clamped
from latentia.priors import StandardNormal
from latentia.training import Stopped, train

N_VALUES = 6


def parts(family: Family) -> tuple[Decoded, Amortized]:
    model = Decoded(StandardNormal(2), mlp(2, [8], N_VALUES), family)
    return model, Amortized(mlp(N_VALUES, [8], 2, per_value=2), DiagonalNormal())


def test_a_learner_may_say_itself_by_what_its_epochs_compare() -> None:
    class Own(Joint):
        def own_look(self, split: Split) -> dict[str, float]:
            assert len(split) == 5
            return {"bound": -float((self.steps - 6) ** 2)}

    data = from_arrays(torch.rand(53, N_VALUES) < 0.5, splits=(48 / 53, 5 / 53, 0.0))
    history = train(Own(*parts(Bernoulli())), data, epochs=4, batch_size=16)
    assert [row["valid_bound"] for row in history.rows] == [-9.0, 0.0, -9.0, -36.0]
    assert history.best_epoch == 2
    assert all(math.isfinite(row["valid_rate"]) for row in history.rows)


def test_the_look_at_an_impossible_row_is_minus_infinity_and_no_error() -> None:
    class Near(Normal):
        """Each value within 1 of its location, or impossible."""

        def distribution(self, raw: torch.Tensor, event_dim: int = 1) -> Distribution:
            loc = raw[..., 0, :]
            return Independent(Uniform(loc - 1, loc + 1, validate_args=False), event_dim, validate_args=False)

    data = from_arrays(torch.cat([torch.zeros(39, N_VALUES), torch.full((1, N_VALUES), 9.0)]), splits=(0.0, 1.0, 0.0))
    model, posterior = parts(Near(1.0))
    for bound in (None, Elbo(), Iwae()):
        look = quick_look(model, posterior, data.valid, bound, draws=3)
        assert look["bound"] == look["reconstruction"] == -math.inf
        assert math.isfinite(look["rate"])
        assert math.isfinite(look["active_units"])


def test_a_bound_that_no_rate_mends_is_not_blamed_on_the_rate() -> None:
    """Tables with zeros: a product of marginals draws what cannot be, however well it has learned."""
    either = {"states": ["no", "yes"], "parents": ["a"], "table": [[1.0, 0.0], [0.0, 1.0]]}
    model = BayesNet([{"name": "a", "states": ["no", "yes"], "table": [0.5, 0.5]}, {**either, "name": "b"}])
    x = model.sample(40)
    data = from_arrays(x)
    unseen = replace(data.valid, mask=torch.zeros(data.valid.stored.shape, dtype=torch.bool))
    learner = Joint(model, Clamped(mlp(4, [4], 4), OneHotBlocks([2, 2])))
    with pytest.raises(Stopped, match="which no learning rate mends; use learner 'sleep'"):
        train(learner, replace(data, valid=unseen), epochs=1, batch_size=20)
