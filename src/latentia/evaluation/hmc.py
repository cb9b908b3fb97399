"""Hamiltonian Monte Carlo along a path of densities, for many chains of many rows at once.

Neal (2011), MCMC using Hamiltonian dynamics.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor
from torch.distributions import Distribution

from latentia.core.checks import expand_mask
from latentia.core.errors import LatentiaError

TARGET_ACCEPTANCE = 0.65
# A trajectory of fixed length returns to where it began if that length is a period (Neal 2011, section 3.2).
JITTER = 0.2
STEEPNESS = 4.0
PILOT_CHAINS, PILOT_TEMPERATURES = 4, 100
FIRST_STEP, FIRST_MOVES = 0.5, 20
FIRST_GAIN, GAIN = 1.0, 0.5


class Place(NamedTuple):
    """Where K chains of B rows stand, with all that the next move from there needs to know.

    Attributes:
        z: (K, B, *z_shape).
        logs: (2, K, B) log-density of the path's start and of its end, nats.
        slopes: (2, K, B, *z_shape) their gradients.
    """

    z: Tensor
    logs: Tensor
    slopes: Tensor


class Path(NamedTuple):
    """Unnormalized densities start^(1 - beta) end^beta, from beta 0 to 1.

    Both ends are differentiated apart, so that a place serves every beta and a move costs a gradient a leapfrog step.

    Attributes:
        start: log_prob of z (K, B, *z_shape) is (K, B); normalized.
        end: z (K, B, *z_shape) -> (K, B), the log of a density that need not be normalized.
        from_start: ``end`` is what the start is multiplied with to be the end's density, as a likelihood a prior, so that
            the start is looked at once.
    """

    start: Distribution
    end: Callable[[Tensor], Tensor]
    from_start: bool = False

    def draw(self, chains: int, rows: int) -> Tensor:
        """(chains, rows, *z_shape) from the start."""
        return self.start.sample((chains,) if self.start.batch_shape else (chains, rows))

    def at(self, z: Tensor) -> Place:
        """Densities and gradients at z (K, B, *z_shape).

        Raises:
            LatentiaError: a density does not depend on z in a way that can be differentiated.
        """
        with torch.enable_grad():
            z = z.detach().requires_grad_()
            logs = {"start": self.start.log_prob(z), "end": self.end(z)}
            slopes = []
            for name, log in logs.items():
                slope = torch.autograd.grad(log.sum(), z, allow_unused=True)[0] if log.requires_grad else None
                if slope is None:
                    raise LatentiaError(
                        f"the log-density at the path's {name} carries no gradient to z, by which annealing moves; "
                        "use densities that torch can differentiate, or the importance-weighted estimate instead."
                    )
                slopes.append(slope)
        if self.from_start:
            logs["end"], slopes[1] = logs["start"] + logs["end"], slopes[0] + slopes[1]
        return Place(z.detach(), torch.stack([log.detach() for log in logs.values()]), torch.stack(slopes))


def sigmoid_schedule(temperatures: int) -> list[float]:
    """Inverse temperatures 0 = beta_0 < ... < beta_T = 1, dense at both ends (Wu et al. 2017, with steepness 4).

    >>> [round(beta, 3) for beta in sigmoid_schedule(4)]
    [0.0, 0.105, 0.5, 0.895, 1.0]

    Raises:
        LatentiaError: fewer than one temperature.
    """
    if temperatures < 1:
        raise LatentiaError(f"temperatures is {temperatures}, wanted at least 1; 1 is plain importance sampling.")
    # The sigmoid between -4 and 4, brought to 0 and 1, is a hyperbolic tangent.
    ends = math.tanh(STEEPNESS / 2)
    return [0.5 + 0.5 * math.tanh(STEEPNESS * (t / temperatures - 0.5)) / ends for t in range(temperatures + 1)]


def between(ends: Tensor, beta: float) -> Tensor:
    """(2, ...) -> (...): the geometric path's log-density, or its gradient, at beta."""
    return (1 - beta) * ends[0] + beta * ends[1]


def move(path: Path, place: Place, beta: float, step: Tensor, leapfrog: int) -> tuple[Place, Tensor]:
    """One transition that leaves the path's density at ``beta`` invariant, by ``leapfrog`` gradients.

    Args:
        path: the densities.
        place: where the chains stand.
        beta: between 0 and 1.
        step: (B,) step size of each row; every chain takes it times a random number between 0.8 and 1.2.
        leapfrog: steps of a trajectory.

    Returns:
        the new place, and the probability (K, B) with which each proposal was accepted.
    """
    one_row = expand_mask(step * (1 + JITTER * (2 * torch.rand_like(place.logs[0]) - 1)), place.z)
    first = torch.randn_like(place.z)
    momentum, there = first + one_row / 2 * between(place.slopes, beta), place
    for left in range(leapfrog, 0, -1):
        z = there.z + one_row * momentum
        # Densities may refuse what is not finite; such a chain stands still with infinite energy, and is rejected.
        finite = expand_mask(_a_row(torch.isfinite(z)).all(-1), z)
        momentum = torch.where(finite, momentum, math.inf)
        there = path.at(torch.where(finite, z, there.z))
        momentum = momentum + one_row * (1.0 if left > 1 else 0.5) * between(there.slopes, beta)
    kinetic = _a_row(first.square() - momentum.square()).sum(-1) / 2
    gain = between(there.logs, beta) - between(place.logs, beta) + kinetic
    chance = torch.nan_to_num(gain, nan=-math.inf).clamp_max(0).exp()
    taken = torch.rand_like(chance) < chance
    wide = expand_mask(taken, place.z)
    chosen = (torch.where(t, new, old) for t, new, old in zip((wide, taken, wide), there, place, strict=True))
    return Place(*chosen), chance


def tuned_steps(path: Path, rows: int, temperatures: int, leapfrog: int) -> Tensor:
    """Step sizes for acceptance 0.65 on a sigmoid schedule, from four chains a row whose only use this is.

    A step size that had looked at its own chain's past would no longer leave the density invariant, and so bias the weights;
    these are fixed before the chains that count are drawn. A hundred temperatures at most are looked at, and shared.

    Args:
        path: the densities.
        rows: B.
        temperatures: T, steps of the path.
        leapfrog: steps of a trajectory.

    Returns:
        (T - 1, B), one for each temperature between the ends and each row.
    """
    few = min(temperatures, PILOT_TEMPERATURES)
    place = path.at(path.draw(PILOT_CHAINS, rows))
    log_step = torch.full_like(place.logs[0, 0], math.log(FIRST_STEP))
    table = [log_step]
    for i, beta in enumerate(sigmoid_schedule(few)[1:-1]):
        # Far off at first, each move may change the step by half; later it follows the path.
        for gain in [FIRST_GAIN] * FIRST_MOVES + [GAIN] if i == 0 else [GAIN]:
            place, chance = move(path, place, beta, log_step.exp(), leapfrog)
            log_step = log_step + gain * (chance.mean(0) - TARGET_ACCEPTANCE)
        table.append(log_step)
    # Both schedules are the same function of t / T.
    nearest = [min(max(round(t * few / temperatures), 1), few - 1) for t in range(1, temperatures)]
    return torch.stack(table)[nearest].exp()


def _a_row(value: Tensor) -> Tensor:
    """(K, B, *z_shape) -> (K, B, numbers in a z)."""
    return value.reshape(*value.shape[:2], -1)
