"""Counts of cells and genes: .h5ad files and AnnData objects, to the letter of what is needed and no further.

Links that lead out of a file, and data sets whose bytes lie in another file, are refused.
"""

from pathlib import Path
from typing import Any

import numpy as np

from latentia.core.errors import DataError, nearest
from latentia.data.reading.limits import check_bytes, reason
from latentia.data.reading.material import Material
from latentia.data.reading.options import Options

ASKED = ("label", "group", "split")
FLOAT = 4


def read_h5ad(path: Path, options: Options) -> Material:
    """The counts of an .h5ad file (``array=`` names a layer), and the columns of ``obs`` that are asked for.

    Raises:
        DataError: h5py is missing; the file is damaged, too large, or no .h5ad.
    """
    try:
        import h5py
    except ImportError:
        raise DataError(f"{path} needs h5py to be read; pip install 'latentia[counts]'.") from None
    try:
        with h5py.File(path, "r") as file:
            place = "X" if options.array in (None, "X") else f"layers/{options.array}"
            if place.split("/")[0] not in file:
                raise DataError(f"{path} is HDF5 but no .h5ad: it has no {place}; write it with anndata.")
            x = _matrix(file, place, str(path))
            names = _index(file, "var")
            extras = {name: _column(file, name, str(path)) for name in _wanted(options)}
    except DataError:
        raise
    except Exception as error:  # damaged bytes can end in nearly any error inside the library
        raise DataError(
            f"{path} is an HDF5 file that is damaged ({type(error).__name__}: {reason(error)[:80]}); get it again."
        ) from None
    value_names = tuple(names) if names is not None and len(names) == x.shape[1] else None
    return Material(x=x, value_names=value_names, extras=extras, shown=str(path))


def from_anndata(data: Any, options: Options) -> Material:
    """The counts of an AnnData object, likewise."""
    layer = options.array
    if layer not in (None, "X") and layer not in data.layers:
        raise DataError(
            f"there is no layer {layer!r}; {nearest(str(layer), list(data.layers)) if len(data.layers) else 'none'}"
        )
    x = data.X if layer in (None, "X") else data.layers[layer]
    check_bytes("the AnnData", FLOAT * int(x.shape[0]) * int(x.shape[1]))
    extras = {}
    for name in _wanted(options):
        if name not in data.obs:
            raise DataError(f"obs has no column {name!r}; {nearest(name, list(map(str, data.obs.columns)))}")
        extras[name] = data.obs[name].to_numpy(dtype=object)
    dense = x.toarray() if hasattr(x, "toarray") else np.asarray(x)
    return Material(x=dense, value_names=tuple(map(str, data.var_names)), extras=extras, shown="the AnnData")


def _wanted(options: Options) -> list[str]:
    return [name for key in ASKED if (name := getattr(options, key))]


def _item(file: Any, place: str) -> Any:
    """What stands at a place, reached by no link that leads elsewhere."""
    import h5py

    here = file
    for name in place.split("/"):
        if name not in here or not isinstance(here.get(name, getlink=True), h5py.HardLink):
            raise DataError(f"{place} is missing, or a link that leads elsewhere; write the file with anndata.")
        here = here[name]
    if isinstance(here, h5py.Dataset) and (here.external or here.is_virtual):
        raise DataError(f"{place} keeps its values in another file, which is not read; write the file with anndata.")
    return here


def _values(file: Any, place: str, shown: str, length: int | None = None) -> np.ndarray:
    item = _item(file, place)
    if getattr(item, "shape", None) is None:
        raise DataError(f"{place} in {shown} is no array; write the file with anndata.")
    check_bytes(shown, item.size * max(item.dtype.itemsize, 64 if item.dtype.kind == "O" else 1))
    if length is not None and item.shape != (length,):
        raise DataError(f"{place} in {shown} has shape {item.shape}, wanted ({length},); write the file with anndata.")
    if item.dtype.kind == "O":
        return np.asarray(item.asstr()[()], dtype=object)
    if item.dtype.kind not in "biufS":
        raise DataError(f"{place} in {shown} holds {item.dtype}, wanted numbers or text; write the file with anndata.")
    return np.asarray(item[()])


def _matrix(file: Any, place: str, shown: str) -> np.ndarray:
    import h5py

    item = _item(file, place)
    if isinstance(item, h5py.Dataset):
        x = _values(file, place, shown)
        if x.ndim != 2 or x.dtype.kind not in "biuf":
            raise DataError(f"{place} in {shown} is {x.dtype} {x.shape}, wanted numbers (cells, genes).")
        return x
    form = str(item.attrs.get("encoding-type", item.attrs.get("h5sparse_format", "")))
    shape = tuple(int(side) for side in item.attrs.get("shape", item.attrs.get("h5sparse_shape", ())))
    if not form.startswith(("csr", "csc")) or len(shape) != 2 or min(shape) < 1:
        raise DataError(f"{place} in {shown} is no matrix that is known ({form or 'no encoding'}); write it with anndata.")
    check_bytes(shown, FLOAT * shape[0] * shape[1])
    data, columns, starts = (_values(file, f"{place}/{name}", shown) for name in ("data", "indices", "indptr"))
    return _dense(data, columns, starts, shape, form.startswith("csc"), f"{place} in {shown}")


def _dense(
    data: np.ndarray, inner: np.ndarray, starts: np.ndarray, shape: tuple[int, ...], by_column: bool, what: str
) -> np.ndarray:
    outer, across = (shape[1], shape[0]) if by_column else shape
    lengths = np.diff(starts.astype(np.int64))
    sound = len(starts) == outer + 1 and len(data) == len(inner) and (lengths >= 0).all()
    sound = sound and int(starts[0]) == 0 and int(starts[-1]) == len(data)
    if not sound or (len(inner) and not (int(inner.min()) >= 0 and int(inner.max()) < across)):
        raise DataError(f"{what} points outside of itself; get the file again.")
    dense = np.zeros((outer, across), np.float32)
    np.add.at(dense, (np.repeat(np.arange(outer), lengths), inner), data)
    return dense.T if by_column else dense


def _index(file: Any, table: str) -> list[str] | None:
    """The names of cells or genes, or None where they cannot be found."""
    if table not in file or not hasattr(_item(file, table), "keys"):
        return None
    name = str(_item(file, table).attrs.get("_index", "_index"))
    if "/" in name or name not in file[table]:
        return None
    return [str(value) for value in _values(file, f"{table}/{name}", table).tolist()]


def _column(file: Any, name: str, shown: str) -> np.ndarray:
    obs = _item(file, "obs")
    known = [str(key) for key in obs] if hasattr(obs, "keys") else []
    if name not in known:
        raise DataError(f"obs in {shown} has no column {name!r}; {nearest(name, known) if known else 'it has none.'}")
    if not hasattr(obs[name], "keys"):
        values = _values(file, f"obs/{name}", shown)
        return values if values.dtype.kind != "S" else values.astype(str).astype(object)
    codes = _values(file, f"obs/{name}/codes", shown).astype(np.int64)
    states = _values(file, f"obs/{name}/categories", shown)
    if len(codes) and not (int(codes.min()) >= -1 and int(codes.max()) < len(states)):
        raise DataError(f"obs/{name} in {shown} points outside of its categories; get the file again.")
    return np.array([*states.tolist(), None], dtype=object)[codes]
