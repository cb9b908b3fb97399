"""q(z) of a mean-field posterior over z and parameters, as the model states it in closed form for its other factors."""

from torch.distributions import Distribution

from latentia.core import Batch
from latentia.core.errors import NoClosedForm
from latentia.models import GenerativeModel, HasCoordinateAscent
from latentia.posteriors.base import Posterior


class VariationalFactor(Posterior):
    """The best q(z) for the model's other factors as they are; the model says it, and nothing is learned here."""

    def infer(self, model: GenerativeModel, batch: Batch) -> Distribution:
        """Ask the model.

        Raises:
            NoClosedForm: the model has no ``variational_posterior``.
        """
        if not isinstance(model, HasCoordinateAscent):
            raise NoClosedForm(f"{type(model).__name__} has no variational_posterior; use 'amortized'.")
        return model.variational_posterior(batch)
