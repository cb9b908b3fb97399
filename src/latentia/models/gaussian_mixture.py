"""A mixture of normals with a covariance for each component: z is the class of a row, and every answer has a closed form.

Dempster, Laird & Rubin (1977), Maximum Likelihood from Incomplete Data via the EM Algorithm.
"""

import math
from typing import Literal

import torch
from torch import Size, Tensor, nn
from torch.distributions import Categorical, Distribution, Independent, MultivariateNormal, Normal

from latentia.core import Batch
from latentia.core.errors import LatentiaError, NoClosedForm, ShapeError, SupportError, nearest
from latentia.models.base import GenerativeModel

Covariance = Literal["full", "diagonal"]
COVARIANCES = ["full", "diagonal"]
# Responsibilities that sum to less, in rows: the component's mean and covariance would be made of rounding.
FEWEST_ROWS = 1e-8


class GaussianMixture(GenerativeModel):
    """z ~ Categorical(pi), x | z = k ~ N(mean_k, Sigma_k).

    z is one class index, of shape () and whole-numbered. Sigma_k = L_k L_k', where L_k has exp(log_scale_k) on its diagonal
    and, if full, ``lower`` below it.

    Args:
        n_components: C, the number of classes.
        n_values: d, the length of x.
        covariance: "full" or "diagonal".
        variance_floor: the smallest variance along any direction that ``maximize`` and ``start_at`` will set, in squared
            units of x. Without one the likelihood has no maximum: a component may shrink onto a single row.

    Raises:
        ShapeError: no components, or no values.
        LatentiaError: another covariance, or a floor that is not positive.
    """

    def __init__(
        self, n_components: int, n_values: int, covariance: Covariance = "full", variance_floor: float = 1e-6
    ) -> None:
        super().__init__()
        if n_components < 1 or n_values < 1:
            raise ShapeError(
                f"GaussianMixture needs a component and a value, got {n_components} components of {n_values} values."
            )
        if covariance not in COVARIANCES:
            raise LatentiaError(f"covariance is {covariance!r}; {nearest(str(covariance), COVARIANCES)}")
        if not 0 < variance_floor < math.inf:
            raise LatentiaError(f"variance_floor is {variance_floor}, wanted a positive number such as 1e-6.")
        self.n_components, self.n_values = n_components, n_values
        self.covariance: Covariance = covariance
        self.variance_floor = variance_floor
        self.logits = nn.Parameter(torch.zeros(n_components))
        self.mean = nn.Parameter(torch.randn(n_components, n_values))
        self.log_scale = nn.Parameter(torch.zeros(n_components, n_values))
        if covariance == "full":
            self.lower = nn.Parameter(torch.zeros(n_components, n_values * (n_values - 1) // 2))
        self.x_shape, self.z_shape = Size((n_values,)), Size(())

    @property
    def scale_tril(self) -> Tensor:
        """L: (C, d, d)."""
        root = torch.diag_embed(self.log_scale.exp())
        if self.covariance == "full":
            rows, columns = self._below(root)
            root[:, rows, columns] = self.lower
        return root

    def prior(self, given: Tensor | None = None) -> Distribution:
        return Categorical(logits=self.logits, validate_args=False)

    def likelihood(self, z: Tensor, given: Tensor | None = None) -> Distribution:
        """p(x | z): z (K, B or 1), class indices -> batch (K, B), event (d,).

        Raises:
            SupportError: z is not of a whole-numbered type.
        """
        if z.is_floating_point():
            raise SupportError(
                f"z is a class index, wanted a tensor of whole numbers, got {z.dtype}; draw z from the prior."
            )
        if self.covariance == "full":
            return MultivariateNormal(self.mean[z], scale_tril=self.scale_tril[z], validate_args=False)
        return Independent(Normal(self.mean[z], self.log_scale.exp()[z], validate_args=False), 1, validate_args=False)

    def component_log_prob(self, x: Tensor) -> Tensor:
        """log p(x | z) for every z: (B, d) -> (B, C) nats."""
        away = x.unsqueeze(1) - self.mean
        if self.covariance == "full":
            away = torch.linalg.solve_triangular(self.scale_tril, away.permute(1, 2, 0), upper=False).permute(2, 0, 1)
        else:
            away = away / self.log_scale.exp()
        return -0.5 * (away.square().sum(-1) + self.n_values * math.log(2 * math.pi)) - self.log_scale.sum(-1)

    def log_marginal(self, x: Tensor) -> Tensor:
        """log p(x), summed over z: (B, d) -> (B,) nats."""
        return (self.logits.log_softmax(-1) + self.component_log_prob(x)).logsumexp(-1)

    def exact_posterior(self, batch: Batch) -> Distribution:
        """p(z | x), the responsibilities: batch (B,), event ().

        Raises:
            NoClosedForm: the batch has a mask, which this closed form does not cover.
        """
        if batch.mask is not None:
            raise NoClosedForm("GaussianMixture's exact posterior is written for complete rows; impute the missing cells.")
        return Categorical(logits=self.logits + self.component_log_prob(batch.x), validate_args=False)

    @torch.no_grad()
    def maximize(self, x: Tensor, q: Distribution) -> None:
        """The M step, in place and in float64: each component's share, mean and covariance, its rows weighted by q.

        A direction along which a component is narrower than the floor is widened to it. That is the best covariance allowed,
        so that log p(x) still cannot fall, as it may under a ridge added to every covariance.

        Args:
            x: (N, d) all training rows.
            q: their posterior, batch (N,) over C classes.

        Raises:
            NoClosedForm: q is not a ``Categorical``.
            LatentiaError: a component answers for no row, or its covariance is singular to rounding even at the floor.
        """
        if not isinstance(q, Categorical):
            raise NoClosedForm(
                f"a mixture's M step needs a Categorical posterior, got {type(q).__name__}; use the exact one."
            )
        shares, wide = q.probs.double(), x.double()
        counts = shares.sum(0)
        if bool((counts < FEWEST_ROWS).any()):
            raise LatentiaError(
                f"component {int(counts.argmin())} of {self.n_components} answers for none of {len(x)} rows; "
                "start it nearer to them (start_at does), or use fewer components."
            )
        mean = shares.T @ wide / counts.unsqueeze(-1)
        if self.covariance == "full":
            spread = [
                (r.unsqueeze(-1) * (wide - m)).T @ (wide - m) / n for r, m, n in zip(shares.T, mean, counts, strict=True)
            ]
            root = self._factor(torch.stack(spread))
            rows, columns = self._below(root)
            self.lower.copy_(root[:, rows, columns])
            self.log_scale.copy_(torch.diagonal(root, dim1=-2, dim2=-1).log())
        else:
            spread = [r @ (wide - m).square() / n for r, m, n in zip(shares.T, mean, counts, strict=True)]
            self.log_scale.copy_(torch.stack(spread).clamp_min(self.variance_floor).log() / 2)
        self.mean.copy_(mean)
        self.logits.copy_((counts / len(x)).log())

    def start_at(self, x: Tensor) -> None:
        """Begin with equal shares, each component as wide as the data and centered on a row; the rows lie apart.

        Arthur & Vassilvitskii (2007), k-means++: The Advantages of Careful Seeding.
        """
        with torch.no_grad():
            log_spread = x.var(0, correction=0).clamp_min(self.variance_floor).log() / 2
            scaled = (x / log_spread.exp()).double()
            picked = [torch.randint(len(x), (1,), device=x.device)]
            nearest_square = torch.full_like(scaled[:, 0], math.inf)
            for _ in range(1, self.n_components):
                nearest_square = torch.minimum(nearest_square, (scaled - scaled[picked[-1]]).square().sum(-1))
                # Where there are fewer distinct rows than components, any row is as good as another.
                odds = torch.where(nearest_square.sum() > 0, nearest_square, torch.ones_like(nearest_square))
                picked.append(torch.multinomial(odds / odds.sum(), 1))
            self.mean.copy_(x[torch.cat(picked)])
            self.log_scale.copy_(log_spread.expand_as(self.log_scale))
            self.logits.zero_()
            if self.covariance == "full":
                self.lower.zero_()

    def _below(self, root: Tensor) -> tuple[Tensor, Tensor]:
        rows, columns = torch.tril_indices(self.n_values, self.n_values, offset=-1, device=root.device)
        return rows, columns

    def _factor(self, covariance: Tensor) -> Tensor:
        """(C, d, d) covariances, widened to the floor where they are narrower -> their lower Cholesky factors."""
        floor = self.variance_floor * torch.eye(self.n_values, dtype=covariance.dtype, device=covariance.device)
        if bool(torch.linalg.cholesky_ex(covariance - floor).info.any()):
            values, vectors = torch.linalg.eigh(covariance)
            covariance = (vectors * values.clamp_min(self.variance_floor).unsqueeze(-2)) @ vectors.mT
        root, info = torch.linalg.cholesky_ex(covariance)
        if bool(info.any()):
            raise LatentiaError(
                f"the covariance of component {int(info.argmax())} of {self.n_components} is singular to rounding: "
                f"variance_floor={self.variance_floor:g} is lost beside its widest direction; standardize x or raise it."
            )
        return root
