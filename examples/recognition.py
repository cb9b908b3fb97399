"""Networks that have learned to answer what a known model implies, beside the exact answers.

    python examples/recognition.py asia child alarm
    python examples/recognition.py health_knowledge_graph

A recognition network is trained on what the model draws (Hinton et al. 1995, The wake-sleep algorithm, its sleep phase
alone): complete cases, of which a random share of the variables is shown. Its answers are the marginals of all others at
once. For a Bayesian network they are compared with exact ones (Darwiche 2003) on 1,000 new evidence sets; for the noisy-or
network of diseases and symptoms with exact ones where few findings are positive (Heckerman 1989), and with long Gibbs chains
where many are. Seconds are those of one core, as the process used them.
"""

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from latentia import Amortized, Batch, BayesNet, Bernoulli, Clamped, NoisyOr, OneHotBlocks, Sleep, known_model, mlp
from latentia.core.random import seeded
from latentia.data import KNOWN_MODELS
from latentia.evaluation import gibbs
from latentia.learners import LearningRate
from latentia.models import MODELS, GenerativeModel
from latentia.posteriors import Posterior

FEW = 10  # positive findings up to which exact answers are asked for


@dataclass(frozen=True)
class Settings:
    """Of a training: widths of the hidden layers, steps, dreams a step, highest learning rate."""

    hidden: tuple[int, ...]
    steps: int
    rows: int = 512
    lr: float = 1e-2


