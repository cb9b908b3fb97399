"""Exact answers of a noisy-OR network, at a cost that is exponential in the number of positive findings alone.

Heckerman (1989), A tractable inference algorithm for diagnosing multiple diseases, sums 2^n terms of alternating sign, which
cancel: of ten rare findings that are there together hardly a digit is left. Here the same sum is taken over which findings
have been explained so far, cause by cause. Nothing is ever subtracted, and so every answer, however small, is right to all
but the last digits of float64.
"""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

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
    logit, log_evidence = after_absent(strength, leak, base_logit, negative)
    marginals = logit.sigmoid()
    for n in sorted(set(counts.tolist()) - {0}):
        rows = (counts == n).nonzero().squeeze(1)
        found = leading(strength, leak, positive[rows])
        size = max(1, CELLS_AT_ONCE // ((found.causes.shape[1] + 1) << n))
        for part, *each in zip(rows.split(size), *(t.split(size) for t in found), strict=True):
            causes, taken, w, leaks = each
            old = marginals[part].gather(1, causes)
            total, present = _explained(w, leaks, torch.where(taken, old, 0.0))
            log_evidence[part] += total.log()
            marginals[part] = marginals[part].scatter(1, causes, torch.where(taken, present / total.unsqueeze(1), old))
    marginals[log_evidence == -torch.inf] = torch.nan
    return Answer(log_evidence, marginals)


def after_absent(strength: Tensor, leak: Tensor, base_logit: Tensor, negative: Tensor) -> tuple[Tensor, Tensor]:
    """Findings that are absent keep causes independent: each lowers the odds of its causes.

    Args:
        strength: (causes, effects).
        leak: (effects,).
        base_logit: (causes,).
        negative: (B, effects) True where an effect was seen to be absent.

    Returns:
        log-odds of each cause (B, causes), and the log-chance of these findings (B,) in nats.
    """
    silent = negative.to(strength.dtype)
    finite, certain = torch.where(strength < 1, torch.log1p(-strength), 0.0), (strength == 1).to(strength.dtype)
    log_off = torch.where(silent @ certain.T > 0, -torch.inf, silent @ finite.T)
    logit = base_logit + log_off
    # The chance of absence is 1 / (1 + odds), before and after; their ratio is what the findings say of a cause.
    log_absent = F.logsigmoid(-base_logit) - F.logsigmoid(-logit)
    return logit, torch.where(negative, torch.log1p(-leak), 0.0).sum(1) + log_absent.sum(1)


class Leading(NamedTuple):
    """Of each row, the causes that lead to a positive finding, and how; filled up to the same number in every row.

    Attributes:
        causes: (B, m) their places.
        taken: (B, m) False where a row has fewer.
        w: (B, m, n) strengths towards its findings; zero where it has fewer.
        leak: (B, n) of the findings; one where it has fewer.
    """

    causes: Tensor
    taken: Tensor
    w: Tensor
    leak: Tensor


def leading(strength: Tensor, leak: Tensor, positive: Tensor) -> Leading:
    """Gather what bears on the positive findings (B, effects)."""
    places, there = _first(positive)
    leads = (positive.to(strength.dtype) @ (strength > 0).to(strength.dtype).T) > 0
    causes, taken = _first(leads)
    w = strength[causes.unsqueeze(2), places.unsqueeze(1)]
    w = torch.where(taken.unsqueeze(2) & there.unsqueeze(1), w, 0.0)
    return Leading(causes, taken, w, torch.where(there, leak[places], 1.0))


def _first(marked: Tensor) -> tuple[Tensor, Tensor]:
    """Places of what is marked in each row, (B, most), and which of them are."""
    most = int(marked.sum(1).max()) if len(marked) else 0
    places = marked.int().argsort(dim=1, descending=True, stable=True)[:, :most]
    return places, marked.gather(1, places)


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
