"""Five posteriors whose long-run draws are known, and what each family makes of them: one Markdown table.

    LATENTIA_DATA=... python examples/reference_posteriors.py
    LATENTIA_DATA=... python examples/reference_posteriors.py --posteriors arK --families full-rank-normal

Data and reference draws are those of Magnusson et al. (2024), posteriordb: Testing, Benchmarking and Developing Bayesian
Inference Algorithms, as <name>.data.json and <name>.draws.npz in $LATENTIA_DATA/posteriordb.
"""

import argparse
import json
import re
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.distributions import Beta, HalfCauchy, HalfNormal, Normal
from torch.distributions.constraints import positive, real, unit_interval

from latentia.data.sources import File, locate
from latentia.families import FAMILIES
from latentia.models import LogJoint, ordered
from latentia.training import SharedFit, advi

Data = dict[str, Tensor]
Draws = dict[str, Tensor]
FOLDER = "posteriordb"
CHOSEN = ("diagonal-normal", "low-rank-normal", "full-rank-normal", "normal-mixture", "flow")


def ark(data: Data) -> LogJoint:
    y, order = data["y"], int(data["K"])
    lags = y.unfold(0, order, 1)[:-1].flip(-1)  # row t holds y_t-1, ..., y_t-K

    def log_density(alpha: Tensor, beta: Tensor, sigma: Tensor) -> Tensor:
        prior = Normal(0.0, 10.0).log_prob(alpha) + Normal(0.0, 10.0).log_prob(beta).sum() + HalfCauchy(2.5).log_prob(sigma)
        return prior + Normal(alpha + (lags * beta).sum(-1), sigma).log_prob(y[order:]).sum()

    return LogJoint(log_density, alpha=real, beta=(real, order), sigma=positive)


def eight_schools_noncentered(data: Data) -> LogJoint:
    def log_density(mu: Tensor, tau: Tensor, theta_trans: Tensor) -> Tensor:
        prior = Normal(0.0, 5.0).log_prob(mu) + HalfCauchy(5.0).log_prob(tau) + Normal(0.0, 1.0).log_prob(theta_trans).sum()
        return prior + Normal(mu + tau * theta_trans, data["sigma"]).log_prob(data["y"]).sum()

    return LogJoint(log_density, mu=real, tau=positive, theta_trans=(real, len(data["y"])))


def kidscore_momhsiq(data: Data) -> LogJoint:
    x = torch.stack([torch.ones_like(data["mom_iq"]), data["mom_hs"], data["mom_iq"]], -1)

    def log_density(beta: Tensor, sigma: Tensor) -> Tensor:
        return HalfCauchy(2.5).log_prob(sigma) + Normal(x @ beta, sigma).log_prob(data["kid_score"]).sum()

    return LogJoint(log_density, beta=(real, 3), sigma=positive)


def logearn_height(data: Data) -> LogJoint:
    def log_density(beta: Tensor, sigma: Tensor) -> Tensor:
        return Normal(beta[0] + beta[1] * data["height"], sigma).log_prob(data["earn"].log()).sum()

    return LogJoint(log_density, beta=(real, 2), sigma=positive)


def low_dim_gauss_mix(data: Data) -> LogJoint:
    y = data["y"].unsqueeze(-1)

    def log_density(mu: Tensor, sigma: Tensor, theta: Tensor) -> Tensor:
        prior = Normal(0.0, 2.0).log_prob(mu).sum() + HalfNormal(2.0).log_prob(sigma).sum() + Beta(5.0, 5.0).log_prob(theta)
        shares = torch.stack([theta, 1 - theta]).log()
        return prior + torch.logsumexp(shares + Normal(mu, sigma).log_prob(y), -1).sum()

    return LogJoint(log_density, mu=(ordered, 2), sigma=(positive, 2), theta=unit_interval)


def schools(draws: Draws) -> Draws:
    """The reference speaks of theta = mu + tau theta_trans."""
    theta = draws["mu"].unsqueeze(-1) + draws["tau"].unsqueeze(-1) * draws["theta_trans"]
    return {"theta": theta, "mu": draws["mu"], "tau": draws["tau"]}


class Reference(NamedTuple):
    model: Callable[[Data], LogJoint]
    seen: Callable[[Draws], Draws] = lambda draws: draws


REFERENCES = {
    "arK": Reference(ark),
    "kidscore_momhsiq": Reference(kidscore_momhsiq),
    "logearn_height": Reference(logearn_height),
    "low_dim_gauss_mix": Reference(low_dim_gauss_mix),
    "eight_schools_noncentered": Reference(eight_schools_noncentered, schools),
}


def load(name: str) -> tuple[LogJoint, Draws]:
    """The model with its data, and the reference draws by name, each (n, *shape); float64."""
    files = locate(FOLDER, [(File(f"{name}.data.json"), File(f"{name}.draws.npz"))])
    raw = json.loads(files[f"{name}.data.json"].read_text(encoding="utf-8"))
    model = REFERENCES[name].model({key: torch.as_tensor(value, dtype=torch.float64) for key, value in raw.items()})
    stacked: dict[str, list[np.ndarray]] = {}
    scalars: dict[str, np.ndarray] = {}
    with np.load(files[f"{name}.draws.npz"]) as archive:
        for key in archive.files:  # beta[1], beta[2], ... in their order
            if indexed := re.fullmatch(r"(\w+)\[\d+\]", key):
                stacked.setdefault(indexed[1], []).append(archive[key])
            else:
                scalars[key] = archive[key]
    whole = scalars | {key: np.stack(columns, -1) for key, columns in stacked.items()}
    return model, {key: torch.from_numpy(value).double() for key, value in whole.items()}


def compare(draws: Draws, reference: Draws) -> tuple[float, float, float]:
    """Largest |difference of means| / reference sd, and the smallest and largest ratio of sds, over all numbers."""
    errors, ratios = [], []
    for name, truth in reference.items():
        sd = truth.std(0)
        errors.append(((draws[name].mean(0) - truth.mean(0)).abs() / sd).reshape(-1))
        ratios.append((draws[name].std(0) / sd).reshape(-1))
    ratio = torch.cat(ratios)
    return float(torch.cat(errors).max()), float(ratio.min()), float(ratio.max())


def fit(name: str, family: str, **options: Any) -> tuple[SharedFit, dict[bool, tuple[float, float, float]]]:
    """The fit by ``advi`` with these options; how its draws compare with the reference as they are (False) and resampled."""
    model, reference = load(name)
    found = advi(model, FAMILIES[family], dtype=torch.float64, **options)
    seen = REFERENCES[name].seen
    return found, {way: compare(seen(found.draws(10_000, resampled=way)), reference) for way in (False, True)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--posteriors", nargs="+", choices=list(REFERENCES), default=list(REFERENCES))
    parser.add_argument("--families", nargs="+", choices=CHOSEN, default=list(CHOSEN))
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()

    print("| posterior | family | worst &#124;Δmean&#124;/sd | sd ratios | resampled | ELBO | k̂ | seconds | verdict |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    for name in options.posteriors:
        for family in options.families:
            started = time.perf_counter()
            found, ways = fit(name, family, seed=options.seed)
            seconds = time.perf_counter() - started
            (error, low, high), (error_2, low_2, high_2) = ways[False], ways[True]
            print(
                f"| {name} | {family} | {error:.2f} | {low:.2f} to {high:.2f} | {error_2:.2f}, {low_2:.2f} to {high_2:.2f}",
                f"| {found.elbo.value:.2f} | {found.k_hat:.2f} | {seconds:.0f} | {found.verdict} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
