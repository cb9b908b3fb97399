"""The posterior itself, where the model can say it in closed form."""

from torch.distributions import Distribution

from latentia.core import Batch
from latentia.core.errors import NoClosedForm
from latentia.models import GenerativeModel, HasExactPosterior
from latentia.posteriors.base import Posterior


class Exact(Posterior):
    """p(z | x) as the model states it; the bound is then tight at every draw."""

    def infer(self, model: GenerativeModel, batch: Batch) -> Distribution:
        """Ask the model.

        Raises:
            NoClosedForm: the model has no ``exact_posterior``.
        """
        if not isinstance(model, HasExactPosterior):
            raise NoClosedForm(f"{type(model).__name__} has no exact posterior; use 'amortized'.")
        return model.exact_posterior(batch)
