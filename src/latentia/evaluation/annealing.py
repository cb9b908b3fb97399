"""log p(x) from both sides, by annealed importance sampling from a known density to the posterior and back.

Neal (2001), Annealed importance sampling; Grosse, Ghahramani & Adams (2015), Sandwiching the marginal likelihood using
bidirectional Monte Carlo; Wu, Burda, Salakhutdinov & Grosse (2017), On the quantitative analysis of decoder-based
generative models.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Size, Tensor
from torch.distributions import Distribution

from latentia.core import Batch
from latentia.core.checks import check_shape
from latentia.core.errors import LatentiaError, NonFinite, ShapeError, SupportError
from latentia.evaluation.draws import DEFAULT_MEMORY, quiet
from latentia.evaluation.footprint import bytes_a_slope
from latentia.evaluation.hmc import Path, move, sigmoid_schedule, tuned_steps
from latentia.evaluation.result import Figure
from latentia.models import GenerativeModel
from latentia.posteriors import Exact, Posterior

FAR = 1e3


@dataclass(frozen=True)
class Annealed:
    """What annealed chains say about log p(x), in nats.

    Attributes:
        log_weights: (chains, B); exp(log_weights) has mean p(x), or exp(-log_weights) has mean 1 / p(x) where ``upper``.
        acceptance: (temperatures - 1, B) mean acceptance of the moves at each temperature, from the start to the posterior.
        upper: chains went from the posterior to the start, and ``log_marginal`` is an upper bound.
    """

    log_weights: Tensor
    acceptance: Tensor
    upper: bool = False

    @property
    def log_marginal(self) -> Tensor:
        """(B,): in expectation at most log p(x); where ``upper``, at least. More temperatures or chains close the gap."""
        sign = -1 if self.upper else 1
        return sign * ((sign * self.log_weights).logsumexp(0) - math.log(len(self.log_weights)))

    @property
    def error(self) -> Tensor:
        """(B,) standard error of ``log_marginal`` by the delta method; too small where a few chains carry all the weight."""
        w = self._relative_weights()
        return w.std(0) / math.sqrt(len(w)) if len(w) > 1 else torch.full_like(w[0], math.nan)

    @property
    def effective_sample_size(self) -> Tensor:
        """(B,) between 1 and chains: how many equal weights would be as good (Kong 1992)."""
        w = self._relative_weights()
        return w.sum(0).square() / w.square().sum(0)

    def _relative_weights(self) -> Tensor:
        """(chains, B) with mean 1 over chains."""
        sign = -1 if self.upper else 1
        return (sign * (self.log_weights - self.log_marginal)).exp()


@dataclass(frozen=True)
class Sandwich:
    """Bounds from below and above on log p(x) of rows that the model drew itself.

    Attributes:
        x: (n, *x_shape) the rows.
        below: chains to the posterior.
        above: chains from it.
    """

    x: Tensor
    below: Annealed
    above: Annealed

    @property
    def lower(self) -> Figure:
        """Mean lower bound, nats a row; its error is over rows, how far other rows would move it."""
        return _mean(self.below.log_marginal)

    @property
    def upper(self) -> Figure:
        """Mean upper bound, nats a row; its error is over rows."""
        return _mean(self.above.log_marginal)

    @property
    def gap(self) -> Figure:
        """Mean upper less lower bound, nats a row: what both are off together in expectation, by chance negative."""
        return _mean(self.above.log_marginal - self.below.log_marginal)


def ais(
    model: GenerativeModel,
    batch: Batch,
    temperatures: int = 1000,
    chains: int = 16,
    start: Distribution | None = None,
    leapfrog: int = 10,
    seed: int = 0,
    memory: int = DEFAULT_MEMORY,
) -> Annealed:
    """A lower bound on log p(x) in expectation, by chains from ``start`` to the posterior (Neal 2001).

    The path is geometric, one Hamiltonian move a temperature. Its step sizes, one a temperature and row, come from four
    more chains whose weights are thrown away, so that exp(log_weights) is unbiased for p(x).

    Args:
        model: p(x, z), of continuous z on all of its space.
        batch: B rows.
        temperatures: T, steps of the path; 1 is plain importance sampling from ``start``.
        chains: a row.
        start: batch (B,) or (), event z_shape; the prior if None. An encoder's q is nearer.
        leapfrog: steps, and so gradients, a move.
        seed: of the chains; the caller's random state is left as it was.
        memory: bytes that chains may take at once, about; one chain of every row is the least.

    Raises:
        LatentiaError: a number below 1, a z that is discrete or bounded (``SupportError``), a start that does not fit
            (``ShapeError``), weights that are not numbers (``NonFinite``), or densities without a gradient.
        NoClosedForm: the batch has a mask and the model's likelihood cannot be asked of a part of x.
    """
    betas = _checked(temperatures, chains, leapfrog, memory)
    with _still(model, None, seed):
        path = _path(model, batch, start)
        steps = tuned_steps(path, len(batch.x), temperatures, leapfrog)
        places = (path.draw(k, len(batch.x)) for k in _chunks(model, batch, chains, memory))
        return _annealed(path, places, betas, steps, leapfrog)


def reverse_ais(
    model: GenerativeModel,
    batch: Batch,
    z: Tensor,
    temperatures: int = 1000,
    chains: int = 16,
    start: Distribution | None = None,
    leapfrog: int = 10,
    seed: int = 0,
    memory: int = DEFAULT_MEMORY,
) -> Annealed:
    """An upper bound on log p(x) in expectation, by chains from exact posterior draws to ``start`` (Grosse et al. 2015).

    The step sizes come from chains that rise, as in ``ais``, and know nothing of z. Where all chains of a row leave from one
    draw, ``error`` does not know how another draw would have moved the bound.

    Args:
        model: p(x, z), of continuous z on all of its space.
        batch: B rows.
        z: exact draws from p(z | x): (chains, B, *z_shape), or (B, *z_shape) for one that all chains share, as where x was
            simulated.
        temperatures: T, steps of the path.
        chains: a row.
        start: where the chains end: batch (B,) or (), event z_shape; the prior if None.
        leapfrog: steps, and so gradients, a move.
        seed: of the chains; the caller's random state is left as it was.
        memory: bytes that chains may take at once, about; one chain of every row is the least.

    Raises:
        LatentiaError: as ``ais``; or z has another shape.
        NoClosedForm: as ``ais``.
    """
    betas = _checked(temperatures, chains, leapfrog, memory)
    rows = len(batch.x)
    if z.shape != (rows, *model.z_shape):
        cure = f"give one posterior draw a row, {(rows, *model.z_shape)}, or one a chain and row."
        check_shape("z", z.shape, (chains, rows, *model.z_shape), cure=cure)
    with _still(model, None, seed):
        path = _path(model, batch, start)
        steps = tuned_steps(path, rows, temperatures, leapfrog)
        places = iter(z.expand(chains, rows, *model.z_shape).split(_chunks(model, batch, chains, memory)))
        back = _annealed(path, places, betas[::-1], steps.flip(0), leapfrog)
    return Annealed(-back.log_weights, back.acceptance.flip(0), upper=True)


def sandwich(
    model: GenerativeModel,
    n: int,
    temperatures: int = 1000,
    chains: int = 16,
    posterior: Posterior | None = None,
    leapfrog: int = 10,
    seed: int = 0,
    memory: int = DEFAULT_MEMORY,
    given: Tensor | None = None,
) -> Sandwich:
    """Bounds from both sides on log p(x) of ``n`` rows drawn from the model, which say how far to trust ``ais`` on data.

    z and x are drawn together, and so z is an exact draw from the posterior of its x.

    Args:
        model: p(x, z), of continuous z on all of its space.
        n: rows to draw.
        temperatures: T, steps of the path.
        chains: a row and direction.
        posterior: whose q the path starts from; the prior if None.
        leapfrog: steps, and so gradients, a move.
        seed: of rows and chains; the caller's random state is left as it was.
        memory: bytes that chains may take at once, about.
        given: (n, *given_shape) what the rows are drawn for, if the model conditions.

    Raises:
        LatentiaError: as ``ais``; or fewer than one row.
    """
    if n < 1:
        raise LatentiaError(f"n is {n} rows, wanted at least 1.")
    with _still(model, posterior, seed):
        z, x = model.sample_joint(n, given)
        batch = Batch(x, torch.arange(n, device=x.device), n, given)
        start = None if posterior is None else posterior.infer(model, batch)
        # Other seeds, or a pilot might begin at the very z that its step sizes should know nothing of.
        below = ais(model, batch, temperatures, chains, start, leapfrog, seed + 1, memory)
        above = reverse_ais(model, batch, z, temperatures, chains, start, leapfrog, seed + 2, memory)
    return Sandwich(x, below, above)


@contextmanager
def _still(model: GenerativeModel, posterior: Posterior | None, seed: int) -> Iterator[None]:
    """``quiet``, and parameters that ask for no gradient, so that the graphs hold only what leads to z."""
    learned = [p for p in model.parameters() if p.requires_grad]
    try:
        for p in learned:
            p.requires_grad_(False)
        with quiet(model, posterior or Exact(), seed):  # Exact has no state to put back
            yield
    finally:
        for p in learned:
            p.requires_grad_()


def _checked(temperatures: int, chains: int, leapfrog: int, memory: int) -> list[float]:
    for name, number in (("chains", chains), ("leapfrog", leapfrog), ("memory", memory)):
        if number < 1:
            raise LatentiaError(f"{name} is {number}, wanted at least 1.")
    return sigmoid_schedule(temperatures)


def _path(model: GenerativeModel, batch: Batch, start: Distribution | None) -> Path:
    """From ``start`` to the joint, if both live on all of the space of z."""
    prior = model.prior(batch.given)
    for name, p in (("prior", prior), ("start", start or prior)):
        _check_space(p, name, model.z_shape, len(batch.x))
    if start is None and type(model).log_joint is GenerativeModel.log_joint:
        return Path(prior, lambda z: model.log_likelihood(z, batch), from_start=True)
    return Path(prior if start is None else start, lambda z: model.log_joint(z, batch))


def _check_space(p: Distribution, name: str, z_shape: Size, rows: int) -> None:
    """Refuse what a Hamiltonian move would leave: a discrete, bounded or curved support."""
    if p.event_shape != z_shape or p.batch_shape not in (Size(), Size((rows,))):
        raise ShapeError(
            f"the {name} has batch {tuple(p.batch_shape)} and event {tuple(p.event_shape)}, wanted batch ({rows},) or () "
            f"and event {tuple(z_shape)}; make one for these rows and this model's z."
        )
    support, z = p.support, p.sample()
    if support is None or support.is_discrete or not bool(support.check(torch.stack([z - FAR, z + FAR])).all()):
        raise SupportError(
            f"annealing moves z through all of its space, the {name}'s support ({support}) is only a part; "
            "sum a discrete z out or transform a bounded one, or use the importance-weighted estimate."
        )


def _chunks(model: GenerativeModel, batch: Batch, chains: int, memory: int) -> list[int]:
    """Chains run at once; they sum to ``chains``."""
    a_chain = bytes_a_slope(model, batch) * max(1, len(batch.x))
    return [len(part) for part in torch.arange(chains).split(max(1, memory // a_chain))]


def _annealed(path: Path, places: Iterator[Tensor], betas: list[float], steps: Tensor, leapfrog: int) -> Annealed:
    """Chains from each of ``places`` (k, B, *z_shape) through ``betas``, as they come: rising, or falling."""
    weights, accepted = [], []
    for z in places:
        place, rates = path.at(z), []
        # Double: the sum of a thousand float32 differences would lose what the last temperatures add.
        w = torch.zeros_like(place.logs[0], dtype=torch.float64)
        for t, (now, then) in enumerate(pairwise(betas)):
            w += (then - now) * (place.logs[1] - place.logs[0]).double()
            if t < len(steps):  # past the last temperature a move would change no weight
                place, chance = move(path, place, then, steps[t], leapfrog)
                rates.append(chance.sum(0))
        weights.append(w)
        accepted.append(torch.stack(rates) if rates else steps)
    log_weights = torch.cat(weights)
    bad = int((~(log_weights.abs() < math.inf) & (log_weights != -math.inf)).sum())
    if bad:
        raise NonFinite(
            f"log-weights are NaN or infinite in {bad} of {log_weights.numel()} chains; log p(x, z) has no value where they "
            "went, look for overflow in the decoder or NaN in x."
        )
    return Annealed(log_weights, torch.stack(accepted).sum(0) / len(log_weights))


def _mean(rows: Tensor) -> Figure:
    return Figure(float(rows.mean()), float(rows.std() / math.sqrt(len(rows))) if len(rows) > 1 else math.nan)
