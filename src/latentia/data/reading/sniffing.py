"""What a file is, by its first bytes and not by its ending; what is never read is refused with a reason."""

import zipfile
from pathlib import Path

from latentia.core.errors import DataError
from latentia.data.reading.limits import reason, regular_file

HEAD = 1 << 12
UNPACK = "unpack it and give what is in it."
PICKLE = "which could run code when it is opened and is never read; save plain arrays with numpy.savez or safetensors."
# First bytes -> what the file is, and what to do about it.
REFUSED: tuple[tuple[bytes, str, str], ...] = (
    (b"%PDF", "a PDF", "export the table from it as CSV."),
    (b"<!doctype html", "a web page", "download the file itself."),
    (b"<html", "a web page", "download the file itself."),
    (b"<?xml", "XML", "save the table as CSV."),
    (b"\xd0\xcf\x11\xe0", "an old Office file", "save the sheet as CSV."),
    (b"SQLite format 3", "a database", "export the table as CSV or Parquet."),
    (b"MATLAB 5.0", "a MATLAB file", "save its arrays with numpy.savez, after scipy.io.loadmat."),
    (b"FEA1", "a Feather file of version 1", "write it again as version 2, or as Parquet."),
    (b"BZh", "a bzip2 archive", UNPACK),
    (b"\xfd7zXZ", "an xz archive", UNPACK),
    (b"\x28\xb5\x2f\xfd", "a zstd archive", UNPACK),
    (b"7z\xbc\xaf", "a 7z archive", UNPACK),
    (b"Rar!", "a RAR archive", UNPACK),
)
IMAGES = (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"BM", b"II*\0", b"MM\0*", b"RIFF", b"P5", b"P6")
MAGIC = {b"\x93NUMPY": "npy", b"PAR1": "parquet", b"ARROW1": "feather", b"\x89HDF\r\n": "hdf5", b"\x1f\x8b": "gzip"}


def format_of(path: Path) -> str:
    """One of "npy", "npz", "safetensors", "parquet", "feather", "hdf5", "gzip", "image" or "text".

    Raises:
        DataError: missing, empty, or of a kind that is not read.
    """
    size = regular_file(path)
    try:
        with path.open("rb") as stream:
            head = stream.read(HEAD)
    except OSError as error:
        raise DataError(f"{path} cannot be read ({reason(error)}); check the path.") from None
    for magic, kind in MAGIC.items():
        if head.startswith(magic):
            return kind
    if head.startswith(b"PK"):
        return _zip(path)
    for magic, what, cure in REFUSED:
        if head.lstrip()[: len(magic)].lower() == magic.lower():
            raise DataError(f"{path} is {what}, whatever its name says; {cure}")
    if head[:1] == b"\x80" and head[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05"):
        raise DataError(f"{path} is a pickle, {PICKLE}")
    if head[257:262] == b"ustar":
        raise DataError(f"{path} is a tar archive; {UNPACK}")
    if head.startswith(IMAGES) and not _is_text(head):
        return "image"
    length = int.from_bytes(head[:8], "little")
    if head[8:9] == b"{" and 2 <= length <= size - 8:
        return "safetensors"
    if head.startswith((b"\xff\xfe", b"\xfe\xff")) or _is_text(head):
        return "text"
    raise DataError(
        f"{path} is neither text nor a format that is known; give CSV, Parquet, Feather, .npy, .npz, .safetensors, .h5ad, "
        "or a folder of pictures."
    )


def _zip(path: Path) -> str:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, EOFError) as error:
        raise DataError(f"{path} is a zip archive that is damaged ({reason(error)}); get it again.") from None
    if names and all(name.endswith(".npy") for name in names):
        return "npz"
    if any(name.endswith(("data.pkl", ".pkl")) for name in names):
        raise DataError(f"{path} is a torch file of pickled objects, {PICKLE}")
    if "[Content_Types].xml" in names or "content.xml" in names:
        raise DataError(f"{path} is a spreadsheet or a document; save the sheet as CSV.")
    raise DataError(f"{path} is a zip archive; {UNPACK}")


def _is_text(head: bytes) -> bool:
    odd = sum(byte < 9 or 13 < byte < 32 for byte in head)
    return b"\0" not in head and odd <= len(head) // 100
