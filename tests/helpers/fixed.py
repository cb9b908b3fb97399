"""A posterior that does not look, for tests of what weights make of its draws."""

from torch.distributions import Distribution

from latentia.core import Batch
from latentia.models import GenerativeModel
from latentia.posteriors import Posterior


class Fixed(Posterior):
    """The same answer for every row.

    Args:
        q: batch (), event z_shape.
    """

    def __init__(self, q: Distribution) -> None:
        super().__init__()
        self.q = q

    def infer(self, model: GenerativeModel, batch: Batch) -> Distribution:
        return self.q.expand((len(batch.x),))
