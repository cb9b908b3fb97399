"""How much memory a computation needs, found by doing a little of it, so that the rest is cut to fit a budget."""

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils._python_dispatch import TorchDispatchMode

from latentia.core import Batch
from latentia.core.random import kept_random_state
from latentia.models import GenerativeModel

DRAWS_TRIED = 8
# What a kernel takes for itself is not seen from outside; the largest known, of a Bernoulli's log mass, is half of its peak.
UNSEEN = 1.5
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
    """Bytes of tensors held at once while ``work`` runs, about; torch's random state is left as it was."""
    with kept_random_state(), LiveBytes() as seen:
        work()
    return int(UNSEEN * seen.peak)


@torch.no_grad()
def bytes_a_draw(model: GenerativeModel, batch: Batch) -> int:
    """What the log joint of one draw of z takes for one row, found on the first by draws of the prior.

    Of the prior, since an answer of the posterior may take a search.
    """
    row = batch.head(1)
    with kept_random_state():
        z = prior_draws(model, row, DRAWS_TRIED)
    return max(1, peak_bytes(lambda: model.log_joint(z, row)) // DRAWS_TRIED)


def bytes_a_slope(model: GenerativeModel, batch: Batch) -> int:
    """What the gradient of the log joint in one z takes for one row, found on the first at z = 0."""
    row = batch.head(1)

    def slope() -> None:
        z = batch.x.new_zeros(DRAWS_TRIED, 1, *model.z_shape).requires_grad_()
        with torch.enable_grad():
            torch.autograd.grad(model.log_joint(z, row).sum(), z)

    return max(1, peak_bytes(slope) // DRAWS_TRIED)


def prior_draws(model: GenerativeModel, row: Batch, n: int) -> Tensor:
    """(n, 1, *z_shape) for a batch of one row."""
    given = None if row.given is None else row.given.expand(n, *row.given.shape[1:])
    return model.sample_prior(n, given).unsqueeze(1)


def _tensors(value: object) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, dict):
        yield from (t for each in value.values() for t in _tensors(each))
    elif isinstance(value, tuple | list):
        yield from (t for each in value for t in _tensors(each))
