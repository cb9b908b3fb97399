"""The best product of normals for a model whose posterior is normal, one latent at a time.

Bishop (2006), Pattern Recognition and Machine Learning, sec. 10.1.2: each factor given the others in closed form.
"""

import torch
from torch import Tensor
from torch.distributions import Distribution, Independent, MultivariateNormal, Normal

from latentia.core import Batch
from latentia.core.checks import check_counts
from latentia.core.errors import NoClosedForm
from latentia.models import GenerativeModel, HasExactPosterior
from latentia.posteriors.base import Posterior


class MeanField(Posterior):
    """q(z | x) = prod_d N(z_d; m_d, 1 / Lambda_dd), by coordinate ascent on the ELBO, which never falls.

    Args:
        sweeps: passes over the latents, from m = 0; each latent is put where it is best given the others.

    Raises:
        LatentiaError: no sweeps.
    """

    def __init__(self, sweeps: int = 100) -> None:
        super().__init__()
        check_counts(sweeps=sweeps)
        self.sweeps = sweeps

    def infer(self, model: GenerativeModel, batch: Batch) -> Distribution:
        """The product after the last sweep.

        Raises:
            NoClosedForm: the model does not say a normal posterior, so that no factor has a closed form.
        """
        exact = model.exact_posterior(batch) if isinstance(model, HasExactPosterior) else None
        if not isinstance(exact, MultivariateNormal):
            raise NoClosedForm(
                f"coordinate ascent needs a model whose posterior is normal, {type(model).__name__} has none; "
                "use 'per-datum' or 'amortized'."
            )
        means = self.path(exact)[-1]
        scale = exact.precision_matrix.diagonal(dim1=-2, dim2=-1).rsqrt().expand_as(means)
        return Independent(Normal(means, scale), 1)

    def path(self, exact: MultivariateNormal) -> list[Tensor]:
        """Means before the first sweep and after each: sweeps + 1 tensors (B, D)."""
        precision = exact.precision_matrix
        shift = (precision @ exact.mean.unsqueeze(-1)).squeeze(-1)
        diagonal = precision.diagonal(dim1=-2, dim2=-1).expand_as(shift)
        m = torch.zeros_like(shift)
        means = [m]
        for _ in range(self.sweeps):
            columns = list(m.unbind(-1))
            for d in range(len(columns)):
                others = torch.stack([torch.zeros_like(c) if e == d else c for e, c in enumerate(columns)], -1)
                columns[d] = (shift[..., d] - (precision[..., d, :] * others).sum(-1)) / diagonal[..., d]
            m = torch.stack(columns, -1)
            means.append(m)
        return means
