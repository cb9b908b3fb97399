"""Joint draws and densities of all variables of a Bayesian network, many rows at once.

Henrion (1988), Propagating uncertainty in Bayesian networks by probabilistic logic sampling.
"""

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Size, Tensor, nn
from torch.distributions import Distribution
from torch.distributions.constraints import Constraint
from torch.types import _size

from latentia.core.errors import LatentiaError
from latentia.distributions import OneHotBlocks, OneHotBlocksSupport, block_columns
from latentia.models.bayes_tables import MOST_CELLS, Variable, levels


class AssignmentTables(nn.Module):
    """What drawing and scoring look up: no parameter, buffers alone.

    Args:
        variables: the network.
    """

    log_table: Tensor
    cumulative: Tensor
    columns: Tensor
    back: Tensor
    start: Tensor
    parents: Tensor
    strides: Tensor

    def __init__(self, variables: Sequence[Variable]) -> None:
        super().__init__()
        self.sizes = tuple(len(v.states) for v in variables)
        self.n_levels = 0
        for level in levels(variables):
            self.register_buffer(f"level_{self.n_levels}", torch.tensor(level), persistent=False)
            self.n_levels += 1
        widest, most = max(self.sizes), max(1, *(len(v.parents) for v in variables))
        n = len(variables)
        parents, strides = torch.zeros(n, most, dtype=torch.long), torch.zeros(n, most, dtype=torch.long)
        for i, v in enumerate(variables):
            step = 1
            for k in reversed(range(len(v.parents))):
                parents[i, k], strides[i, k] = v.parents[k], step
                step *= self.sizes[v.parents[k]]
        rows = torch.tensor([len(v.table) for v in variables])
        if int(rows.sum()) * widest > MOST_CELLS:
            raise LatentiaError(
                f"the tables have {int(rows.sum())} rows, and one variable {widest} states, to which all rows are padded: "
                f"{int(rows.sum()) * widest} cells, {MOST_CELLS} is the limit; give that variable fewer states."
            )
        table = torch.zeros(int(rows.sum()), widest, dtype=torch.float64)
        for i, at in enumerate((rows.cumsum(0) - rows).tolist()):
            table[at : at + len(variables[i].table), : self.sizes[i]] = variables[i].table
        columns, back = block_columns(self.sizes)
        exact = {"log_table": table.log(), "cumulative": _cumulative(table)}
        for name, value in exact.items():
            self.register_buffer(name, value.to(torch.get_default_dtype()), persistent=False)
        whole = {"columns": columns, "back": back, "start": rows.cumsum(0) - rows, "parents": parents, "strides": strides}
        for name, value in whole.items():
            self.register_buffer(name, value, persistent=False)

    @property
    def levels(self) -> list[Tensor]:
        """Places of the variables, level by level, as ``bayes_tables.levels`` has them."""
        return [self.get_buffer(f"level_{i}") for i in range(self.n_levels)]

    def states(self, z: Tensor) -> Tensor:
        """(..., S) one-hot blocks -> (..., V) the number of each variable's state."""
        padding = torch.full((*z.shape[:-1], 1), -1.0, dtype=z.dtype, device=z.device)
        return torch.cat([z, padding], -1)[..., self.columns].argmax(-1)

    def one_hot(self, states: Tensor) -> Tensor:
        """(..., V) -> (..., S), in the type of the tables."""
        table = torch.zeros(*states.shape, self.columns.shape[1], dtype=self.log_table.dtype, device=states.device)
        return table.scatter_(-1, states.unsqueeze(-1), 1.0).flatten(-2)[..., self.back]

    def rows(self, states: Tensor, of: Tensor | slice = slice(None)) -> Tensor:
        """Which row of the table each of the variables ``of`` is drawn from: (..., V) -> (..., variables)."""
        return self.start[of] + (states[..., self.parents[of]] * self.strides[of]).sum(-1)


class Assignments(Distribution):
    """A complete assignment as one-hot blocks, drawn from the parents down.

    Args:
        tables: of the network.
    """

    # torch declares both as properties that a subclass may replace by plain attributes, as its own classes do.
    arg_constraints: ClassVar[dict[str, Constraint]] = {}  # pyright: ignore[reportIncompatibleMethodOverride]

    def __init__(self, tables: AssignmentTables) -> None:
        self._tables = tables
        super().__init__(Size(), Size((sum(tables.sizes),)), validate_args=False)

    @property
    def support(self) -> Constraint:
        return OneHotBlocksSupport(self._tables.sizes)

    @property
    def _blocks(self) -> OneHotBlocks:
        zeros = torch.zeros_like(self._tables.log_table[0, 0]).expand(self.event_shape)
        return OneHotBlocks(zeros, self._tables.sizes, validate_args=False)

    def log_prob(self, value: Tensor) -> Tensor:
        """Nats: value (..., S) -> (...); minus infinity where a block is not one-hot, or where the assignment cannot be."""
        tables = self._tables
        states = tables.states(value)
        log_mass = tables.log_table[tables.rows(states), states].sum(-1)
        return torch.where(self.support.check(value), log_mass, -torch.inf)

    def sample(self, sample_shape: _size = ()) -> Tensor:
        """(*sample_shape, S)."""
        tables = self._tables
        with torch.no_grad():
            like = tables.cumulative
            shape = (*sample_shape, len(tables.sizes))
            u = torch.rand(shape, dtype=like.dtype, device=like.device).unsqueeze(-1)
            states = torch.zeros(shape, dtype=torch.long, device=like.device)
            for level in tables.levels:
                chances = like[tables.rows(states, level)]
                states[..., level] = (chances <= u[..., level, :]).sum(-1)
            return tables.one_hot(states)

    def enumerate_states(self) -> Tensor:
        """All assignments, possible or not: (the product of the numbers of states, S).

        Raises:
            NoClosedForm: more than 65,536.
        """
        return self._blocks.enumerate_states()


def _cumulative(table: Tensor) -> Tensor:
    """Chances summed along the states: a uniform draw is in the first state whose sum lies above it.

    From a row's last possible state on the sum is infinite, so that rounding never chooses a state that cannot be.
    """
    n = table.shape[1]
    last = n - 1 - (table.flip(1) > 0).int().argmax(1, keepdim=True)
    return torch.where(torch.arange(n) >= last, torch.inf, table.cumsum(1))
