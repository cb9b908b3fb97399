"""What a structured distribution asks of the laws that it is made of: their shapes, their draws, their support."""

from collections.abc import Callable

from torch import Size, Tensor
from torch.distributions import Bernoulli, Categorical, Distribution, Independent, Laplace, Normal, constraints
from torch.types import _size

from latentia.core.errors import NoReparameterization, ShapeError
from latentia.distributions.kl import describe
from latentia.distributions.univariate import Logistic


class Conditioned(constraints.Constraint):
    """A support that depends on the value itself, asked of the laws at that value."""

    def __init__(self, check: Callable[[Tensor], Tensor], event_dim: int, is_discrete: bool) -> None:
        self._check, self._event_dim, self._is_discrete = check, event_dim, is_discrete
        super().__init__()

    @property
    def event_dim(self) -> int:  # pyright: ignore[reportIncompatibleVariableOverride]  a property in torch's own, too
        return self._event_dim

    @property
    def is_discrete(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self._is_discrete

    def check(self, value: Tensor) -> Tensor:
        return self._check(value)

    def __repr__(self) -> str:
        return "the support of each part given the others"


def fitted(law: Distribution, lead: Size, event: Size, who: str) -> Distribution:
    """``law`` with batch ``lead``, expanded where it is smaller.

    Raises:
        ShapeError: its event is another, or its batch is no part of ``lead``.
    """
    try:
        if law.event_shape == event:
            return law if law.batch_shape == lead else law.expand(lead)
    except RuntimeError:
        pass
    raise ShapeError(
        f"{who} returned batch {tuple(law.batch_shape)} and event {tuple(law.event_shape)}, wanted batch {tuple(lead)} "
        f"and event {tuple(event)}; Independent turns batch axes into event axes."
    )


def draw(law: Distribution, sample_shape: _size, with_gradient: bool, who: str) -> Tensor:
    """(*sample, *batch, *event).

    Raises:
        NoReparameterization: a gradient is wanted and the law's draws carry none.
    """
    if not with_gradient:
        return law.sample(sample_shape)
    if not law.has_rsample:
        raise NoReparameterization(f"{who} is {describe(law)}, whose draws carry no gradient; use sample, or another law.")
    return law.rsample(sample_shape)


# Laws that are rebuilt from slices of their parameters; a subclass may be made in another way.
CUT = (Normal, Laplace, Logistic, Bernoulli, Categorical)


def last_entry(law: Distribution) -> Distribution:
    """The law of the last entry, batch (..., t) -> (..., 1), where its kind can be cut; any other law as it is."""
    skipped = law.reinterpreted_batch_ndims if isinstance(law, Independent) else 0
    base: Distribution = law.base_dist if isinstance(law, Independent) else law
    if type(base) not in CUT:
        return law
    parameters = {
        name: base.__dict__[name].narrow(-1 - skipped - constraint.event_dim, -1, 1)
        for name, constraint in base.arg_constraints.items()
        if name in base.__dict__
    }
    if type(base) in (Bernoulli, Categorical):
        given = next(iter(parameters))  # the other of probs and logits may be cached beside it
        parameters = {given: parameters[given]}
    one = type(base)(**parameters, validate_args=False)
    return Independent(one, skipped, validate_args=False) if skipped else one


def support_of(law: Distribution) -> constraints.Constraint:
    """The support of a law that has one.

    Raises:
        ShapeError: it states none.
    """
    support = law.support
    if support is None:
        raise ShapeError(f"{describe(law)} states no support, which the whole needs; give its class a `support`.")
    return support


def innermost(support: constraints.Constraint) -> constraints.Constraint:
    """The constraint on a single value (or on the smallest part that has one)."""
    while isinstance(support, constraints.independent):
        support = support.base_constraint
    return support


def is_fixed(support: constraints.Constraint) -> bool:
    """Whether a support is the same for all rows, whatever the law was given."""
    return not any(isinstance(bound, Tensor) for bound in vars(innermost(support)).values())
