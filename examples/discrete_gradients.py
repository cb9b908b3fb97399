"""Twelve bits behind the digits: bias, noise and cost of every gradient for a z that cannot be reparameterized.

    python examples/discrete_gradients.py docs/images/discrete-gradients.svg

With 4096 states the ELBO is a sum, and its gradient known without noise. Measured for an encoder's parameters, early in the
training of model and encoder and late; and for the gradients that learn something of their own before and after they did.
"""

import argparse
import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.distributions import Bernoulli as Bits
from torch.distributions import Distribution, Independent

from latentia import Amortized, Bernoulli, Elbo, Iwae, load_data, mlp
from latentia.bounds import Bound
from latentia.core import Batch
from latentia.evaluation import gradient_noise
from latentia.gradients import Enumerated, Gradient, LeaveOneOut, Nvil, Rebar, Relax, Relaxed, ScoreFunction
from latentia.learners import Joint, LearningRate
from latentia.models import Decoded
from latentia.priors import Prior
from latentia.report.log_chart import Line, log_panels

N_VALUES, N_ROWS = 64, 10
# What the figure shows, at every number of draws.
DRAWN = ("score function, no baseline", "NVIL", "leave-one-out", "REBAR", "RELAX", "relaxed, temperature 0.5")


def estimators(bits: int) -> dict[str, tuple[Callable[[], Gradient], Sequence[int]]]:
    """Name to a gradient for so many bits, and the draws at which the table shows it."""
    return {
        "score function, no baseline": (lambda: ScoreFunction(decay=None), (1,)),
        "score function, moving average": (ScoreFunction, (1,)),
        "NVIL": (lambda: Nvil((N_VALUES,)), (1,)),
        "leave-one-out": (LeaveOneOut, (2, 8)),
        "REBAR": (Rebar, (1,)),
        "RELAX": (lambda: Relax((N_VALUES,), (bits,)), (1,)),
        "relaxed, temperature 1": (lambda: Relaxed(1.0), (1,)),
        "relaxed, temperature 0.5": (lambda: Relaxed(0.5), (1,)),
        "relaxed, temperature 0.1": (lambda: Relaxed(0.1), (1,)),
        "straight-through, temperature 0.5": (lambda: Relaxed(0.5, straight_through=True), (1,)),
        "enumerated": (lambda: Enumerated(2**bits), (1,)),
    }


class Coins(Prior):
    """Independent bits with learned odds."""

    def __init__(self, n_latents: int) -> None:
        super().__init__(n_latents)
        self.logits = nn.Parameter(torch.zeros(n_latents))

    def distribution(self, given: Tensor | None = None) -> Distribution:
        return Independent(Bits(logits=self.logits, validate_args=False), 1, validate_args=False)


class Found(NamedTuple):
    """One estimator's account.

    Attributes:
        score: the largest |mean - truth| in standard errors; NaN where the truth is not known.
        bias: length of mean - truth, freed of noise, over the truth's.
        error: mean squared distance from the truth.
        variance: total variance.
        seconds: of one estimate with its backward pass, of the processor.
    """

    score: float
    bias: float
    error: float
    variance: float
    seconds: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, help="where the figure goes (.svg)")
    parser.add_argument("--bits", type=int, default=12)
    parser.add_argument("--steps", type=int, nargs=2, default=[50, 3000], help="of training, early and late")
    parser.add_argument("--repeats", type=int, default=1000)
    parser.add_argument("--control-steps", type=int, default=500, help="of what a gradient learns itself")
    parser.add_argument("--draws", type=int, nargs="+", default=[1, 2, 4, 8], help="in the figure")
    options = parser.parse_args()

    torch.manual_seed(0)
    x = load_data("digits", binarize="static").split("train").values().flatten(1)
    model = Decoded(Coins(options.bits), mlp(options.bits, [64], N_VALUES), Bernoulli())
    posterior = Amortized(mlp(N_VALUES, [], options.bits), Bernoulli())
    posterior.start_at(x)
    model.start_at(x)
    learner = Joint(model, posterior, gradient=LeaveOneOut(), draws=4, lr=LearningRate(3e-3))
    panels: dict[str, list[Line]] = {}
    for steps in options.steps:
        elbo = train(learner, x, steps)
        title = f"after {steps:,} steps, ELBO {elbo:.1f} nats"
        print(f"\n### {title[0].upper()}{title[1:]}\n", flush=True)
        panels[title] = compare(model, posterior, batch_of(x[:N_ROWS], len(x)), options)
    options.out.write_text(
        log_panels(panels, x="draws an estimate", y="mean squared error of the gradient"), encoding="utf-8"
    )


