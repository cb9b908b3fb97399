"""A training under way as bytes: one line that vouches for the rest, then a safetensors file whose metadata is JSON.

Nothing in it is code, and nothing is unpickled: a checkpoint from elsewhere can be wrong, but it cannot do anything.
"""

import hashlib
import json
from typing import Any, NamedTuple

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from latentia.core.errors import LatentiaError
from latentia.core.memory import Memory

MAGIC, FORMAT = "latentia-checkpoint", 1
LONGEST_LINE = 200


class Damaged(LatentiaError):
    """Bytes that are no checkpoint, or not all of one, or not the ones that were written."""


class Checkpoint(NamedTuple):
    """Everything that a training needs to go on to the bit.

    Attributes:
        values: what JSON holds exactly: names, counts, finite numbers.
        tensors: the rest.
    """

    values: dict[str, Any]
    tensors: dict[str, Tensor]

    def with_memory(self, name: str, memory: Memory) -> "Checkpoint":
        """The same and a ``Memory``, under a name."""
        tensors = {f"{name}.{key}": value for key, value in memory.items() if isinstance(value, Tensor)}
        values = {key: value for key, value in memory.items() if not isinstance(value, Tensor)}
        return Checkpoint({**self.values, name: values}, {**self.tensors, **tensors})

    def memory(self, name: str, device: torch.device | str = "cpu") -> Memory:
        """The ``Memory`` of that name, its tensors copied to the device: as aligned there as any that torch makes."""
        prefix = f"{name}."
        tensors = {key: value for key, value in self.tensors.items() if key.startswith(prefix)}
        copies = {key.removeprefix(prefix): value.to(device, copy=True) for key, value in tensors.items()}
        return {**self.values[name], **copies}

    def to_bytes(self) -> list[bytes]:
        """The file, in pieces."""
        # Copies, since safetensors refuses tensors that share their memory, as tied weights do.
        plain = {name: t.detach().cpu().clone(memory_format=torch.contiguous_format) for name, t in self.tensors.items()}
        body = save(plain, {"values": json.dumps(self.values, allow_nan=False)})
        return [_line(FORMAT, body), body]


def from_bytes(data: bytes) -> Checkpoint:
    """What ``to_bytes`` wrote.

    Raises:
        Damaged: with the reason, a few words.
        LatentiaError: it is whole, and of a newer format.
    """
    end = data.find(b"\n", 0, LONGEST_LINE) + 1
    words = data[:end].decode("ascii", "replace").split()
    if not end or len(words) != 4 or words[0] != MAGIC or not (words[1].isdecimal() and words[2].isdecimal()):
        raise Damaged("it does not begin as a checkpoint does" if data else "it is empty")
    body = data[end:]
    if len(body) != int(words[2]):
        raise Damaged(f"{len(body):,} bytes are there of {int(words[2]):,}")
    if data[:end] != _line(int(words[1]), body):
        raise Damaged("its checksum does not fit")
    if int(words[1]) != FORMAT:
        raise LatentiaError(f"it has format {words[1]}, this Latentia reads {FORMAT}; use the one that wrote it.")
    try:
        tensors = load(body)
        size = int.from_bytes(body[:8], "little")
        values = json.loads(json.loads(body[8 : 8 + size])["__metadata__"]["values"])
    except (SafetensorError, ValueError, KeyError, TypeError) as error:
        raise Damaged(f"it cannot be read ({str(error).splitlines()[0]})") from None
    return Checkpoint(values, tensors)


def _line(fmt: int, body: bytes) -> bytes:
    """The first line, whose checksum is of all of the file but itself."""
    begin = f"{MAGIC} {fmt} {len(body)}"
    checksum = hashlib.sha256(f"{begin}\n".encode())
    checksum.update(body)
    return f"{begin} {checksum.hexdigest()}\n".encode()
