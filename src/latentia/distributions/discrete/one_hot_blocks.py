"""Several variables of a few states each, laid end to end as one-hot blocks."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.distributions import constraints
from torch.types import _size

from latentia.core.errors import NoClosedForm, ShapeError
from latentia.distributions.entry import Entry, How
from latentia.distributions.parametric import Parametric

MOST_STATES = 2**16


class OneHotBlocksSupport(constraints.Constraint):
    """Zeros with a single one in each block; does not print the tensor.

    Args:
        sizes: of the blocks.
    """

    event_dim = 1
    is_discrete = True

    def __init__(self, sizes: tuple[int, ...]) -> None:
        self.sizes = sizes

    def check(self, value: Tensor) -> Tensor:
        if value.shape[-1] != sum(self.sizes):
            raise ShapeError(f"a value has {value.shape[-1]} columns, wanted {sum(self.sizes)}, those of all blocks.")
        bits = ((value == 0) | (value == 1)).all(-1)
        ones = torch.stack([block.sum(-1) == 1 for block in value.split(self.sizes, -1)]).all(0)
        return bits & ones

    def __repr__(self) -> str:
        return "a single one in each block"


class OneHotBlocks(Parametric):
    """V independent variables; a value of length S holds the one-hot code of each, the first variable's first.

    Args:
        logits: (..., S), any real numbers, one a state.
        sizes: states of each variable; S is their sum.

    Raises:
        ShapeError: a size below 1, or sizes that do not sum to the length of the logits.
    """

    arg_constraints = {"logits": constraints.real_vector}
    has_enumerate_support = True
    logits: Tensor

    def __init__(self, logits: Tensor, sizes: Sequence[int], validate_args: bool | None = None) -> None:
        self.sizes = tuple(sizes)
        if not self.sizes or min(self.sizes) < 1:
            raise ShapeError(f"OneHotBlocks: sizes are {list(sizes)}, wanted at least one block of at least one state.")
        if not isinstance(logits, Tensor) or logits.ndim < 1 or logits.shape[-1] != sum(self.sizes):
            raise ShapeError(
                f"OneHotBlocks: logits have shape {tuple(getattr(logits, 'shape', ()))}, but the sizes sum to "
                f"{sum(self.sizes)}; give (..., {sum(self.sizes)})."
            )
        self._columns = block_columns(self.sizes, logits.device)
        super().__init__((sum(self.sizes),), logits=logits, validate_args=validate_args)

    @constraints.dependent_property(is_discrete=True, event_dim=1)
    def support(self) -> constraints.Constraint:  # pyright: ignore[reportIncompatibleVariableOverride]
        return OneHotBlocksSupport(self.sizes)

    @property
    def log_masses(self) -> Tensor:
        """Normalized logits: (..., S)."""
        padded = self._padded(self.logits, -torch.inf).log_softmax(-1)
        return padded.flatten(-2)[..., self._columns[1]]

    def log_prob(self, value: Tensor) -> Tensor:
        """Log mass in nats: value (..., S) -> (...); minus infinity where a block is not one-hot."""
        if self._validate_args:
            self._validate_sample(value)
        # Not a product with the value: a mass of zero at a state that did not come is minus infinity times zero.
        log_mass = torch.where(value == 1, self.log_masses, 0.0).sum(-1)
        return torch.where(OneHotBlocksSupport(self.sizes).check(value), log_mass, -torch.inf)

    def sample(self, sample_shape: _size = ()) -> Tensor:
        with torch.no_grad():
            noise = torch.empty(self._draw_shape(sample_shape), dtype=self.logits.dtype, device=self.logits.device)
            # The largest of logits with Gumbel noise is a draw (Gumbel 1954; Yellott 1977).
            noisy = self._padded(self.logits - noise.exponential_().log(), -torch.inf)
            states = noisy.argmax(-1, keepdim=True)
            return torch.zeros_like(noisy).scatter_(-1, states, 1.0).flatten(-2)[..., self._columns[1]]

    def enumerate_states(self) -> Tensor:
        """All values of the event: (the product of the sizes, S).

        Raises:
            NoClosedForm: more than 65,536.
        """
        count = math.prod(self.sizes)
        if count > MOST_STATES:
            raise NoClosedForm(f"OneHotBlocks has {count} states, too many to list; {MOST_STATES} is the limit.")
        at = torch.arange(count, device=self.logits.device).unsqueeze(-1)
        sizes = torch.tensor(self.sizes, device=self.logits.device)
        states = at.div(count // sizes.cumprod(0), rounding_mode="floor") % sizes
        table = torch.zeros(count, len(sizes), max(self.sizes), dtype=self.logits.dtype, device=self.logits.device)
        return table.scatter_(-1, states.unsqueeze(-1), 1.0).flatten(-2)[..., self._columns[1]]

    def enumerate_support(self, expand: bool = True) -> Tensor:
        """All values: (states, *batch, S), or (states, 1, ..., S) where ``expand`` is False; 65,536 at most."""
        states = self.enumerate_states()
        states = states.reshape(len(states), *(1,) * len(self.batch_shape), -1)
        return states.expand(-1, *self.batch_shape, -1) if expand else states

    @property
    def mean(self) -> Tensor:
        """The probability of each state."""
        return self.log_masses.exp()

    @property
    def variance(self) -> Tensor:
        mean = self.mean
        return mean * (1 - mean)

    @property
    def mode(self) -> Tensor:
        padded = self._padded(self.logits, -torch.inf)
        best = torch.zeros_like(padded).scatter_(-1, padded.argmax(-1, keepdim=True), 1.0)
        return best.flatten(-2)[..., self._columns[1]]

    def entropy(self) -> Tensor:
        log_masses = self.log_masses
        return -torch.where(log_masses > -torch.inf, log_masses.exp() * log_masses, 0.0).sum(-1)

    def _padded(self, value: Tensor, filler: float) -> Tensor:
        """(..., S) -> (..., V, states of the largest block), ``filler`` where a block is shorter."""
        columns, _ = self._columns
        padding = torch.full((*value.shape[:-1], 1), filler, dtype=value.dtype, device=value.device)
        return torch.cat([value, padding], -1)[..., columns]


def block_columns(sizes: Sequence[int], device: torch.device | None = None) -> tuple[Tensor, Tensor]:
    """How blocks laid end to end are laid side by side, and back.

    Returns:
        (V, states of the largest block): the column of each state, S where a block is shorter; and (S,): where each column
        stands in that table, row by row.
    """
    widest, total = max(sizes), sum(sizes)
    table = torch.full((len(sizes), widest), total)
    start = 0
    for i, size in enumerate(sizes):
        table[i, :size] = torch.arange(start, start + size)
        start += size
    back = torch.cat([torch.arange(size) + i * widest for i, size in enumerate(sizes)])
    return table.to(device), back.to(device)


def one_hot_blocks_2_3(logits: Tensor) -> OneHotBlocks:
    """A bit and a variable of three states: logits (..., 5)."""
    return OneHotBlocks(logits, (2, 3))


ONE_HOT_BLOCKS = Entry(
    one_hot_blocks_2_3,
    How.NONE,
    "∏ over blocks of softmax(logits of the block) at the state that is one",
    "Johnson, Kotz & Balakrishnan (1997), Discrete Multivariate Distributions, ch. 35, of one trial each",
    typical={"logits": [[0.5, -0.5, 0.0, 1.0, -1.0], [1.0, 0.0, 0.3, -0.2, 0.4]]},
    extreme={"logits": [[1e4, -1e4, 0.0, 1e4, -1e4], [0.0, 0.0, -50.0, 0.0, 50.0], [0.0, 0.0, 0.0, 0.0, 0.0]]},
    invalid={"logits": [[float("nan"), 0.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0, 0.0]]},
)
