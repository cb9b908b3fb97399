"""A noisy-OR network against sums over all of its causes, and against the alternating sum in fifty digits."""

import math
from itertools import product
from typing import Any

import mpmath
import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from helpers.chance import assert_mean_is
from latentia.core import Batch
from latentia.core.errors import LatentiaError
from latentia.models import HasExactMarginals, HasNamedEvidence, NoisyOr
from latentia.models.explaining import MOST_POSITIVES

N, M = 5, 4


def names(letter: str, n: int) -> list[str]:
    return [f"{letter}{i}" for i in range(n)]


def random_net(n: int = N, m: int = M, share: float = 0.7, certain: bool = False) -> NoisyOr:
    w = torch.rand(n, m, dtype=torch.float64)
    edges = [(i, j, float(w[i, j])) for i, j in product(range(n), range(m)) if torch.rand(()) < share]
    if certain:
        edges = [(i, j, (1.0 if at % 4 == 1 else 0.0 if at % 4 == 2 else w)) for at, (i, j, w) in enumerate(edges)]
    leak = [0.0, *(0.5 * torch.rand(m - 1)).tolist()]
    return NoisyOr(names("d", n), names("x", m), edges, torch.rand(n).clamp(0.05, 0.9).tolist(), leak)


def all_bits(n: int) -> Tensor:
    return torch.tensor(list(product((0.0, 1.0), repeat=n)), dtype=torch.float64)


def chance_of(model: NoisyOr, d: tuple[int, ...], x: tuple[int | None, ...]) -> float:
    """p(d, what is not None of x), by the definition."""
    rates = model.base_rate if isinstance(model.base_rate, list) else [model.base_rate] * len(d)
    leaks = model.leak if isinstance(model.leak, list) else [model.leak] * len(x)
    p = math.prod(rate if there else 1 - rate for rate, there in zip(rates, d, strict=True))
    for j, value in enumerate(x):
        off = (1 - leaks[j]) * math.prod(1 - w for i, k, w in model.edges if k == j and d[i])
        p *= 1.0 if value is None else 1 - off if value else off
    return p


def batch_of(rows: list[tuple[int | None, ...]]) -> Batch:
    x = torch.tensor([[torch.nan if v is None else float(v) for v in row] for row in rows], dtype=torch.float64)
    return Batch(x, torch.arange(len(x)), len(x), mask=~x.isnan())


@pytest.mark.parametrize("certain", [False, True])
def test_the_joint_is_the_definition(certain: bool) -> None:
    model = random_net(certain=certain).double()
    d, x = all_bits(N), all_bits(M)
    found = model.log_joint(d.unsqueeze(1).expand(-1, len(x), -1), Batch(x, torch.arange(len(x)), len(x))).exp()
    truth = [[chance_of(model, tuple(map(int, z)), tuple(map(int, v))) for v in x.tolist()] for z in d.tolist()]
    # The model's own numbers are float32.
    assert_close(found, torch.tensor(truth, dtype=torch.float64), rtol=1e-5, atol=1e-7)
    assert_close(found.sum(), torch.ones((), dtype=torch.float64), rtol=1e-6, atol=0)


def test_effects_are_on_as_often_as_the_definition_says() -> None:
    """False alarm: 1e-6 over the seed. Strengths of 0 and 1 among them, and a leak of 0."""
    model = random_net(certain=True)
    d = torch.tensor([[1.0, 0.0, 1.0, 0.0, 1.0]])
    x = model.likelihood(d.expand(20_000, 1, N)).sample().squeeze(1)
    truth = [1 - chance_of(model, (1, 0, 1, 0, 1), tuple(0 if k == j else None for k in range(M))) for j in range(M)]
    prior = chance_of(model, (1, 0, 1, 0, 1), (None,) * M)
    assert_mean_is(x, 1 - (1 - torch.tensor(truth, dtype=torch.float64)) / prior, "effects", rounding=1e-6)


def test_a_strength_of_one_and_a_leak_of_zero_are_taken_at_their_word() -> None:
    model = NoisyOr(["d"], ["x", "y"], [(0, 0, 1.0)], 0.5, 0.0)
    z, x = torch.tensor([[[0.0]], [[1.0]]]), torch.tensor([[1.0, 0.0]])
    assert model.log_likelihood(z, Batch(x, torch.arange(1), 1)).flatten().tolist() == [-math.inf, 0.0]
    assert not bool(model.sample(100)[:, 1].any())
    assert bool((model.likelihood(torch.ones(100, 1, 1)).sample()[..., 0] == 1).all())


ROWS: list[tuple[int | None, ...]] = [
    (None, None, None, None),
    (0, None, 0, 0),
    (1, 1, 1, 1),
    (None, 1, None, 0),
    (1, None, 1, None),
    (0, 0, 0, 1),
]


