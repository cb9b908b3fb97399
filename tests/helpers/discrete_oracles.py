"""Two larger models with a discrete z: twelve bits, and one-hot codes. Their ELBO is a sum over every state."""

import torch
from torch import Size, Tensor
from torch.distributions import Bernoulli, Distribution, Independent, OneHotCategorical

from helpers.oracles import BitOracle, Numbers, Oracle, Rows, log_bits, over_tuples
from latentia.bounds import Bound


class ManyBitOracle(BitOracle):
    """Twelve bits behind eight: 4096 states, with parameters from a fixed seed."""

    def __init__(self, n_latents: int = 12, n_values: int = 8) -> None:
        super().__init__()
        drawn = _from_seed(n_latents, (n_latents,), (n_values, n_latents), (n_values,), (n_latents,), (n_values,))
        self.theta = {"prior_logits": drawn[0], "weight": drawn[1], "mean": drawn[2]}
        self.phi, self.x = {"logits": drawn[3]}, (drawn[4] > 0).double()


class CodeRows(Rows):
    """Independent one-hot codes z, and independent bits x given z."""

    def prior(self, given: Tensor | None = None) -> Distribution:
        return Independent(OneHotCategorical(logits=self.theta["prior_logits"], validate_args=False), 1, validate_args=False)

    def likelihood(self, z: Tensor, given: Tensor | None = None) -> Distribution:
        logits = torch.einsum("rvdc,krdc->krv", self.theta["weight"], z) + self.theta["mean"]
        return Independent(Bernoulli(logits=logits, validate_args=False), 1, validate_args=False)


class CodeOracle(Oracle):
    """Three codes of three classes behind four bits: 27 states."""

    def __init__(self, n_codes: int = 3, n_classes: int = 3) -> None:
        prior, weight, mean, logits, x = _from_seed(
            7, (n_codes, n_classes), (4, n_codes, n_classes), (4,), (n_codes, n_classes), (4,)
        )
        theta = {"prior_logits": prior, "weight": 1.5 * weight, "mean": mean}
        super().__init__((x > 0).double(), theta, {"logits": logits})

    def rows(self, n: int) -> Rows:
        model = CodeRows(self.theta, n)
        model.x_shape, model.z_shape = Size((4,)), self.phi["logits"].shape
        return model

    def q(self, phi: Numbers) -> Distribution:
        return Independent(OneHotCategorical(logits=phi["logits"]), 1)

    def kl(self) -> Tensor:
        log_q = self.log_codes(self.phi["logits"])
        return log_q.exp() @ (log_q - self.log_codes(self.theta["prior_logits"]))

    def expected(self, theta: Numbers, phi: Numbers, bound: Bound, n_draws: int, kl_weight: float) -> Tensor:
        log_q = self.log_codes(phi["logits"])
        picked = theta["weight"][:, torch.arange(len(theta["prior_logits"])), self.classes()]  # (V, S, D)
        log_likelihood = log_bits(self.x, picked.sum(-1).T + theta["mean"])
        w = log_likelihood + kl_weight * (self.log_codes(theta["prior_logits"]) - log_q)
        return over_tuples(log_q, w, bound, n_draws)

    def classes(self) -> Tensor:
        """The class of each code in each state: (S, D)."""
        n_codes, n_classes = self.phi["logits"].shape
        return torch.cartesian_prod(*[torch.arange(n_classes)] * n_codes).reshape(-1, n_codes)

    def log_codes(self, logits: Tensor) -> Tensor:
        """log-mass of every state: (S,)."""
        return logits.log_softmax(-1)[torch.arange(len(logits)), self.classes()].sum(-1)


def _from_seed(seed: int, *shapes: tuple[int, ...]) -> list[Tensor]:
    drawn = torch.Generator().manual_seed(seed)
    return [torch.randn(shape, generator=drawn, dtype=torch.float64) for shape in shapes]