SETTINGS = {
    "asia": Settings((128, 128), 2000),
    "child": Settings((256, 256, 256), 4000),
    "alarm": Settings((256, 256, 256), 5000),
    "hepar2": Settings((256, 256, 256), 5000),
    "health_knowledge_graph": Settings((512, 512), 4000, lr=3e-3),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", choices=list(KNOWN_MODELS))
    parser.add_argument("--steps", type=int, help="training steps, in place of the model's own number")
    parser.add_argument("--cases", type=int, default=1000, help="evidence sets to compare on")
    parser.add_argument("--hard", type=int, default=20, help="cases with many positive findings, answered by Gibbs sampling")
    parser.add_argument("--sweeps", type=int, default=2000, help="sweeps of each of 32 Gibbs chains")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    torch.set_num_threads(1)
    for name in options.models:
        kind, arguments = known_model(name)
        model = MODELS[kind](**arguments)
        settings = SETTINGS[name] if options.steps is None else replace(SETTINGS[name], steps=options.steps)
        with seeded(options.seed):
            posterior = recognition_network(model, settings)
            seconds = train(model, posterior, settings)
            print(f"{name}: {KNOWN_MODELS[name].about}")
            print(f"  trained on {settings.steps * settings.rows:,} dreams, {settings.steps:,} steps, in {seconds:.0f} s")
            if isinstance(model, NoisyOr):
                diagnoses(model, posterior, options.cases, options.hard, options.sweeps)
            else:
                assert isinstance(model, BayesNet)
                network(model, posterior, options.cases)


def recognition_network(model: GenerativeModel, settings: Settings) -> Posterior:
    """x and what of it was seen -> the marginals of all latents."""
    (n_in,), (n_out,) = model.x_shape, model.z_shape
    if isinstance(model, BayesNet):
        encoder = mlp(n_in, settings.hidden, n_out, activation="silu", norm="layer", residual=True)
        return Clamped(encoder, OneHotBlocks(model.sizes))
    # A finding that is absent and one that was not looked for are not the same news.
    encoder = mlp(2 * n_in, settings.hidden, n_out, activation="silu", norm="layer", residual=True)
    return Amortized(encoder, Bernoulli(), see_mask=True)


def train(model: GenerativeModel, posterior: Posterior, settings: Settings) -> float:
    """Seconds. The batch says how many dreams a step takes; what stands in it is not looked at."""
    start = time.process_time()
    learner = Sleep(model, posterior, observed=(0.0, 1.0), lr=LearningRate(settings.lr, 100, settings.steps))
    batch = Batch(torch.zeros(settings.rows, *model.x_shape), torch.arange(settings.rows), settings.rows)
    for _ in range(settings.steps):
        learner.step(batch)
    posterior.eval()
    return time.process_time() - start


def evidence_sets(model: GenerativeModel, n: int, least: float = 0.0) -> Batch:
    """n cases of which each variable is seen with a chance that is drawn for the case, from ``least`` to 1."""
    x = model.sample(n)
    mask = model.draw_mask(least + (1 - least) * torch.rand(n))
    return Batch(torch.where(mask, x, 0.0), torch.arange(n), n, mask=mask)


def seen(batch: Batch) -> Tensor:
    assert batch.mask is not None
    return batch.mask


def part(batch: Batch, rows: Tensor | slice) -> Batch:
    return Batch(batch.x[rows], batch.row[rows], batch.n_rows, mask=seen(batch)[rows])


@torch.no_grad()
def answers(model: GenerativeModel, posterior: Posterior, batch: Batch) -> Tensor:
    return posterior.infer(model, batch).mean


def network(model: BayesNet, posterior: Posterior, cases: int) -> None:
    batch = evidence_sets(model, cases)
    exact, hidden = model.exact_marginals(batch), ~seen(batch)
    nothing = batch._replace(x=torch.zeros_like(batch.x), mask=torch.zeros_like(hidden))
    print(f"  {cases:,} evidence sets, {int(hidden.sum()):,} marginals of states that were not seen")
    compare("network", (answers(model, posterior, batch) - exact)[hidden])
    compare("without evidence", (model.exact_marginals(part(nothing, slice(1))) - exact)[hidden])
    speed(batch, lambda b: answers(model, posterior, b), model.exact_marginals)


def diagnoses(model: NoisyOr, posterior: Posterior, cases: int, hard: int, sweeps: int) -> None:
    drawn = evidence_sets(model, 2 * cases)
    few = part(drawn, (drawn.x.sum(1) <= FEW).nonzero()[:cases, 0])
    exact, learned = model.exact_marginals(few), answers(model, posterior, few)
    rates = torch.sigmoid(model.exact.base_logit).expand_as(exact)
    print(f"  {len(few.x):,} cases of at most {FEW} positive findings, {float(few.x.sum(1).mean()):.1f} in the mean")
    likely = (exact > 0.1) | (learned > 0.1)
    for what, which in (("all", torch.ones_like(likely)), ("those above 0.1, truly or in the answer", likely)):
        print(f"  {int(which.sum()):,} marginals: {what}")
        compare("network", (learned - exact)[which])
        compare("without evidence", (rates - exact)[which])
    speed(few, lambda b: answers(model, posterior, b), model.exact_marginals)
    if hard:
        beyond(model, posterior, hard, sweeps)


def beyond(model: NoisyOr, posterior: Posterior, cases: int, sweeps: int) -> None:
    """Cases of more positive findings than exact answers are asked for."""
    drawn = evidence_sets(model, 1000, least=0.5)
    while (drawn.x.sum(1) > FEW).sum() < cases:
        more = evidence_sets(model, 1000, least=0.5)
        both = [torch.cat(pair) for pair in ((drawn.x, more.x), (seen(drawn), seen(more)))]
        drawn = Batch(both[0], torch.arange(len(both[0])), len(both[0]), mask=both[1])
    many = part(drawn, (drawn.x.sum(1) > FEW).nonzero()[:cases, 0])
    start = time.process_time()
    long = gibbs(model, many, chains=32, sweeps=sweeps, burn_in=sweeps // 5)
    seconds = (time.process_time() - start) / cases
    low, high = (int(n) for n in many.x.sum(1).aminmax())
    print(f"  {cases} cases of {low} to {high} positive findings beside Gibbs sampling, {seconds:.2f} s a case:")
    print(f"  its standard error at worst {float(long.error.max()):.4f}, its R-hat {float(long.r_hat.max()):.3f}")
    compare("network", answers(model, posterior, many) - long.marginals)


def compare(what: str, error: Tensor) -> None:
    size = error.abs().flatten().double()
    mean, high, worst = (f"{float(each):.4f}" for each in (size.mean(), size.quantile(0.99), size.max()))
    print(f"  {what:<18}absolute error: mean {mean}, 99th of 100 {high}, worst {worst}")


def speed(batch: Batch, learned: Callable[[Batch], Tensor], exact: Callable[[Batch], Tensor]) -> None:
    one = [part(batch, slice(i, i + 1)) for i in range(min(50, len(batch.x)))]
    print(f"  {'seconds a case':<18}{'network':>12}{'exact':>12}{'ratio':>8}")
    for what, batches in (("alone", one), (f"among {len(batch.x):,}", [batch] * 5)):
        times = [median_seconds(answer, batches) / len(batches[0].x) for answer in (learned, exact)]
        print(f"  {what:<18}{times[0]:>12.2e}{times[1]:>12.2e}{times[1] / times[0]:>8.1f}")


def median_seconds(answer: Callable[[Batch], Tensor], batches: list[Batch]) -> float:
    answer(batches[0])
    found = []
    for batch in batches:
        start = time.process_time()
        answer(batch)
        found.append(time.process_time() - start)
    return float(torch.tensor(found).median())


if __name__ == "__main__":
    main()
