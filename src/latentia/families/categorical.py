"""One of C classes a value, stored as the numbers 0 .. C-1."""

from torch import Tensor
from torch.distributions import Categorical as TorchCategorical
from torch.distributions import Distribution, Independent

from latentia.core.errors import LatentiaError
from latentia.families.base import Family


class Categorical(Family):
    """Each value is a class number; raw holds its C logits.

    Args:
        n_classes: C, at least 2.

    Raises:
        LatentiaError: fewer than two classes.
    """

    discrete = True

    def __init__(self, n_classes: int = 2) -> None:
        super().__init__()
        if n_classes < 2:
            raise LatentiaError(f"n_classes is {n_classes}, wanted at least 2; count the distinct values of the data.")
        self.n_classes = n_classes

    @property
    def raw_per_value(self) -> int:
        return self.n_classes

    def distribution(self, raw: Tensor, event_dim: int = 1) -> Distribution:
        logits = raw.movedim(-1 - event_dim, -1)
        return Independent(TorchCategorical(logits=logits, validate_args=False), event_dim, validate_args=False)
