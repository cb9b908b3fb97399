"""How long a draw takes beside its nearest relative in torch: ratios of medians, taken in turns in one run.

    python benchmarks/sampling_speed.py            # every pair
    python benchmarks/sampling_speed.py logistic   # one

Ends with status 1 if any pair takes more than three times as long as its relative.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable

import torch
from torch import Tensor
from torch import distributions as td
from torch.distributions.relaxed_bernoulli import LogitRelaxedBernoulli

from latentia import distributions as ld

Sampler = Callable[[], Tensor]
ROWS, N, D, T, SHORT = 1000, 1000, 5, 20, 10
LIMIT = 3.0


def rows(low: float, high: float) -> Tensor:
    """Parameters of 1,000 rows, evenly from low to high."""
    return torch.linspace(low, high, ROWS)


def drawn(d: td.Distribution, n: int = N) -> Sampler:
    return lambda: d.rsample((n,)) if d.has_rsample else d.sample((n,))


def trunc_normal() -> Tensor:
    """torch's own truncated normal: one location, scale and interval for the whole tensor."""
    return torch.nn.init.trunc_normal_(torch.empty(N, ROWS), 0.3, 1.0, -1.0, 2.0)


def walk(n: int, length: int = T) -> Sampler:
    """Normals, each around the one before: what a person would write by hand."""

    def sample() -> Tensor:
        z = [td.Normal(torch.zeros(ROWS), 1.0).rsample((n,))]
        for _ in range(length - 1):
            z.append(td.Normal(0.9 * z[-1], 0.5).rsample())
        return torch.stack(z, -1)

    return sample


