"""One problem, six gradients: how much each one's estimate scatters, against the number of draws.

    python examples/gradient_variance.py docs/images/gradient_variance.svg

The model is PPCA at its maximum on the digits, the posterior a linear encoder with a full covariance, so that the exact
posterior can be reached; measured before training and at its end. Written after the comparisons of Mohamed et al. (2020),
Monte Carlo Gradient Estimation in Machine Learning.
"""

import argparse
from pathlib import Path

import torch

from latentia import Amortized, Elbo, FullRankNormal, load_data, mlp
from latentia.core import Batch
from latentia.evaluation import gradient_noise
from latentia.gradients import AnalyticKL, DoublyReparameterized, Gradient, LeaveOneOut, Reparameterized, ScoreFunction
from latentia.models import PPCA
from latentia.report.log_chart import Line, log_panels

N_LATENTS, N_ROWS = 5, 100
GRADIENTS = {
    "score function, no baseline": lambda: ScoreFunction(decay=None),
    "score function, moving average": ScoreFunction,
    "leave-one-out": LeaveOneOut,
    "reparameterized": Reparameterized,
    "analytic KL": AnalyticKL,
    "doubly reparameterized": DoublyReparameterized,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, help="where the figure goes (.svg)")
    parser.add_argument("--repeats", type=int, default=400)
    parser.add_argument("--draws", type=int, nargs="+", default=[2, 4, 8, 16, 32, 64])
    parser.add_argument("--steps", type=int, default=1500)
    options = parser.parse_args()

    torch.manual_seed(0)
    x = load_data("digits", binarize="none").split("train").values().flatten(1)
    model = PPCA.maximum_likelihood(x, N_LATENTS).requires_grad_(False)
    posterior = Amortized(mlp(x.shape[1:], [], N_LATENTS, per_value=1 + N_LATENTS), FullRankNormal(N_LATENTS))
    posterior.start_at(x)
    batch = Batch(x[:N_ROWS], torch.arange(N_ROWS), len(x))

    panels = {"before the first step": measure(model, posterior, batch, options.draws, options.repeats)}
    train(model, posterior, x, options.steps)
    panels[f"after {options.steps:,} steps"] = measure(model, posterior, batch, options.draws, options.repeats)

    options.out.write_text(log_panels(panels, x="draws an estimate", y="total variance of the gradient"), encoding="utf-8")
    for title, lines in panels.items():
        print(f"{title}\n{'':32}" + "".join(f"{k:>11}" for k in options.draws))
        for line in lines:
            print(f"{line.name:32}" + "".join(f"{v:11.3g}" for _, v in line.points))


def measure(model: PPCA, posterior: Amortized, batch: Batch, draws: list[int], repeats: int) -> list[Line]:
    """One line a gradient: (draws, total variance)."""
    return [
        Line(name, [(k, total_variance(make(), model, posterior, batch, k, repeats)) for k in draws])
        for name, make in GRADIENTS.items()
    ]


def total_variance(gradient: Gradient, model: PPCA, posterior: Amortized, batch: Batch, n_draws: int, repeats: int) -> float:
    return gradient_noise(gradient, Elbo(), model, posterior, batch, n_draws, repeats).total_variance


def train(model: PPCA, posterior: Amortized, x: torch.Tensor, steps: int) -> None:
    """Towards the exact posterior; larger steps than these diverge from where a fresh encoder starts."""
    optimizer = torch.optim.Adam(posterior.parameters(), lr=0.005)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    batch = Batch(x, torch.arange(len(x)), len(x))
    sticking_the_landing = DoublyReparameterized()
    for _ in range(steps):
        optimizer.zero_grad()
        (-sticking_the_landing(Elbo(), model, posterior.infer(model, batch), batch, 1).surrogate.mean()).backward()
        optimizer.step()
        schedule.step()


if __name__ == "__main__":
    main()
