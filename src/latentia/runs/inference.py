"""What a run believes once some of its named variables were observed, beside another way to the same answer."""

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, get_args

import torch
from rich.table import Table
from torch import Tensor

from latentia.core import Batch
from latentia.core.checks import check_shape
from latentia.core.errors import LatentiaError, nearest
from latentia.evaluation import gibbs, mean_and_error, quiet, weighted_mean
from latentia.models import BayesNet, GenerativeModel, HasExactMarginals, HasNamedEvidence
from latentia.posteriors import Amortized, Layered, Posterior
from latentia.weights import log_weights

Check = Literal["none", "importance", "gibbs", "exact"]
CHECKS: tuple[str, ...] = get_args(Check)
DRAWS_FOR_PRIOR = 10_000
DRAWS_TO_SEE_IT_CAN_BE = 1000
FEW_DRAWS, UNMIXED = 100, 1.05
CHAINS, SWEEPS_AT_LEAST = 32, 20


class Belief(NamedTuple):
    """One state of one variable.

    Attributes:
        variable: its name.
        state: the state's name.
        prior: its probability before anything was seen.
        probability: after, by the posterior.
        checked: the same by the check, or None.
        error: the check's standard error, or None where it has none.
    """

    variable: str
    state: str
    prior: float
    probability: float
    checked: float | None = None
    error: float | None = None


