"""Independent bits under types of their own: discrete distributions that nothing knows to factorize."""

import torch
from torch import Tensor
from torch.distributions import Bernoulli, Distribution, Independent, constraints
from torch.types import _size

from latentia.distributions.parametric import Parametric


class Opaque(Parametric):
    """Bits with ``logits`` (..., D), of which nothing but draws and masses is known."""

    arg_constraints = {"logits": constraints.real_vector}  # noqa: RUF012  a class attribute, as in torch's own
    support = constraints.independent(constraints.boolean, 1)
    logits: Tensor

    def __init__(self, logits: Tensor) -> None:
        super().__init__(logits.shape[-1:], logits=logits)

    @property
    def bits(self) -> Distribution:
        return Independent(Bernoulli(logits=self.logits, validate_args=False), 1, validate_args=False)

    def log_prob(self, value: Tensor) -> Tensor:
        return self.bits.log_prob(value)

    def sample(self, sample_shape: _size = ()) -> Tensor:
        return self.bits.sample(sample_shape)


class SelfSaid(Opaque):
    """The same; it lists its states and relaxes its draws itself."""

    def enumerate_states(self) -> Tensor:
        return torch.cartesian_prod(*[torch.tensor([0.0, 1.0]).to(self.logits)] * self.event_shape[0])

    def relaxed_rsample(self, sample_shape: _size, temperature: float) -> Tensor:
        u = torch.rand((*sample_shape, *self.logits.shape), dtype=self.logits.dtype)
        return torch.sigmoid((self.logits + torch.logit(u)) / temperature)
