"""A Bayesian network against sums over all of its assignments, against its own tables, and against published figures."""

import math
from collections.abc import Sequence
from itertools import product
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from helpers.chance import assert_mean_is
from latentia.core import Batch
from latentia.core.errors import LatentiaError, NoClosedForm
from latentia.models import BayesNet, HasExactMarginals, HasNamedEvidence
from latentia.models.elimination import MOST_CELLS

# Listed so that children stand before their parents, too.
SIZES = {"c": 3, "a": 2, "e": 2, "b": 1, "d": 4}
PARENTS = {"c": ["a", "d"], "a": [], "e": ["c", "a", "b"], "b": ["d"], "d": []}


def random_net(zeros: bool = False) -> BayesNet:
    variables = []
    for name, size in SIZES.items():
        rows = math.prod(SIZES[parent] for parent in PARENTS[name])
        table = torch.rand(rows, size, dtype=torch.float64)
        if zeros and size > 1:
            table[::2, 0] = 0.0
        table = table / table.sum(1, keepdim=True)
        states = [f"{name}{i}" for i in range(size)]
        variables.append({"name": name, "states": states, "parents": PARENTS[name], "table": table.tolist()})
    return BayesNet(variables)


def chance_of(model: BayesNet, states: Sequence[int]) -> float:
    """p of an assignment, by the definition; the state of each variable in the listed order."""
    at = dict(zip(SIZES, states, strict=True))
    p = 1.0
    for variable in model.variables:
        row = 0
        for parent in variable["parents"]:
            row = row * SIZES[parent] + at[parent]
        p *= variable["table"][row][at[variable["name"]]]
    return p


def every_assignment(model: BayesNet) -> tuple[Tensor, Tensor]:
    """All of them, (n, S), and their chances, (n,), float64."""
    assignments = list(product(*(range(size) for size in SIZES.values())))
    blocks = [
        torch.nn.functional.one_hot(torch.tensor([states[v] for states in assignments]), size)
        for v, size in enumerate(SIZES.values())
    ]
    return torch.cat(blocks, 1).double(), torch.tensor(
        [chance_of(model, states) for states in assignments], dtype=torch.float64
    )


def batch_of(x: Tensor, mask: Tensor | None = None) -> Batch:
    return Batch(x, torch.arange(len(x)), len(x), mask=mask)


@pytest.mark.parametrize("zeros", [False, True])
def test_the_prior_is_the_product_of_the_tables(zeros: bool) -> None:
    model = random_net(zeros)
    z, p = every_assignment(model)
    assert_close(model.prior().log_prob(z.float()).double().exp(), p, rtol=1e-5, atol=0)
    assert_close(model.prior().enumerate_states().double(), z)  # pyright: ignore[reportAttributeAccessIssue]
    assert bool(model.prior().support.check(model.sample_prior(50)).all())  # pyright: ignore[reportOptionalMemberAccess]
    broken = z[:3].clone().float()
    broken[0, 0], broken[1], broken[2, :3] = 0.5, 0.0, 1.0
    assert model.prior().log_prob(broken).tolist() == [-math.inf] * 3


def test_draws_follow_the_tables() -> None:
    """False alarm: 1e-6 over the seed. All pairs of states of all variables."""
    model = random_net(zeros=True)
    z, p = every_assignment(model)
    draws = model.sample_prior(30_000)
    assert bool((model.prior().log_prob(draws) > -math.inf).all())
    pairs = torch.einsum("n,ns,nt->st", p, z, z)
    assert_mean_is(draws.unsqueeze(2) * draws.unsqueeze(1), pairs, "pairs of states")


def test_a_state_that_cannot_be_is_never_drawn() -> None:
    """Whatever the uniform draw: just below one, with chances that rounding keeps from summing to one."""
    table = [0.1] * 10 + [0.0]
    model = BayesNet([{"name": "a", "states": [str(i) for i in range(11)], "table": [table]}])
    assert model.tables.cumulative[0, 9:].tolist() == [math.inf, math.inf]
    z = model.sample_prior(20_000)
    assert not bool(z[:, 10].any())


@pytest.mark.parametrize("zeros", [False, True])
def test_marginals_and_evidence_are_sums_over_all_assignments(zeros: bool) -> None:
    model = random_net(zeros)
    z, p = every_assignment(model)
    x = model.sample(60).double()
    mask = model.draw_mask(torch.linspace(0, 1, 60))
    agree = ((z.unsqueeze(0) == x.unsqueeze(1)) | ~mask.unsqueeze(1)).all(-1).double()
    total = agree @ p
    truth = torch.einsum("bn,n,ns->bs", agree, p, z) / total.unsqueeze(1)
    holed = batch_of(x.masked_fill(~mask, torch.nan), mask)
    # Tables that sum to one but for rounding are made to, which moves the last digits.
    assert_close(model.exact_marginals(holed), truth, rtol=1e-11, atol=1e-14)
    assert_close(model.log_evidence(holed), total.log(), rtol=0, atol=1e-12)
    assert model.exact_marginals(batch_of(x[:0])).shape == (0, 12)
    whole = batch_of(x)
    assert_close(
        model.log_evidence(whole), torch.tensor(0.0).double() + model.double().prior().log_prob(x), rtol=1e-5, atol=1e-5
    )
    assert_close(model.exact_marginals(whole), x, rtol=0, atol=1e-14)


