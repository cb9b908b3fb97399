"""How many bytes an Arrow file unpacks to, from its own head lines (Apache Arrow, the IPC file format).

pyarrow allocates whatever a compressed buffer says it unpacks to. A message is a flatbuffer: tables whose first word points
back at a list of offsets. Only what is needed to find each buffer's stated length is walked here.
"""

import struct

from latentia.core.errors import DataError

MAGIC, LONGEST = b"ARROW1", 1 << 20
RECORD_BATCH, DICTIONARY_BATCH = 3, 2


def unpacked_bytes(content: bytes) -> int:
    """Bytes that the batches of an Arrow file take once unpacked.

    Raises:
        DataError: the file's head lines point outside of it.
    """
    try:
        return _walk(content)
    except (struct.error, IndexError, ValueError, OverflowError):
        raise DataError("this Feather file is damaged; get it again.") from None


def _walk(content: bytes) -> int:
    if content[-6:] != MAGIC:
        raise ValueError
    (size,) = struct.unpack_from("<i", content, len(content) - 10)
    footer = content[len(content) - 10 - size : len(content) - 10]
    if not 0 < size <= len(content) - 10:
        raise ValueError
    root = _at(footer, 0, "<I")
    total = 0
    for slot in (2, 3):  # dictionaries, record batches
        place, count = _vector(footer, root, slot)
        for block in range(min(count, LONGEST)):
            offset, length, _, body = struct.unpack_from("<qiiq", footer, place + 24 * block)
            total += _message(content, offset, length, body)
    return total


def _message(content: bytes, offset: int, length: int, body: int) -> int:
    if offset < 0 or length < 8 or body < 0 or offset + length + body > len(content):
        raise ValueError
    skip = 8 if content[offset : offset + 4] == b"\xff\xff\xff\xff" else 4
    message, start = content[offset + skip : offset + length], offset + length
    root = _at(message, 0, "<I")
    kind = _at(message, _field(message, root, 1), "<B")
    batch = _table(message, root, 2)
    if kind == DICTIONARY_BATCH:
        batch = _table(message, batch, 1)
    elif kind != RECORD_BATCH:
        raise ValueError
    rows = _at(message, _field(message, batch, 0), "<q") if _field(message, batch, 0) else 0
    nodes, n_nodes = _vector(message, batch, 1)
    buffers, n_buffers = _vector(message, batch, 2)
    packed = bool(_field(message, batch, 3))
    total = 8 * max(rows, 0) * n_nodes if nodes else 0
    for place in range(n_buffers):
        at, size = struct.unpack_from("<qq", message, buffers + 16 * place)
        if at < 0 or size < 0 or at + size > body:
            raise ValueError
        stated = _at(content, start + at, "<q") if packed and size >= 8 else size
        total += max(stated, size if stated < 0 else 0)
    return total


def _at(data: bytes, place: int, how: str) -> int:
    if place < 0:
        raise ValueError
    return struct.unpack_from(how, data, place)[0]


def _field(data: bytes, table: int, slot: int) -> int:
    """Where a table keeps a field, or 0 where it keeps none."""
    vtable = table - _at(data, table, "<i")
    if 4 + 2 * slot >= _at(data, vtable, "<H"):
        return 0
    offset = _at(data, vtable + 4 + 2 * slot, "<H")
    return table + offset if offset else 0


def _table(data: bytes, table: int, slot: int) -> int:
    place = _field(data, table, slot)
    if not place:
        raise ValueError
    return place + _at(data, place, "<I")


def _vector(data: bytes, table: int, slot: int) -> tuple[int, int]:
    """(first element, how many)."""
    place = _field(data, table, slot)
    if not place:
        return 0, 0
    at = place + _at(data, place, "<I")
    return at + 4, _at(data, at, "<I")