@pytest.mark.parametrize("certain", [False, True])
def test_marginals_and_evidence_are_sums_over_all_causes(certain: bool) -> None:
    for _ in range(4):
        model = random_net(certain=certain)
        joint = torch.tensor(
            [[chance_of(model, d, row) for d in product((0, 1), repeat=N)] for row in ROWS], dtype=torch.float64
        )
        possible = joint.sum(1) > 0
        rows, joint = [row for row, p in zip(ROWS, possible, strict=True) if p], joint[possible]
        truth = (joint @ all_bits(N)) / joint.sum(1, keepdim=True)
        assert_close(model.exact_marginals(batch_of(rows)), truth, rtol=1e-12, atol=0)
        assert_close(model.log_evidence(batch_of(rows)), joint.sum(1).log(), rtol=0, atol=1e-12)


def test_evidence_sums_to_one_over_all_findings() -> None:
    model, x = random_net(n=12), all_bits(M)
    total = model.log_evidence(Batch(x, torch.arange(len(x)), len(x))).exp().sum()
    assert_close(total, torch.ones((), dtype=torch.float64), rtol=0, atol=1e-13)


def alternating_sum(model: NoisyOr, x: list[int]) -> tuple[Any, list[Any]]:
    """Heckerman's (1989) sum over subsets of the positive findings, in fifty digits: p(x), and p(d_i = 1 | x) of each."""
    mpmath.mp.dps = 50
    assert isinstance(model.base_rate, float)
    assert isinstance(model.leak, float)
    rate, off_leak = mpmath.mpf(model.base_rate), 1 - mpmath.mpf(model.leak)
    n = len(model.causes)
    w = {(i, j): mpmath.mpf(strength) for i, j, strength in model.edges}
    negative = [j for j, value in enumerate(x) if not value]
    positive = [j for j, value in enumerate(x) if value]
    totals = [mpmath.mpf(0)] * (n + 1)
    for chosen in product((0, 1), repeat=len(positive)):
        off = negative + [j for j, c in zip(positive, chosen, strict=True) if c]
        there = [rate * mpmath.fprod(1 - w.get((i, j), 0) for j in off) for i in range(n)]
        term = (-1) ** sum(chosen) * off_leak ** len(off) * mpmath.fprod(1 - rate + t for t in there)
        for i in range(n):
            totals[i] += term * there[i] / (1 - rate + there[i])
        totals[n] += term
    return totals[n], [t / totals[n] for t in totals[:n]]


def test_ten_rare_findings_together_keep_their_digits() -> None:
    """p(x) is near 1e-19 here, where the alternating sum of float64 has no digit left; this one keeps twelve."""
    n = m = 12
    w = 0.02 * torch.rand(n, m, dtype=torch.float64)
    edges = [(i, j, float(w[i, j])) for i, j in product(range(n), range(m))]
    model = NoisyOr(names("d", n), names("x", m), edges, 0.01, 1e-4)
    x = [1] * 9 + [0, 0, 1]
    p, marginals = alternating_sum(model, x)
    assert p < 1e-18
    batch = batch_of([tuple(x)])
    for mine, theirs in zip(model.exact_marginals(batch)[0].tolist(), marginals, strict=True):
        assert abs(mpmath.mpf(mine) / theirs - 1) < 1e-12
    assert abs(mpmath.mpf(float(model.log_evidence(batch)[0])) - mpmath.log(p)) < 1e-12 * abs(mpmath.log(p))


def test_an_answer_does_not_hang_on_the_rows_beside_it() -> None:
    model = random_net(n=9, m=6, share=0.4)
    x = (torch.rand(40, 6) < 0.4).double()
    x[:, 0] = 0  # no leak there, and perhaps no cause
    together = model.exact_marginals(Batch(x, torch.arange(40), 40))
    alone = torch.cat([model.exact_marginals(Batch(row[None], torch.arange(1), 1)) for row in x])
    assert_close(together, alone, rtol=1e-13, atol=0)
    assert model.exact_marginals(Batch(x[:0], torch.arange(0), 0)).shape == (0, 9)


def test_a_row_is_impossible_where_its_evidence_is_zero() -> None:
    model = NoisyOr(["d", "e"], names("x", 4), [(0, 0, 1.0), (0, 1, 0.5), (1, 1, 0.0), (1, 2, 1.0)], 0.3, [0, 0, 0.2, 1.0])
    rows: list[tuple[int | None, ...]] = list(product((0, 1, None), repeat=4))
    impossible = model.log_evidence(batch_of(rows)) == -math.inf
    assert 0 < int(impossible.sum()) < len(rows)
    for row, refused in zip(rows, impossible.tolist(), strict=True):
        if refused:
            with pytest.raises(LatentiaError, match="1 of 1 rows cannot be"):
                model.check_possible(batch_of([row]))
        else:
            model.check_possible(batch_of([row]))


