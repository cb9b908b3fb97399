"""More draws tighten the importance-weighted bound and drown its encoder's gradient, unless it is doubly reparameterized.

    python examples/signal_to_noise.py docs/images/signal-to-noise.svg

Rainforth et al. (2018), Tighter Variational Bounds are Not Necessarily Better: the signal-to-noise ratio of the encoder's
gradient falls as draws^(-1/2). Tucker et al. (2019), Doubly Reparameterized Gradient Estimators: without the score term it
rises as draws^(1/2). Their problem: z ~ N(0, I), x | z ~ N(z, I) and a linear encoder, a little off its optimum.
"""

import argparse
import math
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.distributions import Distribution, Independent, Normal

from latentia import Iwae
from latentia.core import Batch
from latentia.evaluation import gradient_noise
from latentia.gradients import DoublyReparameterized, Gradient, Reparameterized
from latentia.models import PPCA, GenerativeModel
from latentia.posteriors import Posterior
from latentia.report.log_chart import Line, log_panels

# The faint signal needs more repeats to be seen at all.
GRADIENTS: dict[str, tuple[Gradient, int]] = {
    "reparameterized": (Reparameterized(), 30),
    "doubly reparameterized": (DoublyReparameterized(), 1),
}


class LinearEncoder(Posterior):
    """q(z | x) = N(A x + b, s^2 I) with a fixed s."""

    def __init__(self, weight: Tensor, bias: Tensor, scale: float) -> None:
        super().__init__()
        self.weight, self.bias, self.scale = nn.Parameter(weight), nn.Parameter(bias), scale

    def infer(self, model: GenerativeModel, batch: Batch) -> Distribution:
        return Independent(
            Normal(batch.x @ self.weight.T + self.bias, self.scale, validate_args=False), 1, validate_args=False
        )


class Slope(NamedTuple):
    """d log(signal to noise) / d log(draws), and its standard error."""

    value: float
    error: float


def problem(n_latents: int, n_rows: int, off: float = 0.1, seed: int = 0) -> tuple[PPCA, LinearEncoder, Batch]:
    """The model, an encoder whose numbers are off their optimum by ``off`` each, and rows of the model's."""
    torch.manual_seed(seed)
    model = PPCA(n_latents, n_latents + 1).double().requires_grad_(False)
    model.weight.copy_(torch.eye(n_latents + 1, n_latents))
    x = model.sample(n_rows)
    best = 0.5 * torch.eye(n_latents, n_latents + 1, dtype=torch.float64)
    weight, bias = best + off * torch.randn_like(best), off * torch.randn(n_latents, dtype=torch.float64)
    # Wider than the exact posterior, whose variance is 1/2, as in their paper.
    return model, LinearEncoder(weight, bias, math.sqrt(2 / 3)), Batch(x, torch.arange(n_rows), n_rows)


def measure(
    gradient: Gradient, model: PPCA, encoder: LinearEncoder, batch: Batch, draws: Sequence[int], repeats: int
) -> list[tuple[int, float, float]]:
    """(draws, signal to noise of the encoder's gradient, its standard error)."""
    found = []
    for k in draws:
        noise = gradient_noise(gradient, Iwae(), model, encoder, batch, k, repeats, seed=k)
        found.append((k, noise.signal_to_noise, noise.signal_to_noise_error))
    return found


def slope_of(points: Sequence[tuple[int, float, float]]) -> Slope:
    """A line through log signal against log draws, each point weighed by its error; one draw makes no bound of several.

    Where the points lie further from the line than their errors say, the slope's error grows by as much.
    """
    several = [p for p in points if p[0] > 1 and p[1] > 0]
    across = torch.tensor([math.log(k) for k, _, _ in several], dtype=torch.float64)
    up = torch.tensor([math.log(snr) for _, snr, _ in several], dtype=torch.float64)
    weight = torch.tensor([(snr / error) ** 2 for _, snr, error in several], dtype=torch.float64)
    across = across - (weight * across).sum() / weight.sum()
    up = up - (weight * up).sum() / weight.sum()
    spread = (weight * across.square()).sum()
    slope = (weight * across * up).sum() / spread
    misfit = (weight * (up - slope * across).square()).sum() / max(1, len(several) - 2)
    return Slope(float(slope), float((misfit.clamp_min(1) / spread).sqrt()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, help="where the figure goes (.svg)")
    parser.add_argument("--repeats", type=int, default=1000, help="of the doubly reparameterized; 30 times as many else")
    parser.add_argument("--draws", type=int, nargs="+", default=[1, 4, 16, 64, 256])
    parser.add_argument("--latents", type=int, default=5)
    parser.add_argument("--rows", type=int, default=4)
    options = parser.parse_args()

    model, encoder, batch = problem(options.latents, options.rows)
    lines = []
    print(f"{'':24}" + "".join(f"{k:>16}" for k in options.draws) + f"{'slope':>18}")
    for name, (gradient, times) in GRADIENTS.items():
        points = measure(gradient, model, encoder, batch, options.draws, times * options.repeats)
        slope = slope_of(points)
        told = "".join(f"{f'{snr:.3f} ± {error:.3f}':>16}" for _, snr, error in points)
        print(f"{name:24}{told}{f'{slope.value:+.2f} ± {slope.error:.2f}':>18}", flush=True)
        lines.append(Line(f"{name}, slope {slope.value:+.2f}", [(k, snr) for k, snr, _ in points]))
    panels = {"encoder's gradient, importance-weighted bound": lines}
    options.out.write_text(log_panels(panels, x="draws", y="signal to noise of an estimate"), encoding="utf-8")


if __name__ == "__main__":
    main()
