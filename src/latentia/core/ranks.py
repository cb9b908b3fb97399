"""The processes that take a training's steps together: what one step of one of them needs of the others.

Each process computes on its own rows of a batch; means over the whole batch are means of theirs, weighted by rows. Alone
there is nothing to ask: ``company`` is None, and whoever asks it goes on as ever.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar, cast

import torch
from torch import Tensor
from torch import distributed as dist

from latentia.core.errors import LatentiaError

T = TypeVar("T")


class Lost(LatentiaError):
    """Another process has ended, or was not heard of in time; ``kept`` tells what can be gone on from."""

    kept = ""

    def __str__(self) -> str:
        return super().__str__() + self.kept


class Ranks:
    """This process among the others. Every method is to be called by all of them, in the same order.

    Args:
        rank: this process, from 0.
        of: how many there are.
        device: where this one computes.
        talk: a group for plain values, on the CPU; None for the one that is there.

    Attributes:
        share: the part of the batch under way that is this process's; between two steps without meaning.
    """

    def __init__(self, rank: int, of: int, device: torch.device, talk: dist.ProcessGroup | None = None) -> None:
        self.rank, self.of, self.device = rank, of, device
        self.share = 1 / of
        self._talk = talk
        self._flat: dict[torch.dtype, Tensor] = {}

    @property
    def leads(self) -> bool:
        """Whether this is the one that speaks and writes."""
        return self.rank == 0

    @torch.no_grad()
    def average_gradients(self, parameters: Sequence[Tensor], sound: Tensor) -> Tensor:
        """Put the whole batch's gradient in place of each process's own, by one message.

        Args:
            parameters: the same ones everywhere; one without a gradient stays without.
            sound: () bool, whether what led to the gradient here was finite. A process without rows has nothing to say.

        Returns:
            () bool, whether it was everywhere.
        """
        bad = ~sound
        for dtype in dict.fromkeys(p.dtype for p in parameters):
            own = [p for p in parameters if p.dtype == dtype]
            sizes = [p.numel() for p in own]
            flat = self._buffer(sum(sizes) + 1, dtype)
            pieces = [p.new_zeros(p.numel()) if p.grad is None else p.grad.reshape(-1) for p in own]
            torch.cat([*pieces, bad.to(dtype).reshape(1)], out=flat)
            if self.share:
                flat[:-1].mul_(self.share)
            else:
                flat.zero_()  # what stood in for rows may not even be finite
            self._sum(flat)
            bad = flat[-1] > 0
            found = [(p.grad, piece) for p, piece in zip(own, flat[:-1].split(sizes), strict=True) if p.grad is not None]
            for grad, piece in found:
                grad.copy_(piece.view_as(grad))
        return ~bad

    @torch.no_grad()
    def mean(self, *values: Tensor) -> list[Tensor]:
        """Means over the whole batch of what are means over each process's rows; of any shapes."""
        flat = torch.cat([value.detach().reshape(-1).double() for value in values])
        flat = flat * self.share if self.share else torch.zeros_like(flat)
        self._sum(flat)
        pieces = flat.split([value.numel() for value in values])
        return [piece.view_as(value).to(value) for piece, value in zip(pieces, values, strict=True)]

    def rows_of_all(self, row: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Numbers of rows and a value for each, (B,) and (B, ...), of all processes in turn."""
        mine = (row.cpu(), values.detach().cpu()) if self.share else (row[:0].cpu(), values[:0].detach().cpu())
        rows, all_values = zip(*self.each(mine), strict=True)
        return torch.cat(rows).to(row.device), torch.cat(all_values).to(values.device)

    def each(self, value: T) -> list[T]:
        """What every process says, in order; plain values and CPU tensors."""
        said: list[T | None] = [None] * self.of
        with self._heard():
            dist.all_gather_object(said, value, group=self._talk)
        return cast("list[T]", said)

    def leaders(self, value: T) -> T:
        """What the first process says."""
        said: list[T] = [value]
        with self._heard():
            dist.broadcast_object_list(said, src=0, group=self._talk)
        return said[0]

    def most(self, *numbers: int) -> list[int]:
        """The largest of what the processes say, number by number."""
        said = torch.tensor(numbers)
        with self._heard():
            dist.all_reduce(said, dist.ReduceOp.MAX, group=self._talk)
        return said.tolist()

    @torch.no_grad()
    def take_over(self, tensors: Sequence[Tensor]) -> None:
        """Overwrite tensors by those of the first process."""
        with self._heard():
            for tensor in tensors:
                whole = tensor.detach().contiguous()
                dist.broadcast(whole, src=0)
                tensor.detach().copy_(whole)

    def _sum(self, flat: Tensor) -> None:
        with self._heard():
            dist.all_reduce(flat)

    def _buffer(self, size: int, dtype: torch.dtype) -> Tensor:
        held = self._flat.get(dtype)
        if held is None or held.numel() != size:
            held = self._flat[dtype] = torch.empty(size, dtype=dtype, device=self.device)
        return held

    @contextmanager
    def _heard(self) -> Iterator[None]:
        try:
            yield
        except torch.OutOfMemoryError:
            raise
        except RuntimeError as error:
            silent = "timed out" in str(error).lower()
            why = "was not heard of in time" if silent else "ended before its work was done"
            raise Lost(f"one of the {self.of} processes {why}") from error


_company: Ranks | None = None


def company() -> Ranks | None:
    """The others in whose company a step is taken here; None alone, and outside of a step."""
    return _company


@contextmanager
def together(ranks: Ranks, share: float) -> Iterator[None]:
    """Inside, a step is taken in company, this process having that share of the batch's rows."""
    global _company
    before, _company, ranks.share = _company, ranks, share
    try:
        yield
    finally:
        _company = before
