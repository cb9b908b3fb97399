"""A Bayesian network of discrete variables with known tables, some of whose variables are seen.

Pearl (1988), Probabilistic Reasoning in Intelligent Systems.
"""

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import torch
from torch import Size, Tensor
from torch.distributions import Distribution, Independent

from latentia.core import Batch
from latentia.core.checks import check_shape, expand_mask, first_place
from latentia.core.errors import LatentiaError
from latentia.distributions import Delta
from latentia.models.assignments import Assignments, AssignmentTables
from latentia.models.base import GenerativeModel
from latentia.models.bayes_tables import checked_variables
from latentia.models.elimination import Plan, log_evidence, marginals, plan
from latentia.models.evidence import named_place, named_state


class BayesNet(GenerativeModel):
    """z is the complete assignment, one-hot blocks in the listed order; x is z, of which a mask says what was seen.

    Nothing is learned. log p(x | z) is 0 where z agrees with all that was seen, else minus infinity.

    Args:
        variables: {"name", "states", "parents", "table"} each: names of the states, names of the parents, and for each
            configuration of the parents (row-major, the last parent's state changing fastest) a row with the chance of each
            state. Parents may be left out where there are none.

    Attributes:
        sizes: states of each variable; S, the length of z and x, is their sum.

    Raises:
        LatentiaError: whatever keeps the variables from being a network, as ``checked_variables`` says.
    """

    shows_latents = True

    def __init__(self, variables: list[dict[str, Any]]) -> None:
        super().__init__()
        self.nodes = checked_variables(variables)
        self.variables = [dict(variable) for variable in variables]
        self.tables = AssignmentTables(self.nodes)
        self.sizes = list(self.tables.sizes)
        self.x_shape = self.z_shape = Size((sum(self.sizes),))

    def prior(self, given: Tensor | None = None) -> Distribution:
        return Assignments(self.tables)

    def likelihood(self, z: Tensor, given: Tensor | None = None) -> Distribution:
        """All mass on x = z."""
        return Independent(Delta(z, validate_args=False), 1, validate_args=False)

    def draw_mask(self, shares: Tensor) -> Tensor:
        """Which entries are seen, (n, S) bool: a whole variable of row i with chance shares_i, shares (n,)."""
        seen = torch.rand(len(shares), len(self.sizes), device=shares.device) < shares.unsqueeze(-1)
        return seen.repeat_interleave(torch.tensor(self.sizes, device=shares.device), -1)

    def evidence(self, observed: Mapping[str, str]) -> tuple[Tensor, Tensor]:
        """Findings {variable: state} as (x, mask), (S,) each.

        Raises:
            LatentiaError: a variable or a state that is none.
        """
        x, mask = torch.zeros(self.x_shape), torch.zeros(self.x_shape, dtype=torch.bool)
        blocks = list(zip(x.split(self.sizes), mask.split(self.sizes), strict=True))
        for name, value in observed.items():
            place = named_place("variable", name, [v.name for v in self.nodes])
            variable, (column, seen) = self.nodes[place], blocks[place]
            if bool(seen.any()):
                raise LatentiaError(f"{variable.name!r} is named twice; say each finding once.")
            column[named_state(variable.name, str(value), variable.states)] = 1.0
            seen[:] = True
        return x, mask

    def answers(self, mean: Tensor) -> list[tuple[str, str, float]]:
        """(variable, state, probability) of every state, in order: mean (S,)."""
        names = [(variable.name, state) for variable in self.nodes for state in variable.states]
        return [(*name, float(p)) for name, p in zip(names, mean.tolist(), strict=True)]

    def exact_marginals(self, batch: Batch) -> Tensor:
        """p(each state | what was seen) of every variable, seen ones too: (B, S), float64.

        Raises:
            LatentiaError: evidence that cannot be, or a network that hangs together too closely.
        """
        log_p, found = marginals(self.nodes, self.plan, self._indicators(batch))
        impossible = log_p == -torch.inf
        if bool(impossible.any()):
            raise LatentiaError(
                f"the evidence of {int(impossible.sum())} of {len(impossible)} rows cannot be under this network, the first "
                f"in row {first_place(impossible)}; two findings contradict each other, or one has no chance at all."
            )
        return found

    def log_evidence(self, batch: Batch) -> Tensor:
        """log p(what was seen): (B,) nats, float64; minus infinity where it cannot be. Raises as ``exact_marginals``."""
        return log_evidence(self.nodes, self.plan, self._indicators(batch))

    @cached_property
    def plan(self) -> Plan:
        """How exact answers are computed.

        Raises:
            LatentiaError: the network hangs together too closely.
        """
        return plan(self.nodes)

    def _indicators(self, batch: Batch) -> Tensor:
        """Which states the evidence allows: (B, S) float64."""
        x = batch.x
        check_shape("x", x.shape[1:], self.x_shape, cure="give a column for each state.")
        seen = torch.ones_like(x, dtype=torch.bool) if batch.mask is None else expand_mask(batch.mask, x).expand_as(x)
        for variable, value, mask in zip(self.nodes, x.split(self.sizes, 1), seen.split(self.sizes, 1), strict=True):
            torn = mask.any(1) & ~mask.all(1)
            if bool(torn.any()):
                raise LatentiaError(
                    f"{variable.name!r} is seen in part in {int(torn.sum())} rows, the first {first_place(torn)}; a mask "
                    "shows all states of a variable or none."
                )
            strange = mask[:, 0] & ~(((value == 0) | (value == 1)).all(1) & (value.sum(1) == 1))
            if bool(strange.any()):
                raise LatentiaError(
                    f"{variable.name!r} is seen but not one-hot in {int(strange.sum())} rows, the first "
                    f"{first_place(strange)}; give a one for its state and zeros beside."
                )
        return torch.where(seen, x, 1.0).double()
