"""Beliefs about named variables: the posterior's, the prior's and each check's, against enumeration."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.distributions import Bernoulli, Distribution, Independent

from helpers.chance import z_limit
from helpers.known import write_bif
from latentia import families
from latentia.core import Batch
from latentia.core.errors import LatentiaError
from latentia.distributions import OneHotBlocks
from latentia.models import PPCA, BayesNet, GenerativeModel, NoisyOr
from latentia.networks import mlp
from latentia.posteriors import Amortized, Clamped, Exact, Layered, Posterior
from latentia.recipe import build_model, build_posterior
from latentia.runs import Belief, Inference, infer

CAUSES, EFFECTS = ["flu", "cold", "pollen"], ["fever", "cough", "nose, runny", "rash"]
EDGES = [(0, 0, 0.8), (0, 1, 0.6), (1, 1, 0.5), (1, 2, 0.7), (2, 2, 0.9)]
RATES = [0.1, 0.3, 0.2]
Z = torch.cartesian_prod(*[torch.arange(2.0)] * 3)


def network(leak: float | list[float] = 0.05) -> NoisyOr:
    return NoisyOr(CAUSES, EFFECTS, EDGES, RATES, leak)


class Fixed(Posterior):
    """The same answer for every row."""

    def __init__(self, q: Distribution) -> None:
        super().__init__()
        self.q = q

    def infer(self, model: GenerativeModel, batch: Batch) -> Distribution:
        return self.q.expand([len(batch.x)])


def bits(*chances: float) -> Fixed:
    return Fixed(Independent(Bernoulli(torch.tensor(chances), validate_args=False), 1, validate_args=False))


def enumerated(model: NoisyOr, seen: dict[int, float]) -> Tensor:
    """E[z | what was seen], by all states."""
    x, mask = torch.zeros(1, 4), torch.zeros(1, 4, dtype=torch.bool)
    for place, value in seen.items():
        x[0, place], mask[0, place] = value, True
    joint = model.log_joint(Z.unsqueeze(1), Batch(x, torch.zeros(1).long(), 1, mask=mask)).double()
    return (joint.softmax(0) * Z.double()).sum(0)


def by_name(found: Inference) -> dict[tuple[str, str], Belief]:
    return {(belief.variable, belief.state): belief for belief in found.beliefs}


def test_the_posterior_s_word_stands_beside_the_prior_and_the_exact_one() -> None:
    model = network()
    found = infer(model, bits(0.6, 0.2, 0.4), {"fever": 1, "nose, runny": "no"}, check="exact")
    assert [b.variable for b in found.beliefs] == ["flu", "pollen", "cold"], "the most probable first"
    truth = enumerated(model, {0: 1.0, 2: 0.0})
    for place, (cause, q) in enumerate(zip(CAUSES, (0.6, 0.2, 0.4), strict=True)):
        belief = by_name(found)[(cause, "present")]
        assert belief.prior == pytest.approx(RATES[place], abs=1e-6)
        assert belief.probability == pytest.approx(q, abs=1e-6)
        assert belief.checked == pytest.approx(float(truth[place]), abs=1e-6)
        assert belief.error is None
    assert found.check_seconds is not None
    assert found.check_seconds > 0
    assert found.notes == ()


@pytest.mark.parametrize("check", ["importance", "gibbs"])
def test_a_check_by_draws_comes_to_the_truth_within_its_error(check: Any) -> None:
    """At most a share of 1e-6 of all seeds fails; Gibbs errors are of 32 chains, so that five of them are allowed."""
    model = network()
    found = infer(model, bits(0.5, 0.5, 0.5), {"cough": 1, "nose, runny": 1}, check=check, draws=8000)
    truth, limit = enumerated(model, {1: 1.0, 2: 1.0}), z_limit(3) if check == "importance" else 1.6 * z_limit(3)
    for place, cause in enumerate(CAUSES):
        belief = by_name(found)[(cause, "present")]
        assert belief.checked is not None
        assert belief.error is not None
        assert abs(belief.checked - float(truth[place])) < limit * belief.error + 1e-6
        assert belief.error < 0.02
    assert ("weighted draws are worth" if check == "importance" else "largest R-hat 1.0") in found.notes[0]


def test_nothing_observed_is_the_prior() -> None:
    found = infer(network(), bits(0.9, 0.9, 0.9), {}, check="exact")
    for cause, rate in zip(CAUSES, RATES, strict=True):
        belief = by_name(found)[(cause, "present")]
        assert belief.probability == belief.prior == pytest.approx(rate, abs=1e-6)
        assert belief.checked == pytest.approx(rate, abs=1e-6)
    assert "the posterior is the prior" in found.notes[0]


@pytest.mark.parametrize(
    ("observed", "options", "message"),
    [
        ({"fevr": 1}, {}, "there is no effect 'fevr'; did you mean 'fever'?"),
        ({"fever": "perhaps"}, {}, "'fever' is 'perhaps', wanted present or absent"),
        ({"fever": 1, "FEVER": 0}, {}, "'fever' is named twice"),
        ({"fever": 1}, {"check": "exakt"}, "there is no check 'exakt'; did you mean 'exact'?"),
        ({"fever": 1}, {"top": 0}, "top is 0"),
        ({"fever": 1}, {"draws": 0}, "draws is 0"),
        ({"rash": 1}, {}, "these findings cannot be together under this model"),
    ],
)
def test_what_cannot_be_answered_is_refused_in_one_line(
    observed: dict[str, Any], options: dict[str, Any], message: str
) -> None:
    with pytest.raises(LatentiaError) as error:
        infer(network(leak=0.0), bits(0.5, 0.5, 0.5), observed, **options)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_a_model_without_names_is_refused_with_a_sentence() -> None:
    with pytest.raises(LatentiaError, match="PPCA have no names to observe them by"):
        infer(PPCA(2, 5), Exact(), {"fever": 1})


def test_a_posterior_that_misses_what_is_possible_is_told_from_findings_that_are_not() -> None:
    found = infer(network(leak=0.0), bits(0.0, 0.5, 0.5), {"fever": 1}, check="importance", draws=200)
    assert any("none of 1,000 draws" in note and "are possible, with log-probability -2." in note for note in found.notes)
    assert all(math.isnan(belief.checked or 0.0) for belief in found.beliefs)
    assert any("fewer than 100" in note for note in found.notes)
    told = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert all(belief["checked"] is None for belief in told["beliefs"])
    assert "–" in str(found)  # noqa: RUF001  a dash for what is not known


def test_a_network_that_cannot_tell_missing_from_absent_says_so() -> None:
    model = network()
    blind = build_posterior({"name": "amortized", "network": {"name": "mlp", "hidden": [4]}}, model)
    seeing = build_posterior({"name": "amortized", "network": {"name": "mlp", "hidden": [4]}, "see_mask": True}, model)
    assert isinstance(blind, Amortized)
    assert any("see_mask=true" in note for note in infer(model, blind, {"fever": 1}).notes)
    assert infer(model, seeing, {"fever": 1}).notes == ()
    assert infer(model, blind, dict.fromkeys(EFFECTS, 0)).notes == ()


def test_what_was_observed_of_a_network_is_no_answer_and_what_moved_most_comes_first(tmp_path: Path) -> None:
    model: Any = build_model({"source": str(write_bif(tmp_path))}, None, 10)
    q = Fixed(OneHotBlocks(torch.tensor([3.0, 0.0, 0.0, 0.1, -0.1, 30.0, -30.0]), [2, 3, 2], validate_args=False))
    found = infer(model, q, {"cough": "yes"}, check="exact")
    assert [b.variable for b in found.beliefs] == ["flu", "flu", "fever", "fever", "fever"]
    assert [b.state for b in found.beliefs] == ["yes", "no", "none", "mild", "very high"]
    p_cough = 0.2 * 0.7 + 0.8 * 0.2
    assert found.beliefs[0].checked == pytest.approx(0.14 / p_cough)
    assert found.beliefs[4].checked == pytest.approx(0.4 * 0.14 / p_cough)
    assert found.beliefs[4].prior == pytest.approx(0.2 * 0.4)
    assert found.beliefs[0].probability == pytest.approx(1 / (1 + math.exp(-3)), abs=1e-6)
    assert len(infer(model, q, {"cough": 1}, top=1).beliefs) == 2
    with pytest.raises(LatentiaError, match="cannot be together"):
        infer(model, q, {"flu": "no", "fever": "very high"})


def test_it_prints_and_becomes_plain_values() -> None:
    found = infer(network(), bits(0.6, 0.2, 1e-6), {"fever": 1}, check="importance", draws=500)
    text = str(found)
    assert "flu" in text
    assert " ± " in text
    assert "1.0e-06" in text
    assert found.to_dict()["beliefs"][0]["variable"] == "flu"
    assert found.to_dict()["observed"] == {"fever": "1"}
    again = infer(network(), bits(0.6, 0.2, 1e-6), {"fever": 1}, check="importance", draws=500)
    assert again.beliefs == found.beliefs, "the same seed, the same figures"


def test_layers_of_bits_answer_by_draws_and_say_so() -> None:
    """A drawn mean has an error, and a value that was not seen looks like an average one."""
    model = network()
    found = infer(model, Layered(4, [2, 1]), {"fever": 1})
    assert any("means of draws, off by standard errors up to 0." in note for note in found.notes)
    assert any("takes a value that was not observed for an average one" in note for note in found.notes)
    with pytest.raises(LatentiaError, match=r"posterior's z has shape \(5,\), wanted \(3,\)"):
        infer(model, Layered(4, [3, 2]), {"fever": 1})


def test_nothing_is_left_to_infer_where_everything_was_observed() -> None:
    bayes = BayesNet([{"name": "a", "states": ["no", "yes"], "table": [0.4, 0.6]}])
    found = infer(bayes, Clamped(mlp(2, [], 2), families.OneHotBlocks([2])), {"a": "yes"})
    assert found.beliefs == ()
    assert "every variable was observed, so that nothing is left to infer" in found.notes