def test_the_likelihood_says_whether_z_agrees_with_what_was_seen() -> None:
    model = random_net()
    z, x = model.sample_prior(7 * 5).reshape(7, 5, -1), model.sample(5)
    mask = model.draw_mask(torch.full((5,), 0.3))
    found = model.log_likelihood(z, batch_of(x.masked_fill(~mask, torch.nan), mask))
    agree = ((z == x) | ~mask).all(-1)
    assert_close(found, torch.where(agree, 0.0, -math.inf))
    assert bool(agree.any())
    assert not bool(agree.all())
    assert torch.equal(model.likelihood(z).sample(), z)


def test_variables_are_seen_whole_or_not_at_all() -> None:
    model = random_net()
    for block in model.draw_mask(torch.full((200,), 0.5)).split(model.sizes, 1):
        assert torch.equal(block.any(1), block.all(1))


def asia() -> BayesNet:
    """Lauritzen & Spiegelhalter (1988), Local computations with probabilities on graphical structures, table 1."""

    def variable(name: str, parents: list[str], *yes: float) -> dict[str, Any]:
        return {"name": name, "states": ["yes", "no"], "parents": parents, "table": [[p, 1 - p] for p in yes]}

    return BayesNet(
        [
            variable("asia", [], 0.01),
            variable("tub", ["asia"], 0.05, 0.01),
            variable("smoke", [], 0.5),
            variable("lung", ["smoke"], 0.1, 0.01),
            variable("bronc", ["smoke"], 0.6, 0.3),
            variable("either", ["lung", "tub"], 1, 1, 1, 0),
            variable("xray", ["either"], 0.98, 0.05),
            variable("dysp", ["bronc", "either"], 0.9, 0.8, 0.7, 0.1),
        ]
    )


# As every textbook tool prints them; by hand: p(tub) = 0.05 * 0.01 + 0.01 * 0.99.
PRIOR_OF_ASIA = {
    "asia": 0.01,
    "tub": 0.0104,
    "smoke": 0.5,
    "lung": 0.055,
    "bronc": 0.45,
    "either": 0.064828,
    "xray": 0.11029004,
    "dysp": 0.4359706,
}


def test_the_chest_clinic_says_what_is_known_of_it() -> None:
    model = asia()
    assert isinstance(model, HasNamedEvidence)
    assert isinstance(model, HasExactMarginals)
    x, mask = model.evidence({})
    for name, state, p in model.answers(model.exact_marginals(batch_of(x[None], mask[None]))[0]):
        assert abs(p - (PRIOR_OF_ASIA[name] if state == "yes" else 1 - PRIOR_OF_ASIA[name])) < 1e-7, name
    x, mask = model.evidence({"Asia": "1", "DYSP": "True", "smoke": "no"})
    answers = {(name, state): p for name, state, p in model.answers(model.exact_marginals(batch_of(x[None], mask[None]))[0])}
    assert abs(answers["asia", "yes"] - 1) < 1e-14
    # p(bronc | asia, dysp, not smoke), by hand: either is 1 - 0.95 * 0.99.
    either = 1 - 0.95 * 0.99
    bronc, none = 0.3 * (0.9 * either + 0.8 * (1 - either)), 0.7 * (0.7 * either + 0.1 * (1 - either))
    assert abs(answers["bronc", "yes"] - bronc / (bronc + none)) < 1e-12


def test_impossible_evidence_is_named_by_its_row() -> None:
    model = asia()
    x, mask = model.evidence({"either": "no", "lung": "yes"})
    fine = model.evidence({"either": "no"})
    batch = batch_of(torch.stack([fine[0], x]), torch.stack([fine[1], mask]))
    with pytest.raises(LatentiaError, match=r"1 of 2 rows cannot be under this network, the first in row \[1\]"):
        model.exact_marginals(batch)
    assert model.log_evidence(batch)[1].item() == -math.inf
    assert math.isfinite(model.log_evidence(batch)[0].item())


def test_evidence_that_is_none_is_refused() -> None:
    model = asia()
    x, mask = model.evidence({"lung": "yes"})
    torn = mask.clone()
    torn[6] = False
    with pytest.raises(LatentiaError, match="'lung' is seen in part in 1 rows"):
        model.exact_marginals(batch_of(x[None], torn[None]))
    with pytest.raises(LatentiaError, match="'lung' is seen but not one-hot"):
        model.exact_marginals(batch_of(0 * x[None], mask[None]))
    for wrong, message in (
        ({"lungs": "yes"}, "no variable 'lungs'; did you mean 'lung'"),
        ({"lung": "yess"}, "no state of 'lung' 'yess'; did you mean 'yes'"),
        ({"lung": "yes", "LUNG": "no"}, "'lung' is named twice"),
    ):
        with pytest.raises(LatentiaError, match=message):
            model.evidence(wrong)


