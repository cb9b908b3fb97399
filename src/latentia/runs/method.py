"""The five choices as objects, and the learner that they and a recipe's fit section make."""

from dataclasses import dataclass, field

from latentia.bounds import Bound, Elbo
from latentia.core.errors import RecipeError
from latentia.gradients import Auto, Gradient
from latentia.learners import KLWeight, Learner, LearningRate
from latentia.models import GenerativeModel
from latentia.posteriors import Posterior
from latentia.recipe import Component, FitSection, Recipe, build_learner, learner_parameters

# What a learner's constructor must take for a choice to have an effect, under the name by which it is offered.
_TAKEN_AS = {
    "bound": "bound",
    "gradient": "gradient",
    "draws": "draws",
    "fit.lr": "lr",
    "fit.lr_decay": "lr",
    "fit.lr_warm_up": "lr",
    "fit.beta": "kl",
    "fit.kl_warm_up": "kl",
    "fit.adam_betas": "betas",
    "fit.adam_eps": "eps",
    "fit.clip": "clip",
    "fit.precision": "precision",
    "fit.compile": "compiled",
}


@dataclass(frozen=True)
class Method:
    """The five choices, with the number of draws.

    Attributes:
        model: p.
        posterior: q.
        bound: what is raised.
        gradient: how it is differentiated.
        draws: K, draws a row.
        learner: who moves when, as a recipe says it.
    """

    model: GenerativeModel
    posterior: Posterior
    bound: Bound
    gradient: Gradient
    draws: int
    learner: Component = field(default_factory=lambda: {"name": "joint"})


def learner_for(method: Method, section: FitSection, n_rows: int) -> Learner:
    """The learner of a method under a fit section, for a training split of ``n_rows``; raises as the recipe's ``build``."""
    total = section.epochs * -(-n_rows // section.batch_size)
    cosine_end = total if section.lr_decay == "cosine" else 0
    offered = {
        "model": method.model,
        "posterior": method.posterior,
        "bound": method.bound,
        "gradient": method.gradient,
        "draws": method.draws,
        "lr": LearningRate(section.lr, section.lr_warm_up, cosine_end),
        "kl": KLWeight(section.beta, section.kl_warm_up),
        "betas": section.adam_betas,
        "eps": section.adam_eps,
        "clip": section.clip,
        "precision": section.precision,
        "compiled": section.compile,
    }
    _refuse_what_is_not_taken(method, section)
    return build_learner(method.learner, offered)


def for_learner(recipe: Recipe, learner: Component) -> Recipe:
    """The recipe with another learner, and without what that one does not take."""
    plain, changes, fit = Recipe(), {}, {}
    for choice in _not_taken(learner):
        section, _, name = choice.rpartition(".")
        where, source = (fit, plain.fit) if section else (changes, plain)
        where[name] = getattr(source, name)
    return recipe.model_copy(update={**changes, "fit": recipe.fit.model_copy(update=fit), "learner": learner})


def _refuse_what_is_not_taken(method: Method, section: FitSection) -> None:
    """What was asked for and would be ignored by the learner is refused.

    Raises:
        RecipeError: with the first such value.
    """
    plain = FitSection()
    asked = {f"fit.{name}": getattr(section, name) != getattr(plain, name) for name in FitSection.model_fields}
    asked |= {
        "bound": not isinstance(method.bound, Elbo),
        "gradient": not isinstance(method.gradient, Auto),
        "draws": method.draws != 1,
    }
    for name in _not_taken(method.learner):
        if asked[name]:
            raise RecipeError(
                f"learner {method.learner['name']!r} does not take {name!r}; leave it out, or use learner=joint."
            )


def _not_taken(learner: Component) -> list[str]:
    """Choices of a recipe that a learner would ignore."""
    taken = learner_parameters(learner)
    return [choice for choice, name in _TAKEN_AS.items() if name not in taken]
