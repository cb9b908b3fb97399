"""Counts of genes: which likelihood says most of held-out cells, and whether encodings find the cell types again.

    LATENTIA_DATA=... python benchmarks/counts.py                        # STARmap, 3,704 cells, 158 genes; 3 seeds
    LATENTIA_DATA=... python benchmarks/counts.py --epochs 2 --seeds 1   # to see that it runs

One architecture under several likelihoods, which differ in p(x | z) alone. Poisson, negative binomial and its zero-inflated
form are masses of the counts. A normal density is none: counts are given uniform noise, x + u with u in [0, 1), whose
expected log density is at most the log mass that the density puts on [x, x + 1) (Theis, van den Oord & Bethge 2016, A note
on the evaluation of generative models), so that its figure is a bound from below. Beside it stands that mass itself by the
midpoint, log density at x + 1/2. Figures are importance-weighted log p(x) of test cells, nats a cell.

Encodings are clustered by k-means with as many clusters as there are cell types, cells without one left out, and compared
with the types by the adjusted Rand index and normalized mutual information; beside them principal components of log counts,
with and without each cell scaled to one total. Depth, the total of a cell, is left in: what z says of it is z's.
"""

import argparse
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score
from torch import Tensor

from latentia.data import Dataset, from_splits
from latentia.data.cut import cut
from latentia.data.split import Split
from latentia.runs import Run, fit_recipe

UNKNOWN = "NA"
LIKELIHOODS: dict[str, dict[str, Any]] = {
    "poisson": {"name": "poisson"},
    "negative-binomial": {"name": "negative-binomial"},
    "negative-binomial, by network": {"name": "negative-binomial", "dispersion": "network"},
    "zero-inflated": {"name": "zero-inflated-negative-binomial"},
    "normal, with noise": {"name": "normal", "scale": "per-value"},
}
console = Console()


def starmap(folder: Path) -> tuple[Tensor, np.ndarray]:
    """Counts (3,704, 158) and the type of each cell."""
    found = np.load(folder / "singlecell" / "starmap_mpfc.npz", allow_pickle=False)
    return torch.from_numpy(found["counts"].astype(np.float32)), found["cluster"]


def dataset(counts: Tensor, noise: bool) -> Dataset:
    """Cut 80/10/10 by a fixed seed; with uniform noise for a density."""
    generator = torch.Generator().manual_seed(0)
    x = counts + torch.rand(counts.shape, generator=generator) if noise else counts
    return from_splits("starmap", *cut(Split(x)))


def fitted(name: str, data: Dataset, options: argparse.Namespace, seed: int) -> Run:
    """One network on either side, counts entering as logarithms."""
    network = {"name": "mlp", "hidden": [options.width] * options.layers}
    recipe = {
        "name": "counts",
        "latents": options.latents,
        "model": {"name": "decoded", "family": LIKELIHOODS[name], "network": network},
        "posterior": {"name": "amortized", "network": network, "scale_each": True, "log_values": "all"},
        "fit": {
            "epochs": options.epochs,
            "batch_size": options.batch,
            "lr": options.lr,
            "lr_decay": "cosine",
            "seed": seed,
            "clip": 100.0,
            "kl_warm_up": min(options.warm_up, options.epochs * len(data.train) // options.batch // 4),
            "device": options.device,
        },
    }
    return fit_recipe(recipe, data=data, progress=False)


def log_px(run: Run, counts: Tensor, noise: bool, draws: int) -> list[float]:
    """Mean log p(x) of the test cells: with noise, and at the middle of each count's interval."""
    split = run.dataset().test
    first = float(run.score(split, draws=draws).log_px.mean())
    if not noise:
        return [first]
    middle = Split(dataset(counts, False).test.values() + 0.5)
    return [first, float(run.score(middle, draws=draws).log_px.mean())]


def agreement(z: np.ndarray, types: np.ndarray, seed: int) -> tuple[float, float]:
    """ARI and NMI of k-means clusters with the types."""
    known = types != UNKNOWN
    k = len(np.unique(types[known]))
    found = KMeans(k, init="k-means++", n_init="auto", random_state=seed).fit_predict(z[known])
    return float(adjusted_rand_score(types[known], found)), float(normalized_mutual_info_score(types[known], found))


def components(counts: Tensor, latents: int, scaled: bool) -> np.ndarray:
    """Principal components of log(1 + x), each cell at the median total where ``scaled``."""
    x = counts.numpy()
    if scaled:
        total = x.sum(1, keepdims=True)
        x = x / np.maximum(total, 1) * np.median(total)
    return PCA(latents, random_state=0).fit_transform(np.log1p(x))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "--data", type=Path, default=None, help="the folder that holds singlecell/; LATENTIA_DATA by default"
    )
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", nargs="+", default=list(LIKELIHOODS), choices=list(LIKELIHOODS))
    for name, kind, default in (
        *(("latents", int, 10), ("width", int, 128), ("layers", int, 1), ("epochs", int, 100), ("batch", int, 128)),
        *(("lr", float, 1e-3), ("warm_up", int, 500), ("weighted", int, 500)),
    ):
        parser.add_argument(f"--{name.replace('_', '-')}", type=kind, default=default)
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    torch.set_num_threads(1)
    counts, types = starmap(options.data or Path(os.environ["LATENTIA_DATA"]))
    table = Table("likelihood", "log p(x), nats a cell", "at the middles", "ARI", "NMI", "seconds")
    for name in options.only:
        noise, start = name.startswith("normal"), time.process_time()
        data, figures, found = dataset(counts, noise), [], []
        for seed in range(options.seeds):
            run = fitted(name, data, options, seed)
            figures.append(log_px(run, counts, noise, options.weighted))
            z = run.encode(counts + 0.5 if noise else counts).numpy()
            found.append(agreement(z, types, seed))
            console.print(f"{name} seed {seed}: {figures[-1]} {found[-1]}", highlight=False)
        seconds = (time.process_time() - start) / options.seeds
        means, spread = np.mean(figures, 0), np.std(figures, 0)
        told = [f"{m:.2f} ± {s:.2f}" for m, s in zip(means, spread, strict=True)] + [""] * (2 - len(means))
        table.add_row(name, *told, *_both(found), f"{seconds:.0f}")
    for scaled in (False, True):
        z = components(counts, options.latents, scaled)
        found = [agreement(z, types, seed) for seed in range(options.seeds)]
        table.add_row(f"PCA of log counts{', scaled' if scaled else ''}", "", "", *_both(found), "")
    console.print(table)


def _both(found: list[tuple[float, float]]) -> list[str]:
    return [f"{m:.3f} ± {s:.3f}" for m, s in zip(np.mean(found, 0), np.std(found, 0), strict=True)]


if __name__ == "__main__":
    main()
