"""Too many latents for data of five dimensions: what Bayesian PCA and a VAE do with the rest.

    python examples/how_many_latents.py docs/images/how-many-latents.svg

Rows of 30 (PCA) and 20 values (VAE) from a linear-Gaussian model with 5 latents, whose log p(x) is known. Bayesian PCA is
given 20 latents and coordinate ascent (Bishop 1999, Variational Principal Components); the VAE is given 20, four times too
many, and then 5. What a VAE switches off: Burda, Grosse & Salakhutdinov (2016), Importance Weighted Autoencoders, section 2.
"""

import argparse
import math
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor
from torch.distributions import LowRankMultivariateNormal

from latentia import Amortized, Batch, Decoded, DiagonalNormal, Evaluation, Normal, StandardNormal, fit, from_arrays, mlp
from latentia.learners import CoordinateAscent
from latentia.models import BayesianPCA
from latentia.report.log_chart import STYLE
from latentia.report.markup import Markup, join, tag
from latentia.report.svg import Frame, frame, rect, segment, standalone, svg, text, x_axis, y_axis

N_TRUE, N_GIVEN, NOISE = 5, 20, 0.5
WIDTH, HEIGHT = 380.0, 300.0
BARS = ".kept { fill: #0072b2 } .off { fill: #d55e00 }"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, help="where the figure goes (.svg)")
    parser.add_argument("--seeds", type=int, default=5, help="data sets for Bayesian PCA")
    parser.add_argument("--rows", type=int, default=5_000, help="rows for the VAE; a tenth is held out for the figures")
    parser.add_argument("--epochs", type=int, default=150)
    options = parser.parse_args()

    print(f"Bayesian PCA with {N_GIVEN} latents, data of {N_TRUE} dimensions")
    heads = ("kept", "largest kept precision", "smallest other precision", "noise variance")
    print(f"{'seed':>4}{'sweeps':>8}" + "".join(f"{head:>{len(head) + 2}}" for head in heads))
    alphas = [bayesian_pca(seed) for seed in range(options.seeds)]

    print(f"\nVAE, {options.rows:,} rows of data of {N_TRUE} dimensions, {options.epochs} epochs; nats a held-out row")
    print(f"{'latents':>7}{'active':>8}{'bound':>18}{'true log p(x)':>16}{'KL, largest first':>20}")
    kls = [vae(n_latents, options.rows, options.epochs) for n_latents in (N_GIVEN, N_TRUE)]
    options.out.write_text(figure(alphas[0], kls[0]), encoding="utf-8")


def linear_rows(n: int, n_values: int) -> tuple[Tensor, LowRankMultivariateNormal]:
    """(n, n_values) rows x = W z + noise with five latents, and p(x)."""
    weight = torch.randn(n_values, N_TRUE)
    law = LowRankMultivariateNormal(torch.zeros(n_values), weight, torch.full((n_values,), NOISE**2))
    return law.sample((n,)), law


def bayesian_pca(seed: int) -> list[float]:
    """One line of the first table; the expected precisions of the latents, smallest first."""
    torch.manual_seed(seed)
    x = linear_rows(600, 30)[0].double()
    model = BayesianPCA(N_GIVEN, x.shape[1]).double()
    model.start_at(x)
    ascent = CoordinateAscent(model).ascend(Batch(x, torch.arange(len(x)), len(x)))
    alpha, kept = model.alpha.mean, model.kept
    edges = f"{float(alpha[kept].max()):24.3g}{float(alpha[~kept].min()):26.3g}"
    print(f"{seed:4}{ascent.steps:8}{int(kept.sum()):6}{edges}{float(1 / model.tau.mean):16.3f}")
    return sorted(alpha.tolist())


def vae(n_latents: int, n_rows: int, epochs: int) -> list[float]:
    """One line of the second table; the KL of each latent, largest first."""
    torch.manual_seed(0)
    x, law = linear_rows(n_rows, 20)
    model = Decoded(StandardNormal(n_latents), mlp(n_latents, [64], x.shape[1:]), Normal("learned"))
    posterior = Amortized(mlp(x.shape[1:], [64], n_latents, per_value=2), DiagonalNormal())
    data = from_arrays(x)
    run = fit(model, posterior, data, epochs=epochs, batch_size=200, lr=0.005, lr_decay="cosine", progress=False)
    seen: Evaluation = run.evaluate(draws=100)
    assert seen.kl_per_dimension is not None
    kl = sorted(seen.kl_per_dimension, reverse=True)
    truth = float(law.log_prob(data.test.values()).mean())
    shown = " ".join(f"{value:.3f}" for value in kl[: N_TRUE + 2])
    print(f"{n_latents:7}{seen.active_units:8}{seen.elbo!s:>18}{truth:16.3f}   {shown}{' ...' * (len(kl) > N_TRUE + 2)}")
    return kl


def figure(alphas: Sequence[float], kls: Sequence[float]) -> Markup:
    """Two panels of bars, one a latent."""
    powers = [math.log10(a) for a in alphas]
    top = math.ceil(max(powers))
    left = frame(WIDTH, HEIGHT, (0.0, len(alphas) + 1.0), (math.floor(min(powers)) - 0.2, top), (40.0, 16.0, 48.0, 64.0))
    right = frame(WIDTH, HEIGHT, (0.0, len(kls) + 1.0), (0.0, max(kls) * 1.1), (40.0, 16.0, 48.0, 64.0))
    panels = [
        panel(left, powers, "Bayesian PCA: log10 of each latent's precision"),
        panel(right, kls, "VAE: KL of each latent, nats a row"),
    ]
    drawn = [tag("g", {"transform": f"translate({i * WIDTH} 0)"}, each) for i, each in enumerate(panels)]
    whole = frame(WIDTH * 2, HEIGHT, (0.0, 1.0), (0.0, 1.0), margins=(0.0, 0.0, 0.0, 0.0))
    return standalone(svg(whole, f"{N_GIVEN} latents for {N_TRUE} dimensions", *drawn), STYLE + BARS)


def panel(f: Frame, values: Sequence[float], title: str) -> Markup:
    """Bars from the foot of the picture, the first five in another colour: the dimensions that there are."""
    bars = []
    for i, value in enumerate(values):
        (x, y), css = f.at(i + 1, value), "kept" if i < N_TRUE else "off"
        bars.append(rect(x - 6, y, 12, f.y.start - y, css, title=f"latent {i + 1}: {value:.3g}"))
    zero = [segment((f.x.start, f.y(0.0)), (f.x.end, f.y(0.0)), "rule")] if f.y.low < 0 else []
    places = x_axis(f, ticks=[1, *range(5, len(values) + 1, 5)])
    foot = text((f.x.start + f.x.end) / 2, f.y.start + 38, "latent, sorted", anchor="middle")
    return join(text(f.x.start, 18, title, css="title"), y_axis(f), *zero, *bars, places, foot)


if __name__ == "__main__":
    main()
