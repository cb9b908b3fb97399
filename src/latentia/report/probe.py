"""Questions put to a model and a posterior for a picture: encode, decode, draw, walk. Nothing here knows of HTML."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.distributions import Distribution, constraints

from latentia.core import Batch
from latentia.data import AnySplit, Dataset
from latentia.distributions import discrete_columns, kl_per_dimension, per_latent, point
from latentia.evaluation import expected_x, some_places
from latentia.models import GenerativeModel
from latentia.posteriors import Posterior

ROWS_AT_ONCE = 500
# A likelihood over 256 grey levels holds that many numbers for each value while its mean is taken.
VALUES_AT_ONCE = 50_000
DRAWS_FOR_SPREAD = 2000


@dataclass(frozen=True)
class Encoded:
    """Rows and what the posterior says of them.

    Attributes:
        split: the name of the split.
        batch: the rows.
        labels: (N,) long, or None.
        means: (N, *z_shape) a point for each row.
        kl: (D,) mean KL a latent in nats, or None where p and q do not factorize.
        variance: (D,) variance over rows of the posterior mean.
    """

    split: str
    batch: Batch
    labels: Tensor | None
    means: Tensor
    kl: Tensor | None
    variance: Tensor

    def __len__(self) -> int:
        return len(self.means)


def rows_of(data: Dataset, wanted: str) -> tuple[str, AnySplit]:
    """The wanted split, or the first one of test, valid and train that has rows."""
    for name in (wanted, "test", "valid", "train"):
        split: AnySplit | None = getattr(data, name, None)
        if split is not None and len(split):
            return name, split
    raise AssertionError("a data set has rows in one of its splits")


def encode(model: GenerativeModel, posterior: Posterior, data: Dataset, wanted: str, at_most: int) -> Encoded:
    """Rows of a split, all of them or a fixed draw of ``at_most``, and their points in latent space.

    Raises:
        LatentiaError: the posterior cannot answer for these rows.
    """
    name, split = rows_of(data, wanted)
    device = device_of(model)
    total = len(split)
    places = some_places(total, at_most).to(device)
    some = split.take(places.to(split.device)).to(device)
    means, kls = [], []
    for start in range(0, len(some), ROWS_AT_ONCE):
        rows = torch.arange(start, min(start + ROWS_AT_ONCE, len(some)), device=device)
        batch = some.batch(rows)._replace(row=places[rows], n_rows=total)
        q = posterior.infer(model, batch)
        # A z shared by all rows is the same point for each of them.
        means.append(point(q).expand(len(rows), *model.z_shape))
        kls.append(kl_per_dimension(q, model.prior(batch.given)))
    z = torch.cat(means)
    each = torch.cat([k.reshape(-1, k.shape[-1]) for k in kls if k is not None]) if None not in kls else None
    batch = some.batch(torch.arange(len(some), device=device))._replace(row=places, n_rows=total)
    columns = discrete_columns(model.prior(batch.given))
    kl = None if each is None else each.mean(0)
    return Encoded(name, batch, some.labels, z, kl, per_latent(z.flatten(1).var(0, correction=0), columns))


def decode(model: GenerativeModel, z: Tensor, given: Tensor | None = None) -> Tensor:
    """z (N, *z_shape) -> the mean of p(x | z), or what stands for it: (N, *x_shape) on the CPU."""
    at_once = max(1, min(ROWS_AT_ONCE, VALUES_AT_ONCE // model.x_shape.numel()))
    parts = []
    for start in range(0, len(z), at_once):
        end = start + at_once
        condition = None if given is None else given[start:end]
        parts.append(point(model.likelihood(z[start:end].unsqueeze(0), condition)).squeeze(0).float().cpu())
    return torch.cat(parts)


def reconstructed(model: GenerativeModel, posterior: Posterior, encoded: Encoded, rows: Tensor) -> Tensor:
    """Some of the encoded rows, through draws of their latents and back: (n, *x_shape) on the CPU."""
    whole, parts = encoded.batch, []
    for part in rows.split(max(1, VALUES_AT_ONCE // model.x_shape.numel())):
        given, mask = (None if t is None else t[part] for t in (whole.given, whole.mask))
        q = posterior.infer(model, Batch(whole.x[part], whole.row[part], whole.n_rows, given, mask))
        parts.append(expected_x(model, q, given).float().cpu())
    return torch.cat(parts)


def prior_means(model: GenerativeModel, n: int, given: Tensor | None = None) -> Tensor:
    """n draws of z from the prior, each as the mean of its likelihood: (n, *x_shape)."""
    return decode(model, model.sample_prior(n, given), given)


def prior_scale(model: GenerativeModel, given: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of each latent under the prior, (D,) each; by draws where the prior states none."""
    prior = model.prior(given)
    try:
        mean, spread = prior.mean, prior.stddev
    except NotImplementedError:
        draws = prior.sample((DRAWS_FOR_SPREAD,))
        mean, spread = draws.mean(0), draws.std(0)
    return mean.reshape(-1, *model.z_shape)[0].flatten(), spread.reshape(-1, *model.z_shape)[0].flatten()


def is_continuous(prior: Distribution) -> bool:
    """Whether one can walk between two values of z."""
    try:
        support = prior.support
    except NotImplementedError:
        return True
    return support is None or not support.is_discrete


def are_shares(prior: Distribution) -> bool:
    """Whether z is made of shares that sum to 1, so that none of them moves by itself."""
    try:
        return isinstance(prior.support, type(constraints.simplex))
    except NotImplementedError:
        return False


def is_standard_normal(model: GenerativeModel, given: Tensor | None = None) -> bool:
    """Whether the prior is N(0, 1) in every latent, so that its contours are circles."""
    base = getattr(model.prior(given), "base_dist", None)
    if not isinstance(base, torch.distributions.Normal):
        return False
    return bool((base.loc == 0).all()) and bool((base.scale == 1).all())


def walk(model: GenerativeModel, z: Tensor, d: int, values: Tensor, given: Tensor | None = None) -> Tensor:
    """z (*z_shape) with its d-th latent set to each of ``values`` (n,), decoded: (n, *x_shape)."""
    path = z.flatten().repeat(len(values), 1)
    path[:, d] = values.to(path)
    return decode(model, path.reshape(len(values), *z.shape), repeated(given, len(values)))


def between(model: GenerativeModel, start: Tensor, end: Tensor, steps: int, given: Tensor | None = None) -> Tensor:
    """The straight line from one z to another, both ends included, decoded: (steps, *x_shape)."""
    share = torch.linspace(0, 1, steps, device=start.device).reshape(-1, *(1,) * start.ndim)
    return decode(model, start + share * (end - start), repeated(given, steps))


def repeated(given: Tensor | None, n: int) -> Tensor | None:
    """One row's condition (1, *given_shape) for n rows."""
    return None if given is None else given[:1].expand(n, *given.shape[1:])


def device_of(model: GenerativeModel) -> torch.device:
    """Where the model's numbers are."""
    for tensor in (*model.parameters(), *model.buffers()):
        return tensor.device
    return torch.device("cpu")