def compare(model: Decoded, posterior: Amortized, batch: Batch, options: argparse.Namespace) -> list[Line]:
    """Print the table of one moment of training; the figure's lines."""
    exact = slope(Enumerated(2**options.bits), Elbo(), model, posterior, batch)
    print(f"The true gradient has length {float(exact.norm()):.3g}.\n")
    print("| gradient | draws | largest score | bias | variance | variance, trained | ms of CPU |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: |", flush=True)
    lines = []
    for name, (make, table) in estimators(options.bits).items():
        in_figure = [k for k in options.draws if k > 1 or name != "leave-one-out"] if name in DRAWN else []
        points, after = [], None
        for k in sorted({*table, *in_figure}):
            gradient = make()
            before = measure(gradient, Elbo(), model, posterior, batch, k, options.repeats, exact)
            learns = teach(gradient, model, posterior, batch, k, options.control_steps)
            after = measure(gradient, Elbo(), model, posterior, batch, k, options.repeats, exact) if learns else None
            points += [(k, (after or before).error)] if k in in_figure else []
            if k in table:
                print(row(name, k, before, after), flush=True)
        if points:
            lines.append(Line(f"{name}, trained" if after else name, points))
    for k, truth in ((2, pairs_slope(model, posterior, batch)), (8, None)):
        found = measure(LeaveOneOut(), Iwae(), model, posterior, batch, k, options.repeats, truth)
        print(row("leave-one-out, importance-weighted bound (VIMCO)", k, found, None), flush=True)
    return lines


def row(name: str, draws: int, found: Found, trained: Found | None) -> str:
    score = "" if math.isnan(found.score) else f"{found.score:.1f}"
    # Below, a bias cannot be told from noise: 1e-3 by chance, over the encoder's 780 numbers.
    cells = [name, f"{draws}", score, f"{found.bias:.0%}" if found.score > 4.9 else ""]
    cells += [f"{found.variance:.3g}", f"{trained.variance:.3g}" if trained else "", f"{1000 * found.seconds:.1f}"]
    return "| " + " | ".join(cells) + " |"


def measure(
    gradient: Gradient,
    bound: Bound,
    model: Decoded,
    posterior: Amortized,
    batch: Batch,
    n_draws: int,
    repeats: int,
    truth: Tensor | None,
) -> Found:
    repeats = min(repeats, 10) if isinstance(gradient, Enumerated) else repeats
    start = time.process_time()
    noise = gradient_noise(gradient, bound, model, posterior, batch, n_draws, repeats)
    seconds = (time.process_time() - start) / repeats
    if truth is None:
        return Found(math.nan, math.nan, math.nan, noise.total_variance, seconds)
    miss = noise.mean - truth
    blur = (noise.variance / repeats).sqrt()
    # Rounding, where there is no noise or a parameter that never moves.
    score = float(torch.where(miss.abs() < 1e-5 * truth.norm(), 0.0, miss.abs() / blur).max())
    bias = max(0.0, float(miss.square().sum()) - noise.total_variance / repeats)
    return Found(score, (bias**0.5) / float(truth.norm()), noise.total_variance + bias, noise.total_variance, seconds)


def slope(gradient: Gradient, bound: Bound, model: Decoded, posterior: Amortized, batch: Batch) -> Tensor:
    """The gradient of the mean bound a row for the encoder's parameters, (P,)."""
    surrogate = gradient(bound, model, posterior.infer(model, batch), batch, 1).surrogate.mean()
    return torch.cat([s.flatten() for s in torch.autograd.grad(surrogate, list(posterior.parameters()))]).double()


def pairs_slope(model: Decoded, posterior: Amortized, batch: Batch, chunk: int = 16) -> Tensor:
    """As ``slope``, for the importance-weighted bound of two draws: a sum over all pairs of states, some at a time."""
    states = torch.cartesian_prod(*[torch.tensor([0.0, 1.0])] * model.z_shape[0])
    q = posterior.infer(model, batch)
    log_q = q.log_prob(states.unsqueeze(1)).double()  # (S, B)
    with torch.no_grad():
        log_joint = model.log_joint(states.unsqueeze(1).expand(-1, len(batch.x), -1), batch).double()
    held = log_q.detach().requires_grad_()
    total = torch.zeros_like(held)
    for part in torch.arange(len(states)).split(chunk):
        w = log_joint - held
        bound = torch.logaddexp(w[part].unsqueeze(1), w) - math.log(2)
        share = held[part].exp().unsqueeze(1) * held.exp()
        total += torch.autograd.grad((share * bound).sum() / len(batch.x), held)[0]
    slopes = torch.autograd.grad(log_q, list(posterior.parameters()), total)
    return torch.cat([s.flatten() for s in slopes]).double()


def teach(gradient: Gradient, model: Decoded, posterior: Amortized, batch: Batch, n_draws: int, steps: int) -> bool:
    """Let a gradient's own parameters learn, model and encoder held; False if it has none."""
    if not isinstance(gradient, nn.Module) or not list(gradient.parameters()):
        return False
    optimizer = torch.optim.Adam(gradient.parameters(), lr=0.003)
    for _ in range(steps):
        optimizer.zero_grad()
        with torch.no_grad():
            q = posterior.infer(model, batch)
        (-gradient(Elbo(), model, q, batch, n_draws).surrogate.mean()).backward()
        optimizer.step()
    return True


def train(learner: Joint, x: Tensor, until: int, rows: int = 100) -> float:
    """Model and encoder, up to so many steps; the last hundred batches' ELBO."""
    seen: list[float] = []
    while learner.steps < until:
        pick = torch.randint(len(x), (rows,))
        seen.append(float(learner.step(batch_of(x[pick], len(x)))["bound"]))
    return sum(seen[-100:]) / len(seen[-100:])


def batch_of(x: Tensor, n_rows: int) -> Batch:
    return Batch(x, torch.arange(len(x)), n_rows)


if __name__ == "__main__":
    main()
