"""Exact answers of a noisy-OR network, at a cost that is exponential in the number of positive findings alone.

Heckerman (1989), A tractable inference algorithm for diagnosing multiple diseases, sums 2^n terms of alternating sign, which
cancel: of ten rare findings that are there together hardly a digit is left. Here the same sum is taken over which findings
have been explained so far, cause by cause. Nothing is ever subtracted, and so every answer, however small, is right to all
but the last digits of float64.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from latentia.core.errors import LatentiaError

MOST_POSITIVES = 16
# Numbers alive at once: rows x causes x subsets of the positive findings.
CELLS_AT_ONCE = 2**24


class Answer(NamedTuple):
    """What is known of each row: log p(findings) (B,) nats, and p(cause | findings) (B, causes); float64."""

    log_evidence: Tensor
    marginals: Tensor


def explain(strength: Tensor, leak: Tensor, base_logit: Tensor, x: Tensor, seen: Tensor) -> Answer:
    """Sum all causes out. An impossible row has log-evidence minus infinity, and marginals that are NaN.

    Args:
        strength: (causes, effects) float64, the chance that a cause alone switches an effect on.
        leak: (effects,) float64.
        base_logit: (causes,) float64, the log-odds of each cause before anything is seen.
        x: (B, effects) bits.
        seen: (B, effects) bool; what was not seen counts for nothing.

    Raises:
        LatentiaError: a row with more than 16 positive findings.
    """
    positive, negative = (x == 1) & seen, (x == 0) & seen
    counts = positive.sum(1)
    most = int(counts.max()) if len(counts) else 0
    if most > MOST_POSITIVES:
        raise LatentiaError(
            f"a row has {most} positive findings, exact answers stop at {MOST_POSITIVES}, since their cost doubles with "
            "each; use Gibbs sampling."
        )
    # Absent findings keep causes independent: each lowers the odds of its causes.
    silent = negative.to(strength.dtype)
    finite, certain = torch.where(strength < 1, torch.log1p(-strength), 0.0), (strength == 1).to(strength.dtype)
    log_off = torch.where(silent @ certain.T > 0, -torch.inf, silent @ finite.T)
    chance = torch.sigmoid(base_logit + log_off)
    # -log(1 + odds) is the log-chance of absence, before and after.
    log_absent = torch.nn.functional.logsigmoid(-base_logit) - torch.nn.functional.logsigmoid(-(base_logit + log_off))
    log_evidence = torch.where(negative, torch.log1p(-leak), 0.0).sum(1) + log_absent.sum(1)
    marginals = chance.clone()
    for n in sorted(set(counts.tolist()) - {0}):
        rows = (counts == n).nonzero().squeeze(1)
        # Of a row's causes only those that lead to one of its positive findings take part.
        places = positive[rows].nonzero()[:, 1].reshape(-1, n)
        leads = (strength[:, places] > 0).any(2).T
        m = max(1, int(leads.sum(1).max()))
        size = max(1, CELLS_AT_ONCE // ((m + 1) << n))
        for part, place, lead in zip(rows.split(size), places.split(size), leads.split(size), strict=True):
            causes = lead.int().argsort(dim=1, descending=True, stable=True)[:, :m]
            taken = lead.gather(1, causes)
            w = torch.where(taken.unsqueeze(2), strength[causes.unsqueeze(2), place.unsqueeze(1)], 0.0)
            rho = torch.where(taken, chance[part].gather(1, causes), 0.0)
            total, present = _explained(w, leak[place], rho)
            log_evidence[part] += total.log()
            old = marginals[part].gather(1, causes)
            marginals[part] = marginals[part].scatter(1, causes, torch.where(taken, present / total.unsqueeze(1), old))
    marginals[log_evidence == -torch.inf] = torch.nan
    return Answer(log_evidence, marginals)


def _explained(w: Tensor, leak: Tensor, rho: Tensor) -> tuple[Tensor, Tensor]:
    """Chance that all findings are there, (B,), and that this is so and the cause present, (B, causes).

    Args:
        w: (B, causes, n) strengths towards the findings.
        leak: (B, n).
        rho: (B, causes) chance of each cause.
    """
    rows, m, n = w.shape
    # Column E of a state is the chance that just the findings in E, as bits of a number, are explained.
    state = w.new_ones(rows, 1)
    for k in range(n):
        state = torch.cat([state * (1 - leak[:, k : k + 1]), state * leak[:, k : k + 1]], 1)
    states = [state]
    for i in range(m):
        switched = state.clone()
        for k in range(n):
            off, on = _halves(switched, k)
            strength = w[:, i, k].reshape(-1, 1, 1)
            on.addcmul_(strength, off)
            off.mul_(1 - strength)
        state = torch.lerp(state, switched, rho[:, i : i + 1])
        states.append(state)
    # Backwards: column E is the chance that the remaining causes explain what is not in E.
    rest = torch.zeros_like(state)
    rest[:, -1] = 1.0
    present = torch.empty_like(rho)
    for i in reversed(range(m)):
        switched = rest.clone()
        for k in range(n):
            off, on = _halves(switched, k)
            strength = w[:, i, k].reshape(-1, 1, 1)
            off.mul_(1 - strength).addcmul_(strength, on)
        present[:, i] = rho[:, i] * (states[i] * switched).sum(1)
        rest = torch.lerp(rest, switched, rho[:, i : i + 1])
    return state[:, -1], present


def _halves(state: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """Views of the columns without finding k, and of those with it."""
    off, on = state.reshape(len(state), -1, 2, 1 << k).unbind(2)
    return off, on
