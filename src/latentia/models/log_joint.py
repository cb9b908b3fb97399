"""Any log joint density, written as a plain function of named parameters for one draw; the rest is done here.

Constraints become free real numbers by bijections whose log |det J| is added, as in Kucukelbir et al. (2017), Automatic
Differentiation Variational Inference. Many draws are one call, by torch.func.vmap.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple, cast

import torch
from torch import Size, Tensor
from torch.distributions import Distribution, Transform
from torch.distributions.constraints import Constraint

from latentia.core.errors import LatentiaError, ShapeError
from latentia.models.bijections import bijection, jacobian_of

Shaped = Constraint | tuple[Constraint | int, ...]
Parameters = dict[str, Tensor]


class _Site(NamedTuple):
    """Where one parameter lies: its constraint and shape, the map onto it, and its stretch of the free vector."""

    constraint: Constraint
    shape: Size
    free_shape: Size
    transform: Transform
    start: int
    stop: int


class LogJoint:
    """log p(x, parameters), nats, as a function that is handed one draw of each parameter by name.

    A parameter is a constraint, or a constraint and the sizes of its axes. The function returns a number, up to a constant
    that does not matter to the posterior (but shifts the ELBO). Its constraints are those of ``torch.distributions``, and
    ``ordered`` and ``positive_ordered``; matrices count by their lower triangle.

    >>> from torch.distributions import HalfNormal, Normal, constraints
    >>> y = torch.tensor([1.0, 2.0, 4.0])
    >>> joint = LogJoint(
    ...     lambda mu, tau: Normal(0, 5).log_prob(mu) + HalfNormal(2).log_prob(tau) + Normal(mu, tau).log_prob(y).sum(),
    ...     mu=constraints.real,
    ...     tau=constraints.positive,
    ... )
    >>> joint.log_prob(torch.zeros(5, joint.n_latents)).shape
    torch.Size([5])

    Args:
        log_density: parameters by name -> a scalar tensor, nats. It should be torch operations without branches on
            values; draws that cannot be vectorized are taken one by one, which is slower, and ``vectorized`` says so.
        **parameters: ``mu=real``, ``theta=(real, 8)``, ``weights=(simplex, 3)``, ``chol=(corr_cholesky, 4, 4)``.

    Attributes:
        n_latents: D, the length of the free vector.
        n_rows: N where the density is a sum over rows, else None.
        vectorized: None before the first call; then whether draws go through vmap.

    Raises:
        LatentiaError: no parameter, or one whose constraint has no bijection.
        ShapeError: a shape that the constraint cannot have.
    """

    def __init__(self, log_density: Callable[..., Tensor], /, **parameters: Shaped) -> None:
        if not parameters:
            raise LatentiaError("a log joint has no parameter; name each with its constraint, as in LogJoint(f, mu=real).")
        self.log_density = log_density
        self.sites: dict[str, _Site] = {}
        start = 0
        for name, shaped in parameters.items():
            self.sites[name] = site = _site(name, shaped, start)
            start = site.stop
        self.n_latents = start
        self.n_rows: int | None = None
        self.vectorized: bool | None = None
        self._log_likelihood: Callable[..., Tensor] | None = None
        self._data: tuple[Tensor, ...] = ()

    @classmethod
    def of_rows(
        cls,
        log_prior: Callable[..., Tensor],
        log_likelihood: Callable[..., Tensor],
        data: Tensor | Sequence[Tensor],
        /,
        **parameters: Shaped,
    ) -> "LogJoint":
        """A density whose likelihood is a sum over rows, so that minibatches can stand for the whole.

        Args:
            log_prior: parameters by name -> scalar, nats.
            log_likelihood: (x, **parameters) -> (B,) nats a row; with several data tensors, (x, y, **parameters).
            data: (N, ...), or a tuple or list of such tensors with the same N.
            **parameters: as for the class.

        Raises:
            ShapeError: data tensors of unlike length, or of none.
            LatentiaError: data that are no tensors.
        """
        joint = cls(log_prior, **parameters)
        joint._data = (data,) if isinstance(data, Tensor) else tuple(data)
        if strange := [type(each).__name__ for each in joint._data if not isinstance(each, Tensor)]:
            raise LatentiaError(f"the data hold a {strange[0]}, wanted tensors; give torch.as_tensor of each.")
        sizes = {len(each) if each.ndim else 0 for each in joint._data}
        if len(sizes) != 1 or not max(sizes):
            raise ShapeError(f"the data have {sorted(sizes)} rows, wanted the same number, at least 1, in each tensor.")
        joint.n_rows, joint._log_likelihood = sizes.pop(), log_likelihood
        return joint

    @property
    def place(self) -> tuple[torch.dtype, torch.device]:
        """Float type and device of the data where they are known, else torch's defaults."""
        dtype = next((each.dtype for each in self._data if each.is_floating_point()), torch.get_default_dtype())
        return dtype, self._data[0].device if self._data else torch.get_default_device()

    def constrain(self, z: Tensor) -> tuple[Parameters, Tensor]:
        """Free numbers as named parameters: z (..., D) -> each (..., *shape), and log |det J| (...)."""
        lead = z.ndim - 1
        out, log_slope = {}, z.new_zeros(z.shape[:-1])
        for name, site in self.sites.items():
            free = z[..., site.start : site.stop].reshape(z.shape[:-1] + site.free_shape)
            value = cast("Tensor", site.transform(free))  # torch types a cached answer as maybe none
            out[name] = value
            log_slope = log_slope + jacobian_of(site.transform, free, value, lead)
        return out, log_slope

    def unconstrain(self, parameters: Parameters) -> Tensor:
        """Named parameters, each (..., *shape), as free numbers (..., D); the inverse of ``constrain``."""
        pieces = []
        for name, site in self.sites.items():
            free = cast("Tensor", site.transform.inv(parameters[name]))
            pieces.append(free.reshape(*free.shape[: free.ndim - len(site.free_shape)], -1))
        return torch.cat(pieces, -1)

    def log_prob(self, z: Tensor, rows: Tensor | None = None) -> Tensor:
        """Log density of the free numbers, with the Jacobian: z (..., D) -> (...) nats.

        Args:
            z: free numbers.
            rows: (B,) which rows stand for all, their likelihood scaled by N / B; None for all of them.

        Raises:
            ShapeError: z is not of length D, or the function gives another shape than it should.
            LatentiaError: the function fails.
        """
        if z.shape[-1] != self.n_latents:
            raise ShapeError(f"z has shape {tuple(z.shape)}, wanted (..., {self.n_latents}); see `unconstrain`.")
        if rows is not None and self.n_rows is None:
            raise LatentiaError("rows were asked of a log joint without rows; write it with LogJoint.of_rows.")
        parameters, log_slope = self.constrain(z.reshape(-1, self.n_latents))
        return (self._densities(parameters, rows) + log_slope).reshape(z.shape[:-1])

    def _densities(self, parameters: Parameters, rows: Tensor | None) -> Tensor:
        """Of (K, *shape) parameters, (K,); the first call finds out whether they can go at once."""
        data = self._data if rows is None else tuple(each[rows] for each in self._data)
        scale = 1.0 if rows is None else (self.n_rows or 0) / len(rows)

        def one(draw: Parameters) -> Tensor:
            value = _number(self.log_density(**draw), (), "the log density")
            if self._log_likelihood is None:
                return value
            each = _number(self._log_likelihood(*data, **draw), (len(data[0]),), "the log likelihood")
            return value + scale * each.sum()

        if self.vectorized is None:
            self._try_one(one, {name: value[0] for name, value in parameters.items()})
        if self.vectorized is not False:
            try:
                with _unchecked():
                    values = torch.func.vmap(one)(parameters)
            except (RuntimeError, NotImplementedError, ValueError):
                if self.vectorized:  # it went before; what fails now is another thing
                    raise
                self.vectorized = False
            else:
                self.vectorized = True
                return values
        with _unchecked():
            each = zip(*(value.unbind() for value in parameters.values()), strict=True)
            return torch.stack([one(dict(zip(parameters, draw, strict=True))) for draw in each])

    def _try_one(self, one: Callable[[Parameters], Tensor], draw: Parameters) -> None:
        """The user's function on one draw by itself, so that what is wrong with it is said in plain words."""
        try:
            with torch.no_grad(), _unchecked():
                one(draw)
        except LatentiaError:
            raise
        except Exception as error:
            shapes = ", ".join(f"{name} {tuple(value.shape)}" for name, value in draw.items())
            first = (str(error).splitlines() or [""])[0]
            raise LatentiaError(
                f"the log density failed on one draw ({shapes}) with {type(error).__name__}: {first}; "
                "call it by hand with tensors of these shapes and of the data's float type."
            ) from error


