"""The VampPrior: a mixture of the posteriors of learned pseudo-inputs.

Tomczak & Welling (2018), VAE with a VampPrior.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.distributions import Categorical, Distribution, MixtureSameFamily

from latentia.core.errors import LatentiaError
from latentia.priors.base import Prior


class VampPrior(Prior):
    """p(z) = mean_c q(z | u_c) with learned pseudo-inputs u_c.

    Args:
        n_latents: D.
        x_shape: shape of one pseudo-input.
        components: C, how many pseudo-inputs.
        encode: (C, *x_shape) -> q with batch (C,); a posterior's ``encode``. It may be given later by ``attach``.

    Raises:
        LatentiaError: fewer than one component; or the prior is used before an encoder is attached.
    """

    def __init__(
        self,
        n_latents: int,
        x_shape: tuple[int, ...],
        components: int = 100,
        encode: Callable[[Tensor], Distribution] | None = None,
    ) -> None:
        super().__init__(n_latents)
        if components < 1:
            raise LatentiaError(f"components is {components}, wanted at least 1.")
        self.components, self.x_shape = components, tuple(x_shape)
        self.pseudo_inputs = nn.Parameter(torch.rand(components, *x_shape))
        self._encode = encode

    def attach(self, encode: Callable[[Tensor], Distribution]) -> None:
        """Tell the prior which encoder reads its pseudo-inputs."""
        self._encode = encode

    def distribution(self, given: Tensor | None = None) -> Distribution:
        if self._encode is None:
            raise LatentiaError("this VampPrior has no encoder yet; call prior.attach(posterior.encode) first.")
        even = Categorical(logits=torch.zeros_like(self.pseudo_inputs.flatten(1)[:, 0]), validate_args=False)
        return MixtureSameFamily(even, self._encode(self.pseudo_inputs), validate_args=False)

    def start_at(self, x: Tensor) -> None:
        """Begin at rows of the training data, repeated where there are fewer than pseudo-inputs."""
        rows = torch.randint(len(x), (self.components,))
        with torch.no_grad():
            self.pseudo_inputs.copy_(x[rows.to(x.device)])
