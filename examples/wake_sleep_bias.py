"""Where wake-sleep arrives, and where it cannot: Kullback-Leibler divergences from the true law, summed over every image.

    python examples/wake_sleep_bias.py

Images of 3 x 3 bits with horizontal and vertical bars. With one bar an image, a mixture and a linear encoder can be exact,
and wake-sleep needs nothing more. Bars that overlap explain each other away: their posterior is no product, the encoder is
one, and wake-sleep settles off the maximum of the likelihood, even when it is started there. Beside it stand reweighted
wake-sleep and the gradient of the exact log p(x), which is a sum over all states of z.

Hinton, Dayan, Frey & Neal (1995), The "Wake-Sleep" Algorithm for Unsupervised Neural Networks; Bornschein & Bengio (2015),
Reweighted Wake-Sleep.
"""

import argparse
import time
from collections.abc import Callable, Iterator
from statistics import median

import torch
from torch import Tensor
from torch.nn import functional as F

from latentia import Amortized, Bernoulli, Codes, Decoded, Layered, OneHot, SigmoidBeliefNetwork, mlp
from latentia.core import Batch
from latentia.data.bars import Bars, OneBar, OverlappingBars
from latentia.distributions import LayeredBits
from latentia.learners import LearningRate, ReweightedWakeSleep, Sleep, WakeSleep
from latentia.models import GenerativeModel
from latentia.posteriors import Posterior

BATCH, RATE, DRAWS = 100, 0.02, 10
Half = tuple[GenerativeModel, Posterior]
LEARNERS: dict[str, Callable[[GenerativeModel, Posterior, LearningRate], WakeSleep | ReweightedWakeSleep | Sleep]] = {
    "wake-sleep": lambda p, q, rate: WakeSleep(p, q, lr=rate),
    "reweighted": lambda p, q, rate: ReweightedWakeSleep(p, q, DRAWS, sleep_phi=False, lr=rate),
    "sleep": lambda p, q, rate: Sleep(p, q, lr=rate),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--side", type=int, default=3, help="pixels of a side; 4 takes a few times as long")
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    began = time.perf_counter()
    found: dict[str, list[float]] = {}
    for seed in range(options.seeds):
        for name, value in one_seed(options.side, options.steps, seed):
            found.setdefault(name, []).append(value)
    steps = f"{options.steps:,} steps of {BATCH} images, {3 * options.steps:,} where bars overlap"
    print(f"| {steps} | KL from the truth to the model, nats: median | each start |")
    print("| --- | --- | --- |")
    for name, values in found.items():
        print(f"| {name} | {median(values):.4f} | {' '.join(f'{value:.4f}' for value in values)} |")
    print(f"\n{time.perf_counter() - began:.0f} s")


def one_seed(side: int, steps: int, seed: int) -> Iterator[tuple[str, float]]:
    """Each way to learn and the divergence where it ends; ways that are compared start from the same weights."""
    law = OneBar(side)
    for how in ("wake-sleep", "exact gradient"):
        for start in (2 * seed, 2 * seed + 1):  # they are quick
            yield f"one bar: {how}", divergence(law, learned(law, mixture(side, start), how, steps, start)[0])
    law = OverlappingBars(side)
    for how in ("wake-sleep", "reweighted", "exact gradient"):
        parts = learned(law, belief_network(side, seed), how, 3 * steps, seed)
        yield f"overlapping: {how}", divergence(law, parts[0])
    # The exact gradient came last; an encoder for where it ended, so that steps from there are not spent on finding one.
    learned(law, parts, "sleep", steps // 2, seed)
    end = [{name: value.clone() for name, value in part.state_dict().items()} for part in parts]
    for how in ("wake-sleep", "reweighted"):
        for part, state in zip(parts, end, strict=True):
            part.load_state_dict(state)
        yield f"overlapping: exact gradient, then {how}", divergence(law, learned(law, parts, how, steps, seed + 100)[0])


def mixture(side: int, seed: int) -> Half:
    """As many parts as there are bars and as many again, so that none has to stand for two."""
    torch.manual_seed(seed)
    shape, code = (1, side, side), (1, 4 * side)
    return Decoded(Codes(*code), mlp(code, [], shape), Bernoulli()), Amortized(mlp(shape, [], code), OneHot())


def belief_network(side: int, seed: int) -> Half:
    """One layer, with a bit for each bar."""
    torch.manual_seed(seed)
    shape, layers = (1, side, side), [2 * side]
    return SigmoidBeliefNetwork(shape, layers), Layered(shape, layers)


def learned(law: Bars, parts: Half, how: str, steps: int, seed: int) -> Half:
    """The same parts after so many steps on images that are drawn anew each time; the rate falls to zero."""
    generator = torch.Generator().manual_seed(seed)
    torch.manual_seed(seed)
    for part in parts:
        if part.fresh:
            part.start_at(law.draw(1000, generator)[0])
            part.fresh = False
    rate = LearningRate(RATE, total=steps)
    step = exact_step(parts[0], rate) if how == "exact gradient" else LEARNERS[how](*parts, rate).step
    for x in law.draw(steps * BATCH, generator)[0].split(BATCH):
        step(Batch(x, torch.arange(BATCH), BATCH))
    return parts


def exact_step(model: GenerativeModel, rate: LearningRate) -> Callable[[Batch], None]:
    """Adam up the mean of log p(x), which is a sum over every z."""
    optimizer = torch.optim.Adam(model.parameters(), fused=True)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: rate.at(step) / 1e-3)

    def step(batch: Batch) -> None:
        optimizer.zero_grad()
        (-evidence(model, batch.x).mean()).backward()
        optimizer.step()
        schedule.step()

    return step


def evidence(model: GenerativeModel, x: Tensor) -> Tensor:
    """log p(x) by every state of z: x (N, *x_shape) -> (N,) nats."""
    prior = model.prior()
    z = torch.eye(model.z_shape[-1]).unsqueeze(1) if len(model.z_shape) > 1 else every_state(model.z_shape[0])
    # Bits: log p(x | z) is linear in x, so that one product serves all pairs.
    logits = model.likelihood(z.unsqueeze(1)).base_dist.logits.flatten(1)  # pyright: ignore[reportAttributeAccessIssue]
    return torch.logsumexp(x.flatten(1) @ logits.T + prior.log_prob(z) - F.softplus(logits).sum(1), 1)


def every_state(n: int) -> Tensor:
    return LayeredBits(torch.zeros(n)).enumerate_states()


@torch.no_grad()
def divergence(law: Bars, model: GenerativeModel) -> float:
    """KL(law || model), nats an image."""
    x = every_state(law.side**2)
    truth = law.log_prob(x)
    guess = torch.cat([evidence(model, part) for part in x.split(4096)]).double()
    return float(truth.exp() @ (truth - guess))


if __name__ == "__main__":
    main()
