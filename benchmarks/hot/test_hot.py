"""Single functions that a training step or an evaluation spends itself in, guarded against growing slow.

    OMP_NUM_THREADS=1 pytest -n 0 benchmarks/hot --benchmark-save=before
    ... a change ...
    OMP_NUM_THREADS=1 pytest -n 0 benchmarks/hot --benchmark-compare --benchmark-compare-fail=min:15%

Not part of the test suite: microseconds mean something on one quiet machine only, before and after a change. The least of
many rounds is compared, since whatever else the machine does can only add to it.
"""

import copy

import pytest
import torch
from torch import Tensor

import latentia as la
from latentia.core import Batch
from latentia.data import Split
from latentia.evaluation.draws import row_totals
from latentia.gradients import AnalyticKL, DoublyReparameterized
from latentia.learners import Joint
from latentia.training.standing import Epoch, Taken, numbers
from latentia.weights import terms

N, BATCH = 5_000, 100


@pytest.fixture(scope="module", autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


@pytest.fixture
def rows() -> Tensor:
    return torch.randperm(N)[:BATCH]


@pytest.fixture(scope="module")
def bits() -> Split:
    return Split((torch.rand(N, 784) < 0.2).to(torch.uint8))


@pytest.fixture
def parts() -> tuple[la.Decoded, la.Amortized]:
    model = la.Decoded(la.StandardNormal(50), la.mlp(50, [500, 500], 784), la.Bernoulli())
    return model, la.Amortized(la.mlp(784, [500, 500], 50, per_value=2), la.DiagonalNormal())


@pytest.fixture
def small_parts() -> tuple[la.Decoded, la.Amortized]:
    """So narrow that next to nothing but overhead is left."""
    model = la.Decoded(la.StandardNormal(4), la.mlp(4, [8], 16), la.Bernoulli())
    return model, la.Amortized(la.mlp(16, [8], 4, per_value=2), la.DiagonalNormal())


def test_joint_step(benchmark, parts, bits, rows):
    benchmark(Joint(*parts).step, bits.batch(rows))


def test_joint_step_that_is_all_overhead(benchmark, small_parts):
    batch = Batch((torch.rand(BATCH, 16) < 0.2).float(), torch.arange(BATCH), BATCH)
    benchmark(Joint(*small_parts).step, batch)


def test_joint_step_of_iwae(benchmark, parts, bits, rows):
    learner = Joint(*parts, bound=la.Iwae(), gradient=DoublyReparameterized(), draws=5)
    benchmark(learner.step, bits.batch(rows))


def test_terms(benchmark, small_parts):
    model, posterior = small_parts
    batch = Batch((torch.rand(BATCH, 16) < 0.2).float(), torch.arange(BATCH), BATCH)
    q = posterior.infer(model, batch)
    benchmark(terms, model, q, batch, q.rsample((5,)))


def test_analytic_kl(benchmark, small_parts):
    model, posterior = small_parts
    batch = Batch((torch.rand(BATCH, 16) < 0.2).float(), torch.arange(BATCH), BATCH)
    q = posterior.infer(model, batch)
    benchmark(AnalyticKL(), la.Elbo(), model, q, batch, 1)


def test_batch_of_bits(benchmark, bits, rows):
    benchmark(bits.batch, rows)


def test_batch_of_bits_drawn_anew(benchmark, bits, rows):
    grey = Split(torch.randint(0, 256, (N, 784), dtype=torch.uint8), scale=1 / 255, draw_bits=True)
    benchmark(grey.batch, rows)


def test_batch_of_reals(benchmark, rows):
    benchmark(Split(torch.randn(N, 784)).batch, rows)


def test_epoch_of_batches(benchmark, bits):
    order = torch.Generator()
    benchmark(lambda: [None for _ in bits.batches(BATCH, shuffle=True, generator=order)])


def test_note_of_a_step(benchmark):
    epoch = Epoch(1, torch.Generator().get_state(), [0.0] * 4, 1.0, 1e-3)
    log = {"bound": torch.tensor(-100.0), "rate": torch.tensor(20.0), "grad_norm": torch.tensor(1.0)}
    taken = Taken(0, torch.arange(BATCH), log | {"skipped": torch.tensor(False)})

    def note() -> None:
        ((bound, rate, norm, _),) = numbers([taken])
        epoch.add(bound, rate, norm, BATCH)

    benchmark(note)


def test_chunk_of_an_importance_weighted_estimate(benchmark, parts, bits):
    model, posterior = (copy.deepcopy(part).eval() for part in parts)

    @torch.no_grad()
    def estimate() -> Tensor:
        return row_totals(model, posterior, bits.head(20), 100).log_px

    benchmark(estimate)
