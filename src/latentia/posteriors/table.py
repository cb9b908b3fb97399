"""Raw numbers for each row of one split, found elsewhere and kept."""

from torch import Tensor, nn
from torch.distributions import Distribution

from latentia.core import Batch
from latentia.core.errors import ShapeError
from latentia.families import Family
from latentia.models import GenerativeModel
from latentia.posteriors.base import Posterior


class Table(Posterior):
    """q(z_i) = family(raw_i), looked up by ``Batch.row``. It knows the rows of one split alone.

    Args:
        family: how raw numbers are read as a distribution over z.
        raw: the table, (N, raw_per_value, *z_shape).

    Raises:
        ShapeError: the table has another number of raw values than the family reads.
    """

    def __init__(self, family: Family, raw: Tensor) -> None:
        super().__init__()
        if raw.ndim < 2 or raw.shape[1] != family.raw_per_value:
            raise ShapeError(
                f"Table: raw has shape {tuple(raw.shape)}, but {type(family).__name__} reads {family.raw_per_value} "
                f"numbers a latent; give (rows, {family.raw_per_value}, latents)."
            )
        self.family = family
        self.raw = nn.Parameter(raw.detach().clone())

    def infer(self, model: GenerativeModel, batch: Batch) -> Distribution:
        """Look the rows up.

        Raises:
            ShapeError: the batch comes from another split, with another number of rows.
        """
        if batch.n_rows != len(self.raw):
            raise ShapeError(
                f"Table holds {len(self.raw)} rows and was asked for rows of a split of {batch.n_rows}; "
                "infer on the split that it was made for, or search for the new rows with PerDatum."
            )
        return self.family.distribution(self.raw[batch.row], event_dim=self.raw.ndim - 2)
