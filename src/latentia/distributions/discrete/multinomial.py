"""How often each of V things was counted, given how many were counted in all.

Johnson, Kotz & Balakrishnan (1997), Discrete Multivariate Distributions, ch. 35. torch's own holds one number of counts for
all rows and refuses the others.
"""

from math import comb

import torch
from torch import Tensor
from torch.distributions import Categorical, constraints
from torch.nn import functional as F
from torch.types import _size

from latentia.core.errors import NoClosedForm
from latentia.distributions.entry import Entry, How
from latentia.distributions.parametric import Parametric

MOST_STATES = 100_000


class MultinomialGivenTotal(Parametric):
    """Counts x of V things, with mass (sum x)! / prod x_v! · prod p_v^x_v.

    Each row is scored given its own total: the masses of all rows of one total sum to 1, whatever the total, so that nothing
    is said of how large rows are. ``total_count`` is the total of draws, and of the moments.

    Args:
        logits: (*batch, V), unnormalized.
        total_count: a whole number, or a tensor () of one.
    """

    arg_constraints = {"logits": constraints.real_vector}
    support = constraints.independent(constraints.nonnegative_integer, 1)
    logits: Tensor

    def __init__(self, logits: Tensor, total_count: Tensor | int = 1, validate_args: bool | None = None) -> None:
        # Kept as it came: to read a tensor's number here would wait for its device at every step of a training.
        self.total_count = total_count
        super().__init__(logits.shape[-1:], validate_args, logits=logits)

    @property
    def probs(self) -> Tensor:
        """(*batch, V), summing to 1."""
        return F.softmax(self.logits, -1)

    def log_prob(self, value: Tensor) -> Tensor:
        """Log mass given the total, nats: value (..., V), whole numbers -> (...); -inf for any other number, NaN for NaN."""
        if self._validate_args:
            self._validate_sample(value)
        log_p = F.log_softmax(self.logits, -1)
        # A thing that was not counted adds nothing, however unlikely it is.
        known = torch.where(value == 0, 0.0, value * log_p).sum(-1)
        are_counts = ((value >= 0) & (value == value.floor())).all(-1)
        return torch.where(are_counts | value.isnan().any(-1), known + log_orders(value), -torch.inf)

    def sample(self, sample_shape: _size = ()) -> Tensor:
        with torch.no_grad():
            shape = self._draw_shape(sample_shape)
            words = Categorical(logits=self.logits, validate_args=False).sample((int(self.total_count), *sample_shape))
            ones = torch.ones((), dtype=self.logits.dtype, device=self.logits.device)
            counts = torch.zeros(shape, dtype=self.logits.dtype, device=self.logits.device)
            return counts.scatter_add_(-1, words.movedim(0, -1), ones.expand(*shape[:-1], len(words)))

    def enumerate_states(self) -> Tensor:
        """All counts of ``total_count`` things, (S, V), S = C(total_count + V - 1, V - 1).

        Raises:
            NoClosedForm: more states than can be written out.
        """
        n, v = int(self.total_count), self.event_shape[0]
        states = comb(n + v - 1, v - 1)
        if states > MOST_STATES:
            raise NoClosedForm(f"{n} counts of {v} things have {states} states, {MOST_STATES} is the limit; draw instead.")
        # Bars between stars: the places of v - 1 bars among n stars.
        places = torch.arange(n + v - 1, device=self.logits.device)
        bars = torch.combinations(places, v - 1) if v > 1 else places.new_zeros(1, 0)
        ends = bars.new_full((len(bars), 1), -1), bars.new_full((len(bars), 1), n + v - 1)
        return (torch.cat([ends[0], bars, ends[1]], 1).diff(dim=1) - 1).to(self.logits.dtype)

    @property
    def has_enumerate_support(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]
        n, v = int(self.total_count), self.event_shape[0]
        return comb(n + v - 1, v - 1) <= MOST_STATES

    def enumerate_support(self, expand: bool = True) -> Tensor:
        """``enumerate_states`` with the batch axes torch puts in between: (S, *batch, V), of length 1 unless expanded."""
        states = self.enumerate_states()
        states = states.reshape(len(states), *(1,) * len(self.batch_shape), -1)
        return states.expand(-1, *self.batch_shape, -1) if expand else states

    @property
    def mean(self) -> Tensor:
        return self.total_count * self.probs

    @property
    def variance(self) -> Tensor:
        return self.total_count * self.probs * (1 - self.probs)


def log_orders(value: Tensor) -> Tensor:
    """log of the number of orders in which so many of each may have come, (sum x)! / prod x_v!: (..., V) -> (...) nats."""
    return torch.lgamma(value.sum(-1) + 1) - torch.lgamma(value + 1).sum(-1)


MULTINOMIAL = Entry(
    MultinomialGivenTotal,
    How.NONE,
    "(Σ x)! / Π x_v! · Π p_v^x_v, p = softmax(logits), of a row given its own total; draws have total_count",
    "Johnson, Kotz & Balakrishnan (1997), Discrete multivariate distributions, ch. 35",
    typical={"logits": [[0.5, -0.5, 0.0], [1.0, 0.0, 0.3]], "total_count": 5},
    extreme={"logits": [[1e4, -1e4, 0.0], [0.0, 0.0, 0.0], [-80.0, 80.0, 0.0]], "total_count": 1_000},
    invalid={"logits": [[float("nan"), 0.0, 0.0], [0.0, 0.0, 0.0]]},
)
