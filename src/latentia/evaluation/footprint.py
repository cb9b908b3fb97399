"""How much memory a computation needs, found by doing a little of it, so that the rest is cut to fit a budget."""

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor
from torch.distributions import Distribution
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils._python_dispatch import TorchDispatchMode

from latentia.core import Batch
from latentia.models import GenerativeModel
from latentia.weights import terms

DRAWS_TRIED = 8
# What a kernel takes for itself is not seen from outside; the largest known, of a Bernoulli's log mass, is half of its peak.
UNSEEN = 1.5
NO_LIMIT = 2**60
# Of a mean over draws of something that each value has: two numbers in double with their weights, and as they came.
BYTES_A_VALUE = 2 * (8 + 8 + 4)


class LiveBytes(TorchDispatchMode):
    """Inside, follows the bytes of tensors that were made there and are still held.

    Attributes:
        peak: the most that there were at once.
    """

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # else torch imports its compiler, a second

    def __init__(self) -> None:
        super().__init__()
        self.peak = 0
        self._live: dict[int, tuple[StorageWeakRef, int]] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None) -> Any:
        given = {t.untyped_storage()._cdata for t in _tensors((args, kwargs or {}))}
        out = func(*args, **(kwargs or {}))
        for tensor in _tensors(out):
            storage = tensor.untyped_storage()
            # What was handed in was counted when it was made, or was there before.
            if storage._cdata not in given:
                self._live[storage._cdata] = (StorageWeakRef(storage), storage.nbytes())
        self._live = {key: value for key, value in self._live.items() if not value[0].expired()}
        self.peak = max(self.peak, sum(size for _, size in self._live.values()))
        return out


def peak_bytes(work: Callable[[], object]) -> int:
    """Bytes of tensors held at once while ``work`` runs, about; torch's random state on the CPU is left as it was."""
    state = torch.get_rng_state()
    try:
        with LiveBytes() as seen:
            work()
    finally:
        torch.set_rng_state(state)
    return int(UNSEEN * seen.peak)


def bytes_a_draw(model: GenerativeModel, q: Distribution, batch: Batch, budget: int | None = None) -> int:
    """What the terms of the log-weight of one draw of one row take, found by a few draws; 1 where no budget is near.

    Args:
        model: p.
        q: of the rows of ``batch``.
        batch: a few rows; all those that are drawn for at once, where there is no way to draw for fewer.
        budget: bytes that there are.
    """
    if budget is not None and budget >= NO_LIMIT:
        return 1
    few, rows = (DRAWS_TRIED, len(batch.x)) if len(batch.x) == 1 else (1, len(batch.x))
    with torch.no_grad():
        return max(1, peak_bytes(lambda: terms(model, q, batch, q.sample((few,)))) // (few * rows))


def _tensors(value: object) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, dict):
        yield from (t for each in value.values() for t in _tensors(each))
    elif isinstance(value, tuple | list):
        yield from (t for each in value for t in _tensors(each))
