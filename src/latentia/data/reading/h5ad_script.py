"""Run as a program of its own: takes the counts, names and columns out of an .h5ad file and leaves them as an .npz.

The HDF5 library can run without end, or fall over, on damaged bytes, and nothing in the same process could stop it. So this
file needs nothing but h5py and NumPy, starts fast, and may be killed. Links that lead out of the file, and data sets whose
bytes lie in another file, are refused.
"""

import json
import sys
from typing import Any, NoReturn

import h5py
import numpy as np

FLOAT, LETTER = 4, 4
ANNDATA = "write it with anndata."


class Refused(Exception):
    """What is told to the one who asked; ``known`` are names that would have been right."""

    def __init__(self, message: str, name: str = "", known: tuple[str, ...] = (), size: int = 0) -> None:
        super().__init__(message)
        self.told = {"message": message, "name": name, "known": list(known), "size": size}


def refuse(message: str) -> NoReturn:
    raise Refused(message)


def take(path: str, place: str, columns: list[str], most_bytes: int) -> dict[str, np.ndarray]:
    """{"x", "genes" where they are known, "obs/NAME" of each column}."""
    with h5py.File(path, "r") as file:
        if place.split("/")[0] not in file:
            refuse(f"is HDF5 but no .h5ad: it has no {place}; {ANNDATA}")
        out = {"x": _matrix(file, place, most_bytes)}
        genes = _index(file, "var", most_bytes)
        if genes is not None and len(genes) == out["x"].shape[1]:
            out["genes"] = genes
        return out | {f"obs/{name}": _column(file, name, most_bytes) for name in columns}


def _item(file: Any, place: str) -> Any:
    """What stands at a place, reached by no link that leads elsewhere."""
    here = file
    for name in place.split("/"):
        if name not in here or not isinstance(here.get(name, getlink=True), h5py.HardLink):
            refuse(f"has no {place}, or a link there that leads elsewhere; {ANNDATA}")
        here = here[name]
    if isinstance(here, h5py.Dataset) and (here.external or here.is_virtual):
        refuse(f"keeps {place} in another file, which is not read; {ANNDATA}")
    return here


def _check(size: int, most_bytes: int) -> None:
    if size > most_bytes:
        raise Refused("", size=size)


def _values(file: Any, place: str, most_bytes: int) -> np.ndarray:
    item = _item(file, place)
    if getattr(item, "shape", None) is None:
        refuse(f"has no array at {place}; {ANNDATA}")
    text = item.dtype.kind == "O"
    _check(item.size * (64 if text else max(item.dtype.itemsize, 1)), most_bytes)
    if text:
        cells = [str(cell) for cell in np.ravel(item.asstr()[()]).tolist()]
        _check(LETTER * len(cells) * max(map(len, cells), default=0), most_bytes)
        return np.array(cells, dtype=str)
    if item.dtype.kind not in "biufS":
        refuse(f"holds {item.dtype} at {place}, wanted numbers or text; {ANNDATA}")
    values = np.asarray(item[()])
    return np.char.decode(values, "utf-8", "replace") if values.dtype.kind == "S" else values


def _matrix(file: Any, place: str, most_bytes: int) -> np.ndarray:
    item = _item(file, place)
    if isinstance(item, h5py.Dataset):
        x = _values(file, place, most_bytes)
        if x.ndim != 2 or x.dtype.kind not in "biuf":
            refuse(f"holds {x.dtype} {x.shape} at {place}, wanted numbers (cells, genes).")
        return x
    form = str(item.attrs.get("encoding-type", item.attrs.get("h5sparse_format", "")))
    shape = tuple(int(side) for side in item.attrs.get("shape", item.attrs.get("h5sparse_shape", ())))
    if not form.startswith(("csr", "csc")) or len(shape) != 2 or min(shape) < 1:
        refuse(f"has no matrix that is known at {place}; {ANNDATA}")
    _check(FLOAT * shape[0] * shape[1], most_bytes)
    data, inner, starts = (_values(file, f"{place}/{name}", most_bytes) for name in ("data", "indices", "indptr"))
    by_column = form.startswith("csc")
    outer, across = (shape[1], shape[0]) if by_column else shape
    lengths = np.diff(starts.astype(np.int64))
    sound = len(starts) == outer + 1 and len(data) == len(inner) and bool((lengths >= 0).all())
    sound = sound and int(starts[0]) == 0 and int(starts[-1]) == len(data)
    if not sound or (len(inner) and not (int(inner.min()) >= 0 and int(inner.max()) < across)):
        refuse(f"points outside of itself at {place}; get it again.")
    dense = np.zeros((outer, across), np.float32)
    np.add.at(dense, (np.repeat(np.arange(outer), lengths), inner), data)
    return dense.T if by_column else dense


def _index(file: Any, table: str, most_bytes: int) -> np.ndarray | None:
    """The names of cells or genes, or None where they cannot be found."""
    if table not in file or not hasattr(_item(file, table), "keys"):
        return None
    name = str(_item(file, table).attrs.get("_index", "_index"))
    return None if "/" in name or name not in file[table] else _values(file, f"{table}/{name}", most_bytes).astype(str)


def _column(file: Any, name: str, most_bytes: int) -> np.ndarray:
    obs = _item(file, "obs")
    known = tuple(str(key) for key in obs) if hasattr(obs, "keys") else ()
    if name not in known:
        raise Refused(f"has no column {name!r} in obs", name, known)
    if not hasattr(_item(file, f"obs/{name}"), "keys"):
        return _values(file, f"obs/{name}", most_bytes)
    codes = _values(file, f"obs/{name}/codes", most_bytes).astype(np.int64)
    states = _values(file, f"obs/{name}/categories", most_bytes).astype(str)
    if len(codes) and not (int(codes.min()) >= -1 and int(codes.max()) < len(states)):
        refuse(f"points outside of the categories of obs/{name}; get it again.")
    return np.append(states, "")[codes]  # -1, an empty cell, is the last


def main() -> None:
    """Reads what is asked from standard input, writes the .npz and says on standard output how it went."""
    asked = json.load(sys.stdin)
    try:
        if sys.platform != "win32":
            import resource

            # Room for what was declared, for its unpacking and for the interpreter; a bomb that was not declared ends here.
            room = 4 * asked["most_bytes"] + (1 << 30)
            resource.setrlimit(resource.RLIMIT_AS, (room, resource.getrlimit(resource.RLIMIT_AS)[1]))
        arrays: dict[str, Any] = take(asked["path"], asked["place"], asked["columns"], asked["most_bytes"])
        np.savez(asked["out"], **arrays)
        told = {}
    except Refused as refused:
        told = refused.told
    except Exception as error:  # damaged bytes can end in nearly any error inside the library
        told = {"damage": f"{type(error).__name__}: {(str(error).splitlines() or [''])[0][:80]}"}
    json.dump(told, sys.stdout)


if __name__ == "__main__":
    main()
