"""Each task's model and posterior, made of Latentia's parts; sentences by subclasses, as a user would write them."""

from torch import Size, Tensor, nn
from torch.distributions import Distribution, constraints

import latentia as la
from benchmarks.speed.task import LENGTH, WORDS, Task
from benchmarks.speed.torch_networks import CHANNELS, CONV_HIDDEN, SentenceDecoder, SentenceEncoder
from latentia.core import Batch
from latentia.families import DiagonalNormal
from latentia.models import GenerativeModel
from latentia.posteriors import Posterior


def parts_for(task: Task) -> tuple[GenerativeModel, Posterior]:
    prior = la.StandardNormal(task.latents)
    if task.network == "lstm":
        return Sentences(task.latents), FromSentences(task.latents)
    if task.network == "conv":
        image, conv = (1, 28, 28), {"channels": CHANNELS, "hidden": CONV_HIDDEN, "activation": task.activation}
        model = la.Decoded(prior, la.ConvDecoder(task.latents, image, 1, **conv), la.Bernoulli())
        return model, la.Amortized(la.ConvEncoder(image, task.latents, 2, **conv), la.DiagonalNormal())
    hidden, act = list(task.hidden), task.activation
    model = la.Decoded(prior, la.mlp(task.latents, hidden[::-1], 784, activation=act), la.Bernoulli())
    return model, la.Amortized(la.mlp(784, hidden, task.latents, per_value=2, activation=act), la.DiagonalNormal())


class Sentence(Distribution):
    """p(words | z): z (K, B, latents) -> batch (K, B), event (LENGTH,)."""

    arg_constraints = {}  # noqa: RUF012 # pyright: ignore[reportIncompatibleMethodOverride, reportAssignmentType]  as torch's

    def __init__(self, decode: SentenceDecoder, z: Tensor) -> None:
        super().__init__(z.shape[:-1], Size((LENGTH,)), validate_args=False)
        self.decode, self.z = decode, z

    @constraints.dependent_property(is_discrete=True, event_dim=1)
    def support(self) -> constraints.Constraint:  # pyright: ignore
        return constraints.independent(constraints.integer_interval(0, WORDS - 1), 1)

    def log_prob(self, value: Tensor) -> Tensor:
        words = value.long().expand(*self.batch_shape, LENGTH)
        return self.decode(self.z.flatten(0, -2), words.reshape(-1, LENGTH)).reshape(self.batch_shape)


class Sentences(GenerativeModel):
    """z ~ N(0, I), words | z by an LSTM."""

    def __init__(self, n_latents: int) -> None:
        super().__init__()
        self.p_z, self.decode = la.StandardNormal(n_latents), SentenceDecoder(n_latents)
        self.x_shape, self.z_shape = Size((LENGTH,)), Size((n_latents,))

    def prior(self, given: Tensor | None = None) -> Distribution:
        return self.p_z.distribution(given)

    def likelihood(self, z: Tensor, given: Tensor | None = None) -> Distribution:
        return Sentence(self.decode, z)


class FromSentences(Posterior):
    """q(z | words): a diagonal normal from an LSTM's last state."""

    def __init__(self, n_latents: int) -> None:
        super().__init__()
        self.encode: nn.Module = SentenceEncoder(2 * n_latents)
        self.family = DiagonalNormal()

    def infer(self, model: GenerativeModel, batch: Batch) -> Distribution:
        return self.family.distribution(self.encode(batch.x.long()).unflatten(-1, (2, -1)), event_dim=1)
