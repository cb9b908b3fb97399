"""What the distributions of this library share: named parameters that are broadcast, checked and expanded in one place."""

from functools import reduce
from typing import Any, ClassVar, Self

import torch
from torch import Size, Tensor
from torch.distributions import Distribution
from torch.distributions.constraints import Constraint, is_dependent
from torch.types import _size

from latentia.core.checks import first_place
from latentia.core.errors import ShapeError, SupportError


class Parametric(Distribution):
    """A ``torch`` distribution over parameters that are tensors, each named in ``arg_constraints``.

    A subclass states ``arg_constraints`` and ``support``, and hands its parameters to ``__init__`` by those names; they
    become attributes, broadcast against each other. What stands in other attributes is the same for the whole batch.

    Args:
        event_shape: shape of one draw.
        validate_args: whether parameters and values are checked; torch's default where None.
        parameters: tensors, or numbers, by the names in ``arg_constraints``.

    Raises:
        SupportError: a parameter breaks its constraint; a value lies outside the support.
        ShapeError: parameters do not broadcast; a value has the wrong shape.
    """

    # torch declares these two as properties that a subclass may replace by plain attributes, as its own classes do.
    arg_constraints: ClassVar[dict[str, Constraint]] = {}  # pyright: ignore[reportIncompatibleMethodOverride]
    support: Any  # pyright: ignore[reportIncompatibleMethodOverride]

    def __init__(
        self, event_shape: tuple[int, ...] = (), validate_args: bool | None = None, **parameters: Tensor | float
    ) -> None:
        tensors = self._as_floats(parameters)
        try:
            batch = torch.broadcast_shapes(*(self._split_shape(name, p)[0] for name, p in tensors.items()))
        except RuntimeError:
            shapes = ", ".join(f"{name} {tuple(p.shape)}" for name, p in tensors.items())
            raise ShapeError(f"{type(self).__name__}: {shapes} do not broadcast; give them one batch shape.") from None
        self._set(tensors, Size(batch), Size(event_shape), validate_args)
        if self._validate_args:
            self._check_parameters()

    def _as_floats(self, parameters: dict[str, Tensor | float]) -> dict[str, Tensor]:
        """Floating tensors of one dtype: the widest that came, torch's default where only whole numbers did."""
        given = [p for p in parameters.values() if isinstance(p, Tensor)]
        floating = [p.dtype for p in given if p.is_floating_point()]
        dtype = reduce(torch.promote_types, floating) if floating else torch.get_default_dtype()
        device = given[0].device if given else None
        tensors = {}
        for name, p in parameters.items():
            try:
                tensors[name] = p.to(dtype) if isinstance(p, Tensor) else torch.as_tensor(p, dtype=dtype, device=device)
            except (TypeError, ValueError):
                raise ShapeError(
                    f"{type(self).__name__}: {name} is a {type(p).__name__}, wanted a tensor or a number; convert it first."
                ) from None
        return tensors

    def _set(self, tensors: dict[str, Tensor], batch: Size, event: Size, validate_args: bool | None) -> None:
        for name, p in tensors.items():
            setattr(self, name, p.expand(batch + self._split_shape(name, p)[1]))
        # Checked here and not by torch, whose message prints the tensor.
        super().__init__(batch, event, validate_args=False)
        self._validate_args = type(self)._validate_args if validate_args is None else validate_args

    def _split_shape(self, name: str, p: Tensor) -> tuple[Size, Size]:
        """A parameter's batch axes and its own."""
        at = p.ndim - self.arg_constraints[name].event_dim
        return p.shape[:at], p.shape[at:]

    @property
    def parameters(self) -> dict[str, Tensor]:
        """The parameters by name, each with the whole batch shape."""
        return {name: self.__dict__[name] for name in self.arg_constraints if name in self.__dict__}

    def _check_parameters(self) -> None:
        """Refuse parameters that break a constraint; a subclass adds what binds two of them."""
        for name, p in self.parameters.items():
            constraint = self.arg_constraints[name]
            if not is_dependent(constraint):
                self._require(name, constraint.check(p), repr(constraint))

    def _require(self, name: str, good: Tensor, what: str) -> None:
        bad = ~good
        if bool(bad.any()):
            where = f", the first at {first_place(bad)}" if bad.ndim else ""
            raise SupportError(
                f"{type(self).__name__}: {name} must satisfy {what}; {int(bad.sum())} of {bad.numel()} do not{where}."
            )

    def _validate_sample(self, value: Tensor) -> None:
        if not isinstance(value, Tensor):
            raise ShapeError(
                f"{type(self).__name__}: a value is a {type(value).__name__}, wanted a tensor; convert it first."
            )
        event = value.shape[value.ndim - len(self.event_shape) :]
        if event != self.event_shape:
            raise ShapeError(
                f"{type(self).__name__}: a value ends in {tuple(event)}, wanted the event shape {tuple(self.event_shape)}."
            )
        try:
            torch.broadcast_shapes(value.shape, self.batch_shape + self.event_shape)
        except RuntimeError:
            raise ShapeError(
                f"{type(self).__name__}: a value of shape {tuple(value.shape)} does not broadcast with batch "
                f"{tuple(self.batch_shape)} and event {tuple(self.event_shape)}."
            ) from None
        self._require("a value", self.support.check(value), repr(self.support))

    def expand(self, batch_shape: _size, _instance: Any = None) -> Self:
        new = type(self).__new__(type(self)) if _instance is None else _instance
        new.__dict__.update(self.__dict__)
        new._set(self.parameters, Size(batch_shape), self.event_shape, self._validate_args)
        return new

    def _draw_shape(self, sample_shape: _size) -> Size:
        return self._extended_shape(Size(sample_shape))


def within(inside: Tensor, log_density: Tensor, value: Tensor) -> Tensor:
    """The log density where ``inside``, minus infinity elsewhere and at infinity; NaN where the value is."""
    elsewhere = torch.where(value.isnan(), value, -torch.inf)
    return torch.where(inside & (value < torch.inf), log_density, elsewhere)


def open_uniform(shape: _size, like: Tensor) -> Tensor:
    """Uniform draws from the open unit interval, as near to either end as the other; dtype and device of ``like``."""
    half = torch.finfo(like.dtype).eps / 2
    return torch.rand(shape, dtype=like.dtype, device=like.device).clamp_(half, 1 - half)