def _site(name: str, shaped: Shaped, start: int) -> _Site:
    constraint, *sizes = shaped if isinstance(shaped, tuple) else (shaped,)
    if not isinstance(constraint, Constraint) or not all(isinstance(n, int) and n > 0 for n in sizes):
        raise LatentiaError(
            f"parameter {name!r} is {shaped!r}, wanted a constraint or (constraint, size, ...), as in {name}=(real, 8)."
        )
    transform, shape = bijection(constraint), Size(cast("list[int]", sizes))
    try:
        free_shape = Size(transform.inverse_shape(shape))
    except (ValueError, IndexError) as error:
        free_shape = None
        cause = error
    else:
        cause = None
    if free_shape is None or len(shape) < constraint.event_dim or not math.prod(free_shape):
        raise ShapeError(
            f"parameter {name!r} has shape {tuple(shape)}, but {type(constraint).__name__.strip('_')} needs "
            f"{constraint.event_dim} axes with something free in them; give (constraint, size, ...)."
        ) from cause
    return _Site(constraint, shape, free_shape, transform, start, start + math.prod(free_shape))


def _number(value: object, want: tuple[int, ...], what: str) -> Tensor:
    if not isinstance(value, Tensor) or tuple(value.shape) != want:
        got = f"shape {tuple(value.shape)}" if isinstance(value, Tensor) else type(value).__name__
        cure = "sum over what is independent" if not want else "give one number a row, summed over the rest"
        raise ShapeError(f"{what} gave {got}, wanted a tensor of shape {want}; {cure}.")
    return value


@contextmanager
def _unchecked() -> Iterator[None]:
    """Torch's distributions made without checks of their arguments, which look at values and so forbid vmap."""
    before = Distribution._validate_args
    Distribution.set_default_validate_args(False)
    try:
        yield
    finally:
        Distribution.set_default_validate_args(before)