@dataclass(frozen=True)
class Inference:
    """Probabilities of what was not observed.

    Attributes:
        observed: the findings, as they were given.
        beliefs: every state of the ``top`` variables, those that matter most first.
        seconds: that the posterior took.
        check: by which other way they were computed, too.
        check_seconds: that it took.
        notes: what to know about these figures.
    """

    observed: dict[str, str]
    beliefs: tuple[Belief, ...]
    seconds: float
    check: str = "none"
    check_seconds: float | None = None
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers, lists and text; a check that came to no figure has None, as JSON knows no NaN."""
        beliefs = [{k: _plain(v) for k, v in belief._asdict().items()} for belief in self.beliefs]
        out: dict[str, Any] = {"observed": self.observed, "beliefs": beliefs, "seconds": self.seconds}
        return out | {"check": self.check, "check_seconds": self.check_seconds, "notes": list(self.notes)}

    def table(self) -> Table:
        """For a terminal."""
        told = ", ".join(f"{name} = {value}" for name, value in self.observed.items())
        table = Table(title=f"given {told}" if told else "given nothing", title_justify="left")
        table.add_column("variable")
        table.add_column("state")
        for name in ("prior", "posterior", *([self.check] if self.check != "none" else [])):
            table.add_column(name, justify="right", no_wrap=True)
        for belief in self.beliefs:
            table.add_row(*self._cells(belief))
        return table

    def lines(self) -> list[str]:
        """How long it took, and what to know."""
        took = f"posterior {_duration(self.seconds)}"
        if self.check_seconds is not None:
            took += f", {self.check} {_duration(self.check_seconds)}"
        return [took, *self.notes]

    def __str__(self) -> str:
        rows = [self._cells(belief) for belief in self.beliefs]
        wide = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
        text = ["  ".join(cell.ljust(w) for cell, w in zip(row, wide, strict=True)).rstrip() for row in rows]
        return "\n".join([*text, *self.lines()])

    def _cells(self, belief: Belief) -> list[str]:
        cells = [belief.variable, belief.state, _chance(belief.prior), _chance(belief.probability)]
        if belief.checked is not None:
            error = "" if belief.error is None else f" ± {belief.error:.4f}"
            cells.append(f"{_chance(belief.checked)}{error}")
        return cells


def infer(
    model: GenerativeModel,
    posterior: Posterior,
    observed: Mapping[str, Any],
    top: int = 10,
    check: Check = "none",
    draws: int = 10_000,
    seed: int = 0,
) -> Inference:
    """Beliefs about what was not observed.

    Args:
        model: p; its variables have names.
        posterior: q.
        observed: findings {name: value}; with none the answer is the prior's.
        top: how many variables to tell of.
        check: "importance" weighs draws of q by the model; "gibbs" does without q; "exact" sums, where that can be done.
        draws: of the check: weighted ones, or the sweeps of all 32 Gibbs chains together.
        seed: of the draws.

    Raises:
        LatentiaError: a model without names, a name or value it does not know, findings that cannot be, or a check that
            cannot be had.
    """
    if not isinstance(model, HasNamedEvidence):
        raise LatentiaError(
            f"the variables of {type(model).__name__} have no names to observe them by; use `latentia encode` for rows, or "
            "a run of a known model, such as recipe 'asia'."
        )
    if check not in CHECKS:
        raise LatentiaError(f"there is no check {check!r}; {nearest(check, list(CHECKS))}")
    if top < 1 or draws < 1:
        raise LatentiaError(f"top is {top} and draws is {draws}, wanted at least 1 of each.")
    told = {str(name): str(value) for name, value in observed.items()}
    x, mask = model.evidence(told)
    like = next((t for t in (*model.parameters(), *model.buffers()) if t.is_floating_point()), x)
    x, mask = x.to(like), mask.to(like.device)
    batch = Batch(x.unsqueeze(0), torch.zeros(1, dtype=torch.long, device=x.device), 1, mask=mask.unsqueeze(0))
    with quiet(model, posterior, seed):
        prior = _prior_mean(model, batch)
        notes = _doubts(model, posterior, batch)
        posterior.infer(model, batch)  # the first call pays for what later ones find ready
        began = time.perf_counter()
        mean, variance = mean_and_error(posterior.infer(model, batch)) if told else (prior, torch.zeros_like(prior))
        seconds = time.perf_counter() - began
    if bool((variance > 0).any()):
        error = float(variance.max()) ** 0.5
        notes += (f"the posterior's probabilities are means of draws, off by standard errors up to {error:.4f}",)
    found = _checked(model, posterior, batch, check, draws, seed)
    if not told:
        notes = ("nothing was observed, so that the posterior is the prior",)
    groups = _beliefs(model, prior[0], mean[0], found)
    if isinstance(model, BayesNet):
        # What was observed is a part of z, and no answer.
        groups = [g for g, seen in zip(groups, mask.split(model.sizes), strict=True) if not bool(seen.any())]
        if not groups:
            notes += ("every variable was observed, so that nothing is left to infer",)
    chosen = sorted(groups, key=_weight)[:top]
    beliefs = tuple(belief for group in chosen for belief in group)
    return Inference(told, beliefs, seconds, check, found.seconds, (*notes, *found.notes))


class _Check(NamedTuple):
    """What the check says: (1, *z_shape) mean and standard error, seconds, and what to know."""

    mean: Tensor | None = None
    error: Tensor | None = None
    seconds: float | None = None
    notes: tuple[str, ...] = ()


def _checked(model: GenerativeModel, posterior: Posterior, batch: Batch, check: str, draws: int, seed: int) -> _Check:
    began = time.perf_counter()
    mean, error, notes = None, None, ()
    if check == "exact":
        if not isinstance(model, HasExactMarginals):
            raise LatentiaError(f"{type(model).__name__} has no exact answers; use --check importance or gibbs.")
        mean = model.exact_marginals(batch)
    elif check == "importance":
        weighted = weighted_mean(model, posterior, batch, draws, seed)
        mean, error, effective = weighted.mean, weighted.error, float(weighted.effective)
        notes = (f"{draws:,} weighted draws are worth {effective:,.0f} of the true posterior",)
        if effective < FEW_DRAWS:
            notes += (
                f"fewer than {FEW_DRAWS} such draws say little, and their errors too little; use --check gibbs or exact",
            )
    elif check == "gibbs":
        sweeps = max(SWEEPS_AT_LEAST, draws // CHAINS)
        sampled = gibbs(model, batch, CHAINS, sweeps, sweeps // 5, seed)
        mean, error, r_hat = sampled.marginals, sampled.error, float(sampled.r_hat.max())
        notes = (f"{CHAINS} Gibbs chains of {sweeps:,} sweeps, largest R-hat {r_hat:.2f}",)
        if r_hat > UNMIXED:
            notes += (
                f"above {UNMIXED} the chains have not met, and their errors say too little; use more --draws, or exact",
            )
    return _Check(mean, error, None if mean is None else time.perf_counter() - began, notes)


def _prior_mean(model: GenerativeModel, batch: Batch) -> Tensor:
    """E[z] before anything is seen, (1, *z_shape): as the prior states it, by sums, or by draws."""
    prior = model.prior()
    try:
        return prior.mean.unsqueeze(0)
    except NotImplementedError:
        pass
    if isinstance(model, HasExactMarginals):
        try:
            return model.exact_marginals(batch._replace(x=torch.zeros_like(batch.x), mask=torch.zeros_like(batch.x).bool()))
        except LatentiaError:
            pass
    return model.sample_prior(DRAWS_FOR_PRIOR).mean(0, keepdim=True)


def _doubts(model: GenerativeModel, posterior: Posterior, batch: Batch) -> tuple[str, ...]:
    """Refuse findings that cannot be; name what makes an answer doubtful.

    Raises:
        LatentiaError: the findings have probability 0 under the model.
    """
    notes = []
    assert batch.mask is not None
    if _is_blind(posterior) and bool(batch.mask.any()) and not bool(batch.mask.all()):
        cure = "" if isinstance(posterior, Layered) else " or fit with posterior.see_mask=true"
        notes.append(f"this network takes a value that was not observed for an average one; see --check gibbs{cure}")
    q = posterior.infer(model, batch)
    check_shape("the posterior's z", q.event_shape, model.z_shape, cure="build it for as many latents as the model has.")
    if bool((log_weights(model, q, batch, q.sample((DRAWS_TO_SEE_IT_CAN_BE,))) > -torch.inf).any()):
        return tuple(notes)
    # Either the findings cannot be, or the network has not learned what they leave possible.
    told = getattr(model, "log_evidence", None)
    try:
        chance = None if told is None else float(told(batch))
    except LatentiaError:
        chance = None
    if chance == -torch.inf:
        raise LatentiaError("these findings cannot be together under this model: their probability is 0; leave one out.")
    known = "may be impossible" if chance is None else f"are possible, with log-probability {chance:.1f}"
    notes.append(
        f"none of {DRAWS_TO_SEE_IT_CAN_BE:,} draws of the posterior is possible under the model; the findings {known}"
    )
    return tuple(notes)


def _is_blind(posterior: Posterior) -> bool:
    """Whether a value that was not seen looks to it as one that was, and was an average one."""
    return isinstance(posterior, Layered) or (isinstance(posterior, Amortized) and not posterior.see_mask)


def _beliefs(model: HasNamedEvidence, prior: Tensor, mean: Tensor, found: _Check) -> list[list[Belief]]:
    """The states of each variable, in the model's order."""
    columns = [prior, mean, *(t[0] for t in (found.mean, found.error) if t is not None)]
    groups: dict[str, list[Belief]] = {}
    for each in zip(*(model.answers(column) for column in columns), strict=True):
        variable, state, _ = each[0]
        groups.setdefault(variable, []).append(Belief(variable, state, *(p for _, _, p in each)))
    return list(groups.values())


def _weight(group: list[Belief]) -> float:
    """Where a variable stands: one of a single state by its probability, others by how far they moved."""
    if len(group) == 1:
        return -group[0].probability
    return -sum(abs(belief.probability - belief.prior) for belief in group)


def _chance(p: float) -> str:
    if math.isnan(p):
        return "–"  # noqa: RUF001  a dash for what is not known
    return f"{p:.1e}" if 0 < p < 1e-4 else f"{p:.4f}"


def _duration(seconds: float) -> str:
    return f"{1000 * seconds:.1f} ms" if seconds < 1 else f"{seconds:.1f} s"


def _plain(value: object) -> object:
    return None if isinstance(value, float) and not math.isfinite(value) else value
