"""What learners, gradients and posteriors remember is all that their next steps depend on, to the bit."""

import pytest
import torch

from helpers.construct import build
from helpers.going_on import assert_goes_on_to_the_bit
from latentia.core import Batch
from latentia.core.errors import ShapeError
from latentia.families import Bernoulli, DiagonalNormal
from latentia.gradients import GRADIENTS
from latentia.learners import LEARNERS, CoordinateAscent, Joint, Learner
from latentia.models import Decoded, LatentDirichlet
from latentia.networks import MLP
from latentia.posteriors import Amortized, PerDatum
from latentia.priors import BernoulliPrior, StandardNormal

D, V, B = 2, 6, 16
DISCRETE = {"nvil", "enumerated", "relaxed", "rebar", "relax"}
PATHWISE = {"analytic-kl", "reparameterized", "doubly-reparameterized"}


def parts(bits: bool = False) -> tuple[Decoded, Amortized]:
    family = Bernoulli() if bits else DiagonalNormal()
    prior = BernoulliPrior(D) if bits else StandardNormal(D)
    model = Decoded(prior, MLP(D, [8], V, activation="tanh"), Bernoulli())
    return model, Amortized(MLP(V, [8], D, per_value=family.raw_per_value, activation="tanh"), family)


def good_batch() -> Batch:
    return Batch((torch.rand(B, V) < 0.3).float(), torch.arange(B), 1_000)


@pytest.mark.parametrize("first_is_bad", [False, True])
@pytest.mark.parametrize("gradient_name", sorted(GRADIENTS))
@pytest.mark.parametrize("bits", [False, True])
def test_what_a_gradient_remembers_is_of_it(gradient_name: str, bits: bool, first_is_bad: bool) -> None:
    if (gradient_name in DISCRETE and not bits) or (gradient_name in PATHWISE and bits):
        pytest.skip("not for such a z")

    def make() -> Learner:
        model, posterior = parts(bits)
        gradient = build(GRADIENTS[gradient_name], {}, {"x_shape": (V,), "z_shape": (D,)})
        draws = 2 if gradient_name == "leave-one-out" else 1
        return Joint(model, posterior, gradient=gradient, draws=draws)

    batches = [good_batch() for _ in range(6)]
    if first_is_bad:
        batches[0] = batches[0]._replace(x=torch.full_like(batches[0].x, torch.nan))
    assert_goes_on_to_the_bit(make, batches, *([1, 3] if first_is_bad else []))


@pytest.mark.parametrize("learner_name", ["joint", "em"])
def test_a_table_of_the_rows_numbers_is_remembered(learner_name: str) -> None:
    def make() -> Learner:
        return LEARNERS[learner_name](model=parts()[0], posterior=PerDatum(DiagonalNormal(), D, steps=5, table=True))  # pyright: ignore[reportCallIssue]

    batches = [good_batch()._replace(n_rows=2 * B, row=torch.randperm(2 * B)[:B]) for _ in range(6)]
    assert_goes_on_to_the_bit(make, batches)


def test_an_ascent_remembers_its_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where shares are so concentrated, a search often ends lower than the answer before, which then serves on."""
    torch.manual_seed(1)
    x = torch.distributions.Poisson(torch.full((B, 12), 0.6)).sample()
    better_of, asked = LatentDirichlet.better_of, []
    monkeypatch.setattr(LatentDirichlet, "better_of", lambda *a: (asked.append(1), better_of(*a))[1])

    def make() -> Learner:
        return CoordinateAscent(LatentDirichlet(4, 12, concentration=0.01))

    assert_goes_on_to_the_bit(make, [Batch(x, torch.arange(B), B)] * 6)
    assert len(asked) == 10, "at each step but the first, or this test knows nothing"


def test_what_was_kept_of_other_parts_is_refused() -> None:
    kept = Joint(*parts()).memory()
    other = Decoded(StandardNormal(D), MLP(D, [9], V), Bernoulli())
    with pytest.raises(ShapeError, match=r"last.weight was kept with shape \(6, 8\), wanted \(6, 9\); the parts"):
        Joint(other, parts()[1]).restore(kept)
