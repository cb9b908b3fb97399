"""Gibbs sweeps through the causes of a noisy-OR network, which look at a row's positive findings alone."""

from collections.abc import Callable

import torch
from torch import Tensor

from latentia.core import Batch
from latentia.models import NoisyOr
from latentia.models.explaining import after_absent, leading

# Added to chances that may be zero, so that a finding that nothing explains yet draws any cause of its that comes by.
TINY, HUGE = 1e-300, 1e290


def noisy_or_sweeps(model: NoisyOr, batch: Batch, chains: int, start: Tensor | None = None) -> Callable[[], Tensor]:
    """Sweeps that give the chances by which the causes were drawn: () -> (K, B, causes) float64.

    Absent findings enter once, through the odds of the causes; what is kept up to date are the chances that the present
    causes bring each positive finding about. A cause without a positive finding is independent of all others, and has its
    exact chance.

    Args:
        model: the network.
        batch: B rows.
        chains: K.
        start: (K, B, causes), or None for draws from what absent findings leave of the prior.
    """
    x, device = batch.x, batch.x.device
    seen = model.seen(batch)
    strength, leak, base_logit = (each.to(device) for each in model.exact)
    logit, _ = after_absent(strength, leak, base_logit, (x == 0) & seen)
    found = leading(strength, leak, (x == 1) & seen)
    # Causes first: (m, 1, B, n) and (m, B).
    w, odds = found.w.transpose(0, 1).unsqueeze(1), logit.gather(1, found.causes).exp().T
    m, chance = len(w), logit.sigmoid().expand(chains, -1, -1)
    causes, taken = found.causes.expand(chains, -1, -1), found.taken
    d = (torch.rand_like(chance) < chance).double() if start is None else start.double()
    d = torch.where(taken, d.gather(2, causes), 0.0).movedim(2, 0)

    def sweep() -> Tensor:
        nonlocal d
        if not m:
            return chance.clone()
        # Chances that later causes, as they are, bring the findings about; and those before, as they have just been drawn.
        # Both only grow, so that a cause is never to be taken out again, which would cost digits.
        later = [found.leak.expand(chains, -1, -1)]
        for i in reversed(range(1, m)):
            later.append(_either(later[-1], d[i].unsqueeze(-1) * w[i]))
        before = torch.zeros_like(later[0])
        u, ps, drawn = torch.rand_like(d), [], []
        for i in range(m):
            without = _either(before, later.pop())
            gain = ((_either(without, w[i]) + TINY) / (without + TINY)).prod(-1).clamp_max(HUGE)
            p = 1 / (1 + 1 / (gain * odds[i]))
            new = (u[i] < p).double()
            before = _either(before, new.unsqueeze(-1) * w[i])
            ps.append(p)
            drawn.append(new)
        d = torch.stack(drawn)
        return chance.scatter(2, causes, torch.where(taken, torch.stack(ps, -1), chance.gather(2, causes)))

    return sweep


def _either(a: Tensor, b: Tensor) -> Tensor:
    """Chance of one event or another that are independent."""
    return a + b * (1 - a)