def vectors() -> dict[str, tuple[str, Sampler, Sampler]]:
    torch.manual_seed(0)
    tril = torch.tril(torch.randn(D, D)) * 0.3 + torch.eye(D)
    loc = torch.zeros(ROWS, D)
    flat = td.MultivariateNormal(loc, scale_tril=tril)
    direction = torch.nn.functional.normalize(torch.randn(ROWS, D), dim=-1)
    mixture = (torch.zeros(ROWS, 4), torch.randn(ROWS, 4, D), torch.ones(ROWS, 4, D))
    n = N // D
    mixed = td.MixtureSameFamily(td.Categorical(logits=mixture[0]), td.Independent(td.Normal(*mixture[1:]), 1))
    chain = ld.LinearGaussianChain(torch.zeros(100, 2), torch.eye(2), 0.9 * torch.eye(2), 0.5 * torch.eye(2), length=T)
    seen = ld.LinearGaussianObservations(chain, ld.LinearEmission(torch.eye(2), 0.3 * torch.eye(2)))
    base = td.Independent(td.Normal(loc, 1.0), 1)
    return {
        "elliptical (normal)": (
            "MultivariateNormal",
            drawn(ld.Elliptical(loc, tril, ld.NormalRadius()), n),
            drawn(flat, n),
        ),
        "elliptical (student t)": (
            "StudentT",
            drawn(ld.Elliptical(loc, tril, ld.StudentTRadius(torch.full((ROWS,), 4.0))), n),
            drawn(td.StudentT(torch.full((ROWS, D), 4.0)), n),
        ),
        "elliptical (laplace)": (
            "MultivariateNormal",
            drawn(ld.Elliptical(loc, tril, ld.LaplaceRadius()), n),
            drawn(flat, n),
        ),
        "hyperspherical uniform": ("MultivariateNormal", drawn(ld.HypersphericalUniform(D, (ROWS,)), n), drawn(flat, n)),
        "von Mises-Fisher": (
            "VonMises (a number for each of ours)",
            drawn(ld.VonMisesFisher(direction, rows(1.0, 50.0)), n),
            drawn(td.VonMises(torch.zeros(ROWS, D), rows(1.0, 50.0).unsqueeze(-1)), n),
        ),
        "normal mixture": ("MixtureSameFamily", drawn(ld.NormalMixture(*mixture), n), lambda: mixed.sample((n,))),
        "chain": (
            "Normal, in a loop",
            drawn(ld.Chain(td.Normal(torch.zeros(ROWS), 1.0), lambda z, t: td.Normal(0.9 * z, 0.5), T), N // T),
            walk(N // T),
        ),
        "linear Gaussian chain": (
            "MultivariateNormal",
            drawn(chain, 100),
            drawn(chain.joint(), 100),
        ),
        # Every step draws its whole prefix anew, as a law cannot be cut: (1 + T) / 2 times the numbers of the loop.
        "autoregressive": (
            "Normal, in a loop",
            drawn(ld.Autoregressive(lambda x: td.Normal(0.9 * x, 0.5), SHORT, 0.0, (ROWS,)), N // SHORT),
            walk(N // SHORT, SHORT),
        ),
        "linear Gaussian observations": (
            "MultivariateNormal",
            drawn(seen, 100),
            drawn(td.MultivariateNormal(torch.zeros(100, 2 * T), scale_tril=chain.joint().scale_tril), 100),
        ),
        "masked": ("Independent (its base)", drawn(ld.Masked(base, torch.rand(ROWS, D) < 0.5), n), drawn(base, n)),
        "hierarchy": (
            "Normal",
            drawn(ld.Hierarchy(td.Independent(td.Normal(loc, 1.0), 1), lambda z: td.Independent(td.Normal(z, 0.5), 1)), n),
            drawn(td.Normal(torch.zeros(ROWS, 2 * D), 1.0), n),
        ),
    }


def numbers() -> dict[str, tuple[str, Sampler, Sampler]]:
    loc, scale = rows(-2.0, 2.0), rows(0.5, 2.0)
    normal, gumbel = td.Normal(loc, scale), td.Gumbel(loc, scale)
    counts = ld.NegativeBinomial(rows(0.5, 20.0), scale)
    torch_counts = td.NegativeBinomial(1 / scale, rows(0.1, 0.9))
    mixture = (torch.zeros(ROWS, 4), torch.rand(ROWS, 4), torch.full((ROWS, 4), 0.1))
    return {
        "logistic": ("Gumbel", drawn(ld.Logistic(loc, scale)), drawn(gumbel)),
        "logit relaxed bernoulli": (
            "LogitRelaxedBernoulli",
            drawn(ld.LogitRelaxedBernoulli(0.5, loc)),
            drawn(LogitRelaxedBernoulli(torch.tensor(0.5), logits=loc)),
        ),
        "delta": ("Uniform (a delta copies nothing)", drawn(ld.Delta(loc)), drawn(td.Uniform(loc, loc + 1))),
        "rayleigh": ("Weibull", drawn(ld.Rayleigh(scale)), drawn(td.Weibull(scale, torch.full((ROWS,), 2.0)))),
        "reciprocal": ("Pareto", drawn(ld.Reciprocal(scale, scale + 1)), drawn(td.Pareto(scale, scale + 1))),
        "gompertz": ("Gumbel", drawn(ld.Gompertz(scale, scale)), drawn(gumbel)),
        "erlang": ("Gamma", drawn(ld.Erlang(rows(1.0, 8.0).round(), scale)), drawn(td.Gamma(rows(1.0, 8.0), scale))),
        "triangular": ("Kumaraswamy", drawn(ld.Triangular(loc, loc + 1, loc + 2)), drawn(td.Kumaraswamy(scale, scale))),
        "truncated normal": ("Normal", drawn(ld.TruncatedNormal(loc, scale, loc - 1, loc + 2)), drawn(normal)),
        "truncated normal, one row": (
            "nn.init.trunc_normal_",
            drawn(ld.TruncatedNormal(torch.full((ROWS,), 0.3), 1.0, -1.0, 2.0)),
            trunc_normal,
        ),
        "continuous Bernoulli": (
            "ContinuousBernoulli",
            drawn(ld.ContinuousBernoulli(loc)),
            drawn(td.ContinuousBernoulli(logits=loc)),
        ),
        "negative binomial": ("NegativeBinomial", drawn(counts), drawn(torch_counts)),
        "zero-inflated": ("NegativeBinomial", drawn(ld.ZeroInflated(counts, loc)), drawn(torch_counts)),
        "beta-binomial": ("Binomial", drawn(ld.BetaBinomial(20, scale, scale)), drawn(td.Binomial(20, logits=loc))),
        "discretized logistic": ("Gumbel", drawn(ld.DiscretizedLogistic(rows(0.1, 0.9), 0.1)), drawn(gumbel)),
        "discretized logistic mixture": (
            "MixtureSameFamily",
            drawn(ld.DiscretizedLogisticMixture(*mixture)),
            lambda: td.MixtureSameFamily(td.Categorical(logits=mixture[0]), td.Normal(*mixture[1:])).sample((N,)),
        ),
    }


def ratio(ours: Sampler, theirs: Sampler, turns: int) -> tuple[float, float, float]:
    """Median seconds of each, taken in turns, and the median of the ratios."""
    pairs = []
    for i in range(turns + 1):
        pair = []
        for sampler in (ours, theirs):
            start = time.perf_counter()
            sampler()
            pair.append(time.perf_counter() - start)
        if i:  # the first warms both up
            pairs.append(pair)
    mine, other = (statistics.median(column) for column in zip(*pairs, strict=True))
    return mine, other, statistics.median(a / b for a, b in pairs)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="pairs to time; all if none is named")
    parser.add_argument("--turns", type=int, default=9)
    options = parser.parse_args()
    slow = []
    print(f"{'a million numbers':30}{'beside torch':38}{'ms':>8}{'torch ms':>10}{'ratio':>7}")
    for name, (relative, ours, theirs) in (numbers() | vectors()).items():
        if options.names and name not in options.names:
            continue
        with torch.no_grad():
            mine, other, times = ratio(ours, theirs, options.turns)
        print(f"{name:30}{relative:38}{mine * 1e3:8.1f}{other * 1e3:10.1f}{times:7.2f}", flush=True)
        if times > LIMIT:
            slow.append(name)
    if slow:
        print(f"more than {LIMIT:g} times as slow: {', '.join(slow)}", file=sys.stderr)
    return bool(slow)


if __name__ == "__main__":
    sys.exit(main())