def test_a_long_chain_does_not_underflow() -> None:
    """The chance of this evidence is near 1e-400, below every float64."""
    n = 400
    variables = [{"name": "v0", "states": ["a", "b"], "table": [[0.5, 0.5]]}]
    table = [[0.9, 0.1], [0.1, 0.9]]
    variables += [{"name": f"v{i}", "states": ["a", "b"], "parents": [f"v{i - 1}"], "table": table} for i in range(1, n)]
    model = BayesNet(variables)
    x = torch.tensor([[1.0, 0.0, 0.0, 1.0] * (n // 2)])
    assert_close(model.log_evidence(batch_of(x)).item(), math.log(0.5) + (n - 1) * math.log(0.1))
    mask = torch.zeros_like(x, dtype=torch.bool)
    mask[:, :2] = True
    last = model.exact_marginals(batch_of(x, mask))[0, -2].item()
    assert_close(last, 0.5 + 0.5 * 0.8 ** (n - 1))


def test_a_network_that_hangs_together_too_closely_is_refused_at_once() -> None:
    n = 24
    variables: list[dict[str, Any]] = [{"name": f"v{i}", "states": ["a", "b"], "table": [[0.5, 0.5]]} for i in range(n)]
    for i, j in product(range(n), range(n)):
        if i < j:
            table = [[0.5, 0.5]] * 4
            variables.append({"name": f"{i}-{j}", "states": ["a", "b"], "parents": [f"v{i}", f"v{j}"], "table": table})
    model = BayesNet(variables)
    with pytest.raises(LatentiaError, match=f"cells, {MOST_CELLS} is the limit"):
        model.exact_marginals(batch_of(model.sample(1)))
    with pytest.raises(NoClosedForm, match="too many to list"):
        model.prior().enumerate_states()  # pyright: ignore[reportAttributeAccessIssue]


A = {"name": "a", "states": ["x", "y"], "table": [[0.5, 0.5]]}


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ([], "at least one variable"),
        ([{"states": ["x"]}], "variable 0 has no name"),
        ([{**A, "tabel": []}], "unknown key 'tabel'; did you mean 'table'"),
        ([A, A], "'a' comes twice"),
        ([{**A, "states": []}], "no list of states"),
        ([{**A, "states": ["x", "x"]}], "each a different one"),
        ([{**A, "parents": ["b"]}], "unknown parent 'b'"),
        ([A, {**A, "name": "b", "parents": ["a", "a"]}], "one parent twice"),
        ([{**A, "table": [[0.5, 0.4]]}], "row 0 of the table of 'a' sums to 0.9"),
        ([{**A, "table": [[1.5, -0.5]]}], "outside of 0 to 1"),
        ([{**A, "table": [[math.nan, 1.0]]}], "outside of 0 to 1"),
        ([{**A, "table": [[0.5, 0.5], [0.5, 0.5]]}], r"shape \(2, 2\), wanted 1 row"),
        ([A, {**A, "name": "b", "parents": ["a"]}], r"shape \(1, 2\), wanted 2 rows"),
        ([{**A, "table": [[0.5], [0.5, 0.5]]}], "not a table of numbers"),
        ([{**A, "table": "flat"}], "not a table of numbers"),
        (
            [
                {**A, "name": "a", "parents": ["b"], "table": [[0.5, 0.5]] * 2},
                {**A, "name": "b", "parents": ["c"], "table": [[0.5, 0.5]] * 2},
                {**A, "name": "c", "parents": ["a"], "table": [[0.5, 0.5]] * 2},
            ],
            "a cycle, 'a' <- 'b' <- 'c' <- 'a'",
        ),
    ],
)
def test_variables_that_make_no_network_are_refused(variables: list[dict[str, Any]], message: str) -> None:
    with pytest.raises(LatentiaError, match=message):
        BayesNet(variables)


def test_a_table_padded_to_a_variable_of_many_states_is_refused_before_it_is_made() -> None:
    many = {"name": "many", "states": [f"s{i}" for i in range(6000)], "table": [[1 / 6000] * 6000]}
    coins = [{**A, "name": f"c{i}"} for i in range(12)]
    sum_ = {**A, "name": "sum", "parents": [f"c{i}" for i in range(12)], "table": [[0.5, 0.5]] * 4096}
    with pytest.raises(LatentiaError, match="one variable 6000 states"):
        BayesNet([many, *coins, sum_])


def test_parents_of_one_state_are_no_axes() -> None:
    sure = [{"name": f"u{i}", "states": ["only"], "table": [[1.0]]} for i in range(60)]
    child = {**A, "name": "child", "parents": [each["name"] for each in sure], "table": [[0.3, 0.7]]}
    model = BayesNet([*sure, child])
    batch = Batch(torch.zeros(1, 62), torch.arange(1), 1, mask=torch.zeros(1, 62, dtype=torch.bool))
    assert_close(model.exact_marginals(batch)[0, -2:], torch.tensor([0.3, 0.7], dtype=torch.float64))
