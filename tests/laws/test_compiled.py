"""A compiled step: one graph without a break, the same objective, and a line where it cannot be compiled."""

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor

from latentia.bounds import Elbo, Iwae
from latentia.core import Batch
from latentia.families import Bernoulli, DiagonalNormal, FullRankNormal, Normal
from latentia.gradients import AnalyticKL, Auto, DoublyReparameterized, Reparameterized
from latentia.learners import Joint
from latentia.learners.compiled import Compiled, checks_kept
from latentia.models import Decoded
from latentia.networks import ConvDecoder, ConvEncoder, mlp
from latentia.posteriors import Amortized
from latentia.priors import StandardNormal

X = (torch.rand(8, 6, generator=torch.Generator().manual_seed(0)) < 0.5).float()
BATCH = Batch(X, torch.arange(8), 8)


@pytest.fixture(autouse=True)
def _checks() -> Iterator[None]:
    with checks_kept():
        yield


def vae(family: Any = Bernoulli, posterior: Any = DiagonalNormal) -> tuple[Decoded, Amortized]:
    torch.manual_seed(0)
    p, q = family(), posterior()
    model = Decoded(StandardNormal(2), mlp(2, [5], 6, p.raw_per_value), p)
    return model, Amortized(mlp(6, [5], 2, q.raw_per_value), q)


def images() -> tuple[Decoded, Amortized]:
    torch.manual_seed(0)
    model = Decoded(StandardNormal(2), ConvDecoder(2, (1, 8, 8), channels=[4]), Bernoulli())
    return model, Amortized(ConvEncoder((1, 8, 8), 2, per_value=2, channels=[4]), DiagonalNormal())


CASES: dict[str, tuple[Any, Any, Any, int]] = {
    "VAE": (vae, AnalyticKL(), Elbo(), 1),
    "VAE, several draws": (vae, AnalyticKL(beta=0.5), Elbo(), 3),
    "normal likelihood": (lambda: vae(Normal), AnalyticKL(), Elbo(), 1),
    "full rank": (lambda: vae(posterior=lambda: FullRankNormal(2)), AnalyticKL(), Elbo(), 1),
    "pathwise": (vae, Reparameterized(), Elbo(), 1),
    "IWAE": (vae, Reparameterized(), Iwae(), 5),
    "convolutions": (images, AnalyticKL(), Elbo(), 1),
}


@pytest.mark.parametrize("case", CASES)
def test_a_step_is_one_graph(case: str) -> None:
    parts, gradient, bound, draws = CASES[case]
    model, posterior = parts()
    learner = Joint(model, posterior, bound, gradient, draws)
    batch = BATCH if case != "convolutions" else Batch(torch.zeros(4, 1, 8, 8), torch.arange(4), 4)
    torch._dynamo.reset()
    found = torch._dynamo.explain(learner._objective)(batch, 0.7)
    assert (found.graph_count, found.graph_break_count) == (1, 0), [str(r.reason)[:200] for r in found.break_reasons]


def test_what_is_compiled_is_the_objective() -> None:
    """By a backend that changes nothing, so that the noise is the same: the same loss, and the same slope."""
    losses, slopes = [], []
    for compiled in (False, True):
        model, posterior = vae()
        learner = Joint(model, posterior, Elbo(), AnalyticKL())
        run = torch.compile(learner._objective, fullgraph=True, backend="aot_eager") if compiled else learner._objective
        torch.manual_seed(3)
        loss, bound, rate = run(BATCH, 0.7)
        loss.backward()
        losses.append(torch.stack([loss.detach(), bound, rate]))
        slopes.append(torch.cat([p.grad.flatten() for p in learner.parameters if p.grad is not None]))
    torch.testing.assert_close(losses[0], losses[1])
    torch.testing.assert_close(slopes[0], slopes[1])


def test_a_gradient_that_is_still_to_be_chosen_chooses_in_a_plain_step() -> None:
    model, posterior = vae()
    learner = Joint(model, posterior, gradient=Auto(), compiled=True)
    seen: list[object] = []

    def noting(batch: Batch, kl_weight: float) -> tuple[Tensor, Tensor, Tensor]:
        assert isinstance(learner.gradient, Auto)
        seen.append(learner.gradient.picked)
        return learner._objective(batch, kl_weight)

    learner._pass = noting
    for _ in range(3):
        learner.step(BATCH)
    assert [type(gradient) for gradient in seen] == [AnalyticKL, AnalyticKL]


def test_what_breaks_the_graph_runs_as_it_is_and_says_so() -> None:
    outcomes = []
    for compiled in (False, True):
        model, posterior = vae()
        learner = Joint(model, posterior, Iwae(), DoublyReparameterized(), draws=3, compiled=compiled)
        torch.manual_seed(1)
        outcomes.append([float(learner.step(BATCH)["bound"]) for _ in range(3)])
        said = learner.why_uncompiled
    assert outcomes[0] == outcomes[1]
    assert said.startswith("the step runs uncompiled: ")
    assert "\n" not in said


def test_where_there_is_no_compiler_it_runs_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    from torch._inductor.exc import InvalidCxxCompiler

    def without(function: Any, **_: Any) -> Any:
        def fails(*_: Any) -> Any:
            raise InvalidCxxCompiler

        return fails

    monkeypatch.setattr(torch, "compile", without)
    run = Compiled(lambda x: (x + 1, x))
    assert float(run(torch.ones(()))[0]) == 2
    assert "No working C++ compiler found" in run.why_not


def test_a_mistake_in_the_function_is_no_compilers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "compile", lambda function, **_: function)

    def wrong(x: Tensor) -> tuple[Tensor, ...]:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        Compiled(wrong)(torch.ones(()))


def test_many_fits_of_one_process_are_compiled_each(monkeypatch: pytest.MonkeyPatch) -> None:
    """The compiler limits the graphs of a function, and counts them over all fits."""
    real = torch.compile
    monkeypatch.setattr(torch, "compile", lambda f, **options: real(f, **{**options, "mode": None, "backend": "eager"}))
    for width in range(2, 12):
        model = Decoded(StandardNormal(2), mlp(2, [width], 6), Bernoulli())
        learner = Joint(model, Amortized(mlp(6, [width], 2, per_value=2), DiagonalNormal()), compiled=True)
        for n in (8, 3):
            learner.step(Batch(X[:n], torch.arange(n), 8))
        assert not learner.why_uncompiled


def test_a_failure_at_a_later_call_is_no_end_of_the_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    from torch._dynamo.exc import Unsupported

    def once(function: Any, **_: Any) -> Any:
        calls = iter((False, True))

        def compiled(*values: Any) -> Any:
            if next(calls):
                raise Unsupported("this shape")
            return function(*values)

        return compiled

    monkeypatch.setattr(torch, "compile", once)
    run = Compiled(lambda x: (x + 1, x))
    assert [float(run(torch.ones(()))[0]) for _ in range(3)] == [2, 2, 2]
    assert "this shape" in run.why_not


def test_the_compiler_leaves_torchs_checks_as_they_were(monkeypatch: pytest.MonkeyPatch) -> None:
    """It switches them off for the whole process, once."""

    def like_torchs(function: Any, **_: object) -> Any:
        torch.distributions.Distribution.set_default_validate_args(False)
        return function

    monkeypatch.setattr(torch, "compile", like_torchs)
    model, posterior = vae()
    learner = Joint(model, posterior, gradient=AnalyticKL(), compiled=True)
    torch.distributions.Distribution.set_default_validate_args(True)
    learner.step(BATCH)
    assert torch.distributions.Distribution._validate_args