def test_a_matrix_of_strengths_is_its_edges() -> None:
    model = random_net(certain=True)
    w = torch.zeros(N, M, dtype=torch.float64)
    for i, j, strength in model.edges:
        w[i, j] = strength
    same = NoisyOr.from_matrix(w, model.causes, model.effects, model.base_rate, model.leak)
    x = model.sample(50)
    assert_close(same.exact_marginals(batch_of(x.tolist())), model.exact_marginals(batch_of(x.tolist())), rtol=0, atol=0)
    assert NoisyOr.from_matrix([[0.5]]).causes == ["cause 0"]
    refused: tuple[tuple[Any, str], ...] = (
        ([0.5, 0.2], r"shape \(2,\), wanted \(causes, effects\)"),
        ([[0.5], [0.2, 0.1]], "not a matrix of numbers"),
        ([[0.5, 1.5]], r"1 of 2 values outside of 0 to 1, the first at \[0, 1\]"),
        ([[math.nan]], "1 of 1 values"),
    )
    for wrong, message in refused:
        with pytest.raises(LatentiaError, match=message):
            NoisyOr.from_matrix(wrong)
    with pytest.raises(LatentiaError, match="strength has shape"):
        NoisyOr.from_matrix([[0.5, 0.2]], causes=["a", "b"])


def test_what_cannot_be_answered_is_refused_in_a_line() -> None:
    model = NoisyOr(["d"], names("x", 20), [(0, 0, 0.5)], 0.1, [0.0] * 2 + [0.1] * 18)
    with pytest.raises(LatentiaError, match=f"19 positive findings, exact answers stop at {MOST_POSITIVES}"):
        model.exact_marginals(batch_of([(1, 0, *(1,) * 18)]))
    impossible = (0, 1, *(None,) * 18)
    with pytest.raises(LatentiaError, match=r"1 of 2 rows cannot be .* row \[1\]"):
        model.exact_marginals(batch_of([(0,) * 20, impossible]))
    assert model.log_evidence(batch_of([impossible])).tolist() == [-math.inf]
    with pytest.raises(LatentiaError, match=r"1 values other than 0 and 1, the first at \[0, 3\]"):
        model.exact_marginals(Batch(torch.tensor([[0.0, 0.0, 0.0, 0.5] + [0.0] * 16]), torch.arange(1), 1))
    with pytest.raises(LatentiaError, match="wanted"):
        model.exact_marginals(Batch(torch.zeros(1, 3), torch.arange(1), 1))


def test_findings_go_in_by_name_and_answers_come_out_by_name() -> None:
    model = NoisyOr(["Flu", "Cold"], ["Fever", "cough", "Cough up blood"], [(0, 0, 0.5)], 0.1, 0.1)
    assert isinstance(model, HasNamedEvidence)
    assert isinstance(model, HasExactMarginals)
    x, mask = model.evidence({"fever": "Present", "cough": "no"})
    assert x.tolist() == [1.0, 0.0, 0.0]
    assert mask.tolist() == [True, True, False]
    assert [model.evidence({"cough": word})[0][1].item() for word in ("1", "0", "TRUE", "false", "absent")] == [
        1,
        0,
        1,
        0,
        0,
    ]
    assert model.answers(torch.tensor([0.25, 0.5])) == [("Flu", "present", 0.25), ("Cold", "present", 0.5)]
    for wrong, message in (
        ({"feever": "1"}, "no effect 'feever'; did you mean 'Fever'"),
        ({"cough": "maybe"}, "'cough' is 'maybe', wanted present or absent"),
        ({"cough": "1", "COUGH": "0"}, "'cough' is named twice"),
    ):
        with pytest.raises(LatentiaError, match=message):
            model.evidence(wrong)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"causes": []}, "causes must be a list of names"),
        ({"effects": ["x", "x"]}, "the effect 'x' comes twice"),
        ({"edges": [(0, 2, 0.5)]}, "effects 0 to 1"),
        ({"edges": [(-1, 0, 0.5)]}, "causes are counted 0 to 1"),
        ({"edges": [(0, 0, 1.5)]}, "strength 1.5"),
        ({"edges": [(0, 0, float("nan"))]}, "strength nan"),
        ({"edges": [(0, 0, 0.5), (0, 0, 0.5)]}, "comes twice"),
        ({"edges": [(0, 0)]}, "wanted \\(cause, effect, strength\\)"),
        ({"base_rate": 0.0}, "strictly between"),
        ({"base_rate": [0.1]}, "one for each of the causes"),
        ({"leak": -0.1}, "1 of 1 values outside of 0 to 1"),
        ({"leak": "much"}, "leak is a str"),
    ],
)
def test_a_network_that_cannot_be_is_refused(changes: dict[str, Any], message: str) -> None:
    good: dict[str, Any] = {"causes": ["a", "b"], "effects": ["x", "y"], "edges": [(0, 0, 0.5)]}
    with pytest.raises(LatentiaError, match=message):
        NoisyOr(**{**good, **changes})
