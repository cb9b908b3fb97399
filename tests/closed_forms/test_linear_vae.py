"""A linear VAE is probabilistic PCA, and training finds it.

Lucas, Tucker, Grosse & Norouzi (2019), Don't Blame the ELBO! A Linear VAE Perspective on Posterior Collapse: at the optimum
of the ELBO a diagonal encoder is exact, since the decoder turns its columns onto the principal axes.
"""

import math

import pytest
import torch
from torch import Tensor
from torch.distributions import MultivariateNormal

from helpers.digits import digits
from latentia.core import Batch
from latentia.families import DiagonalNormal, Family, FullRankNormal, Normal
from latentia.learners import Joint, LearningRate
from latentia.models import PPCA, Decoded
from latentia.networks import MLP
from latentia.posteriors import Amortized
from latentia.priors import StandardNormal

D, ROWS = 5, 256


def linear_vae(family: Family, x: Tensor) -> tuple[Decoded, MLP, Normal, Amortized]:
    decoder, likelihood = MLP(D, [], x.shape[1]), Normal("learned")
    model = Decoded(StandardNormal(D), decoder, likelihood)
    posterior = Amortized(MLP(x.shape[1], [], D, per_value=family.raw_per_value), family)
    model.start_at(x)
    posterior.start_at(x)
    return model, decoder, likelihood, posterior


def closed_elbo(decoder: MLP, likelihood: Normal, posterior: Amortized, x: Tensor) -> float:
    """The mean ELBO, without a draw: E_q||x - W z - b||^2 has a closed form."""
    W, b = decoder.last.weight.double(), decoder.last.bias.double()
    variance = (2 * likelihood.log_scale.double()).exp()
    q = posterior.encode(x)
    loc = q.mean.double()
    S = q.covariance_matrix.double() if isinstance(q, MultivariateNormal) else torch.diag_embed(q.variance.double())
    miss = (x.double() - loc @ W.T - b).square().sum(-1) + torch.einsum("di,rij,dj->r", W, S, W)
    fit = -0.5 * x.shape[1] * (math.log(2 * math.pi) + variance.log()) - miss / (2 * variance)
    kl = 0.5 * (torch.diagonal(S, dim1=-2, dim2=-1).sum(-1) + loc.square().sum(-1) - D - torch.logdet(S))
    return float((fit - kl).mean())


def marginal(decoder: MLP, likelihood: Normal, x: Tensor) -> float:
    """The mean log p(x) of the trained decoder, z integrated out."""
    twin = PPCA(D, x.shape[1]).double()
    twin.weight.copy_(decoder.last.weight)
    twin.mean.copy_(decoder.last.bias)
    twin.log_sigma.copy_(likelihood.log_scale)
    return float(twin.log_marginal(x.double()).mean())


@pytest.mark.parametrize(
    ("family", "steps"),
    [
        pytest.param(DiagonalNormal(), 1_600, id="diagonal"),  # has to turn the axes, too
        pytest.param(FullRankNormal(D), 800, id="full-rank"),
    ],
)
def test_a_linear_vae_reaches_the_optimum_of_ppca(family: Family, steps: int) -> None:
    """The ELBO itself, in closed form over all rows, ends within 0.1 nat a row of the best log p(x) there is.

    The seed is fixed; six others ended between 0.02 and 0.05 nat below.
    """
    x = digits().float()
    model, decoder, likelihood, posterior = linear_vae(family, x)
    learner = Joint(model, posterior, lr=LearningRate(0.03, total=steps))
    for _ in range(steps):
        row = torch.randint(len(x), (ROWS,))
        learner.step(Batch(x[row], row, len(x)))
    with torch.no_grad():
        best = float(PPCA.maximum_likelihood(x.double(), D).log_marginal(x.double()).mean())
        elbo, log_p = closed_elbo(decoder, likelihood, posterior, x), marginal(decoder, likelihood, x)
    assert best - 0.1 < elbo < log_p + 1e-4
    assert log_p < best + 1e-4
