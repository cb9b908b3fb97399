"""The two halves of a model as functions of tensors alone, which is what an exporter can follow: x to z, and z to x."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from copy import deepcopy
from typing import NamedTuple

import torch
from torch import Tensor, nn

from latentia.core import Batch
from latentia.core.errors import LatentiaError, RunError
from latentia.distributions import has_mean, point
from latentia.families import Family
from latentia.models import Decoded, GenerativeModel, SigmoidBeliefNetwork
from latentia.posteriors import Amortized, Clamped, Exact, Layered, Posterior

# Of what is called linear: how far from a line an answer may lie, against its size.
STRAIGHT = 1e-6


class Port(NamedTuple):
    """An input or an output: its name, its shape without the batch axis, and what it means."""

    name: str
    shape: tuple[int, ...]
    about: str


class Graph(nn.Module, ABC):
    """A function of tensors, each with a batch axis, to tensors; everything is float32.

    Attributes:
        inputs: in order.
        outputs: in order.
    """

    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]

    @abstractmethod
    def forward(self, *given: Tensor) -> tuple[Tensor, ...]:
        """The outputs."""

    @abstractmethod
    def truth(self, *given: Tensor) -> tuple[Tensor, ...]:
        """What the model itself answers, by the way that it is used: the outputs that it knows, in order."""


class NetworkEncoder(Graph):
    """x, and a mask where the network sees one, to the mean, the standard deviation and the raw numbers of q(z | x).

    Args:
        model: p.
        posterior: q, with what it reads by.
        reader: the encoder inside of q.
        prefix: of the encoder's tensors' names, with the dot.
    """

    def __init__(self, model: GenerativeModel, posterior: Posterior, reader: Amortized | Clamped, prefix: str) -> None:
        super().__init__()
        self.reader, self.prefix = reader, prefix
        # In a tuple, so that only what the graph needs is a part of it.
        self.whole = (model, posterior)
        z_shape = tuple(reader.network.out_shape)
        self.event_dim = len(z_shape)
        x = Port("x", tuple(model.x_shape), "one row")
        mask = Port(
            "mask", tuple(model.x_shape), "1 where a value of x was observed, 0 where it was not; then x is not read"
        )
        self.inputs = (x, mask) if isinstance(reader, Clamped) or reader.see_mask else (x,)
        self.outputs = (
            Port("mean", z_shape, "mean of q(z | x); of bits and codes, the chance of each 1"),
            Port("sd", z_shape, "standard deviation of each entry of z under q(z | x)"),
            Port("raw", (reader.family.raw_per_value, *z_shape), "the numbers that the family reads"),
        )

    def forward(self, *given: Tensor) -> tuple[Tensor, ...]:
        x, *masks = given
        raw = self.reader.raw(x, masks[0] > 0.5 if masks else None)
        return *self.reader.family.mean_and_sd(raw, self.event_dim), raw

    def truth(self, *given: Tensor) -> tuple[Tensor, ...]:
        x, *masks = given
        mask = masks[0].bool() if masks else None
        model, posterior = self.whole
        q = posterior.infer(model, Batch(x, torch.arange(len(x)), len(x), None, mask))
        # Not q's own sd: where a bit is nearly certain, p (1 - p) has lost its digits in float32.
        return (q.mean,)


class LinearEncoder(Graph):
    """An exact posterior whose mean is linear in x and whose covariance is the same for every row.

    mean = (x - center) weight + bias, found in float64 from the model's own answers.

    Args:
        model: p.
        posterior: q.

    Raises:
        RunError: the posterior is no such one.
    """

    def __init__(self, model: GenerativeModel, posterior: Posterior) -> None:
        super().__init__()
        self.whole = (deepcopy(model).double(), posterior)
        n, q = model.x_shape.numel(), self._exact
        z = torch.zeros(1, 1, *model.z_shape, dtype=torch.float64)
        center = point(self.whole[0].likelihood(z)).reshape(1, n)
        bias, sd = q(center)
        weight = q(center + torch.eye(n, dtype=torch.float64))[0] - bias
        draws = torch.randn(3, n, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
        if not torch.allclose(q(center + draws)[0], draws @ weight + bias, rtol=STRAIGHT, atol=STRAIGHT):
            raise RunError(f"the exact posterior of {type(model).__name__} is not linear in x, so that no graph holds it")
        for name, value in (("center", center), ("weight", weight), ("bias", bias), ("sd", sd)):
            self.register_buffer(name, value.detach().float().contiguous())
        z_shape = tuple(model.z_shape)
        self.inputs = (Port("x", tuple(model.x_shape), "one row"),)
        self.outputs = (
            Port("mean", z_shape, "mean of p(z | x)"),
            Port("sd", z_shape, "standard deviation of each entry of z under p(z | x), the same for every row"),
        )

    def forward(self, *given: Tensor) -> tuple[Tensor, ...]:
        tensors = dict(self.named_buffers(recurse=False))
        mean = (given[0].flatten(1) - tensors["center"]) @ tensors["weight"] + tensors["bias"]
        return mean, tensors["sd"] + torch.zeros_like(mean)

    def truth(self, *given: Tensor) -> tuple[Tensor, ...]:
        mean, sd = self._exact(given[0].double())
        return mean.float(), sd.float()

    def tensors(self) -> dict[str, Tensor]:
        """The four tensors by name."""
        return dict(self.named_buffers(recurse=False))

    def _exact(self, x: Tensor) -> tuple[Tensor, Tensor]:
        model, posterior = self.whole
        q = posterior.infer(model, Batch(x, torch.arange(len(x)), len(x)))
        return q.mean, q.variance.sqrt()


class Decoder(Graph):
    """z to the likelihood's mean (of classes, the mode), and to the raw numbers where a network gives some.

    Args:
        model: p.
    """

    def __init__(self, model: GenerativeModel) -> None:
        super().__init__()
        self.model = model
        self.inputs = (Port("z", tuple(model.z_shape), "one z, as the encoder gives them or the prior draws them"),)
        x_shape = tuple(model.x_shape)
        mean = Port("mean", x_shape, "mean of p(x | z); of classes, the likeliest")
        family = _raw_of(model)[1]
        self.family = family
        raw = () if family is None else (Port("raw", (family.raw_per_value, *x_shape), "the numbers that the family reads"),)
        self.outputs = (mean, *raw)

    def forward(self, *given: Tensor) -> tuple[Tensor, ...]:
        (z,) = given
        raw_of, family = _raw_of(self.model)
        if raw_of is None or family is None:
            return (point(self.model.likelihood(z.unsqueeze(0))).squeeze(0),)
        raw = raw_of(z)
        return point(family.distribution(raw, len(self.model.x_shape))), raw

    def truth(self, *given: Tensor) -> tuple[Tensor, ...]:
        return (point(self.model.likelihood(given[0].unsqueeze(0))).squeeze(0),)


def encoder_of(model: GenerativeModel, posterior: Posterior) -> NetworkEncoder | LinearEncoder:
    """The encoder as a graph.

    Raises:
        RunError: the posterior is none that a graph could hold, with the reason.
    """
    if isinstance(posterior, Exact):
        return LinearEncoder(model, posterior)
    reader, prefix = posterior, "posterior."
    if isinstance(posterior, Layered) and len(posterior.layers) == 1:
        reader, prefix = posterior.bottom, "posterior.bottom."
    elif isinstance(posterior, Clamped):
        prefix = "posterior.encoder."
    if isinstance(reader, Layered):
        raise RunError("layers of bits are drawn one from another, so that their posterior states no mean")
    if not isinstance(reader, Amortized | Clamped):
        raise RunError(
            f"{type(posterior).__name__} searches at every row, which a graph of fixed steps does not hold; "
            "fit with posterior=amortized"
        )
    graph = NetworkEncoder(model, posterior, reader, prefix)
    q = reader.encode(torch.zeros(1, *model.x_shape))
    if not has_mean(q):
        raise RunError(f"{type(reader.family).__name__} states no mean: its answers are draws, through layers of its own")
    try:
        _ = q.variance
    except NotImplementedError:
        raise RunError(f"{type(reader.family).__name__} states no standard deviation") from None
    return graph


def decoder_of(model: GenerativeModel) -> Decoder:
    """The decoder as a graph.

    Raises:
        RunError: the model has none that a graph could hold, with the reason.
    """
    if model.shows_latents:
        raise RunError(f"{type(model).__name__}'s x is a copy of z, so that there is nothing to decode")
    graph = Decoder(model)
    try:
        p = model.likelihood(torch.zeros(1, 1, *model.z_shape))
        if not has_mean(p):
            _ = p.mode
    except NotImplementedError:
        raise RunError(f"{type(model).__name__}'s likelihood states neither a mean nor a mode") from None
    except LatentiaError as error:
        raise RunError(f"{type(model).__name__} does not decode a z by itself ({error})") from None
    return graph


def _raw_of(model: GenerativeModel) -> tuple[Callable[[Tensor], Tensor] | None, Family | None]:
    """z (B, *z_shape) -> raw numbers (B, raw_per_value, *x_shape), and who reads them; nothing where no network does."""
    # By the method, so that a subclass with a likelihood of its own is asked for that.
    if isinstance(model, Decoded) and type(model).likelihood is Decoded.likelihood:
        return model.network.raw, model.family
    if isinstance(model, SigmoidBeliefNetwork) and type(model).likelihood is SigmoidBeliefNetwork.likelihood:
        lowest = model.layers[0]
        return lambda z: model.network.raw(z[..., :lowest]), model.family
    return None, None
