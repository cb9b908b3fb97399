"""Topics of newsgroup postings: latent Dirichlet allocation here and in scikit-learn, batch and stochastic, then ProdLDA.

    LATENTIA_DATA=... python benchmarks/topics.py                    # 10 topics, 20 passes, 3 seeds; about three minutes
    LATENTIA_DATA=... python benchmarks/topics.py --passes 5 --seeds 1 --epochs 5

Fits take turns in one run, with the same rows, number of topics, priors, passes, batch sizes and schedule of steps, each on
one thread. Every fit is judged by the same code on the same held-out documents: perplexity in scikit-learn's definition (its
own figure stands beside it where it made the topics), and with topics at their means. Seconds are processor seconds, so that
a busy machine says about what a quiet one says. Ours include a look at validation rows after each pass, scikit-learn's the
perplexity of training rows at the end. "noise" begins at random topics, as scikit-learn does; the others of ours at clusters
of documents.
"""

import argparse
import math
import time
from collections.abc import Callable
from typing import NamedTuple

import scipy.sparse
import torch
from rich.console import Console
from sklearn.decomposition import LatentDirichletAllocation
from torch import Tensor

from latentia.data import Dataset, load_data
from latentia.evaluation import coherence, diversity, perplexity, perplexity_at_means, quiet, top_words, topics_of
from latentia.learners import CoordinateAscent, NaturalGradient
from latentia.models import LatentDirichlet
from latentia.posteriors import VariationalFactor
from latentia.runs import fit_recipe
from latentia.training import train

DELAY, FORGETTING, WORDS = 10.0, 0.7, 10


class Fit(NamedTuple):
    """Topics, what they took, and the perplexity that their maker states."""

    model: LatentDirichlet
    seconds: float
    own: float


class Setting(NamedTuple):
    data: Dataset
    topics: int
    passes: int
    batch: int

    def fresh(self) -> LatentDirichlet:
        return LatentDirichlet(self.topics, self.data.x_shape.numel(), 1 / self.topics, 1 / self.topics)


def ours(setting: Setting, seed: int, stochastic: bool, noise: bool = False) -> Fit:
    torch.manual_seed(seed)
    model = setting.fresh()
    model.fresh = not noise
    # scikit-learn counts steps from 1.
    learner = NaturalGradient(model, delay=DELAY + 1, forgetting=FORGETTING) if stochastic else CoordinateAscent(model)
    start = time.process_time()
    train(learner, setting.data, epochs=setting.passes, batch_size=setting.batch, seed=seed, device="cpu")
    return Fit(model, time.process_time() - start, math.nan)


def theirs(setting: Setting, seed: int, stochastic: bool) -> Fit:
    rows = scipy.sparse.csr_matrix(setting.data.split("train").values().double().numpy())
    made = LatentDirichletAllocation(
        setting.topics,
        learning_method="online" if stochastic else "batch",
        learning_offset=DELAY,
        learning_decay=FORGETTING,
        max_iter=setting.passes,
        batch_size=setting.batch,
        random_state=seed,
    )
    start = time.process_time()
    made.fit(rows)
    seconds = time.process_time() - start
    model = setting.fresh()
    model.concentrations.copy_(torch.from_numpy(made.components_))
    return Fit(model, seconds, float(made.perplexity(setting.data.test.values().double().numpy())))


METHODS: dict[str, Callable[[Setting, int], Fit]] = {
    "batch, latentia": lambda setting, seed: ours(setting, seed, stochastic=False),
    "batch, latentia, noise": lambda setting, seed: ours(setting, seed, stochastic=False, noise=True),
    "batch, scikit-learn": lambda setting, seed: theirs(setting, seed, stochastic=False),
    "stochastic, latentia": lambda setting, seed: ours(setting, seed, stochastic=True),
    "stochastic, latentia, noise": lambda setting, seed: ours(setting, seed, stochastic=True, noise=True),
    "stochastic, scikit-learn": lambda setting, seed: theirs(setting, seed, stochastic=True),
}


def judged(fit: Fit, data: Dataset) -> list[float]:
    """Seconds; perplexity, its maker's, at the means; NPMI of the topics' words in training rows; diversity."""
    posterior = VariationalFactor()
    with quiet(fit.model, posterior, 0):
        at_means = perplexity_at_means(fit.model, posterior, data.test, draws=50)
    words: Tensor = top_words(fit.model.topics, WORDS)
    npmi = float(coherence(words, data.split("train").values()).npmi.mean())
    return [fit.seconds, perplexity(fit.model, posterior, data.test), fit.own, at_means, npmi, diversity(words)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--topics", type=int, default=10)
    parser.add_argument("--passes", type=int, default=20)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=40, help="of ProdLDA; 0 leaves it out")
    options = parser.parse_args()

    torch.set_num_threads(1)
    data = load_data("newsgroups_w100")
    setting = Setting(data, options.topics, options.passes, options.batch)
    # The first training imports what picks the device, and warms up what torch holds back until it is used.
    ours(setting._replace(passes=1), 0, stochastic=False)
    print(f"{len(data.train)} documents, {options.topics} topics, {options.passes} passes, batches of {options.batch}")
    print(f"{'':30}seed  seconds  perplexity    own  at means   NPMI  diversity")
    found: dict[str, list[list[float]]] = {name: [] for name in METHODS}
    for seed in range(options.seeds):
        for name, method in METHODS.items():
            figures = judged(method(setting, seed), data)
            found[name].append(figures)
            print_row(name, str(seed), figures)
    print()
    for name, rows in found.items():
        print_row(name, "mean", torch.tensor(rows).mean(0).tolist())
    if not options.epochs:
        return
    console = Console(width=125)
    chosen = ["fit.device=cpu", f"latents={options.topics}"]
    for recipe, more in (("newsgroups-lda", options.passes), ("newsgroups-prodlda", options.epochs)):
        start = time.process_time()
        run = fit_recipe(recipe, [*chosen, f"epochs={more}"], progress=False)
        seconds = time.process_time() - start
        told = topics_of(run.model, run.posterior, data.split("train"), data.test, data.value_names, WORDS)
        print(f"\n{recipe}, {more} epochs, epoch {run.history.best_epoch} kept, {seconds:.1f} s")
        console.print(told.table())


def print_row(name: str, seed: str, figures: list[float]) -> None:
    seconds, own_code, own, at_means, npmi, different = figures
    stated = "" if math.isnan(own) else f"{own:.2f}"
    numbers = f"{seconds:9.2f}{own_code:12.2f}{stated:>7}{at_means:10.2f}{npmi:7.3f}{different:11.2f}"
    print(f"{name:30}{seed:>4}{numbers}", flush=True)


if __name__ == "__main__":
    main()
