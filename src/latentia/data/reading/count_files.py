"""Counts of cells and genes: .h5ad files, read in a process of their own that may be killed, and AnnData objects."""

import json
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from latentia.core.errors import DataError, nearest
from latentia.data.reading.limits import check_bytes, most_bytes, reason
from latentia.data.reading.material import Material
from latentia.data.reading.options import Options

ASKED = ("label", "group", "split")
FLOAT = 4
SCRIPT = Path(__file__).with_name("h5ad_script.py")
# A sound file is read at a hundred times this pace; what takes longer is damaged.
SECONDS, BYTES_A_SECOND = 30.0, 1_000_000


def read_h5ad(path: Path, options: Options) -> Material:
    """The counts of an .h5ad file (``array=`` names a layer), and the columns of ``obs`` that are asked for.

    Raises:
        DataError: h5py is missing; the file is damaged, too large, or no .h5ad.
    """
    if find_spec("h5py") is None:
        raise DataError(f"{path} needs h5py to be read; pip install 'latentia[counts]'.")
    place = "X" if options.array in (None, "X") else f"layers/{options.array}"
    arrays = _taken(path, place, _wanted(options))
    genes = arrays.pop("genes", None)
    extras = {name.removeprefix("obs/"): arrays[name] for name in arrays if name != "x"}
    names = None if genes is None else tuple(str(gene) for gene in genes)
    return Material(x=arrays["x"], value_names=names, extras=extras, shown=str(path))


def from_anndata(data: Any, options: Options) -> Material:
    """The counts of an AnnData object, likewise."""
    layer = options.array
    if layer not in (None, "X") and layer not in data.layers:
        known = list(data.layers)
        raise DataError(f"there is no layer {layer!r}; {nearest(str(layer), known) if known else 'there is none but X.'}")
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


def _taken(path: Path, place: str, columns: list[str]) -> dict[str, np.ndarray]:
    """What ``h5ad_script`` takes out of the file."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "taken.npz"
        asked = {"path": str(path.absolute()), "place": place, "columns": columns, "out": str(out)}
        try:
            patience = SECONDS + path.stat().st_size / BYTES_A_SECOND
            done = subprocess.run(
                [sys.executable, "-P", str(SCRIPT)],
                input=json.dumps({**asked, "most_bytes": most_bytes()}),
                capture_output=True,
                text=True,
                timeout=patience,
                check=False,
            )
        except subprocess.TimeoutExpired as late:
            raise _damaged(path, f"no end of it after {late.timeout:.0f} s") from None
        except OSError as error:
            raise DataError(f"{path} cannot be read ({reason(error)}); check the path.") from None
        try:
            told = json.loads(done.stdout)
        except ValueError:
            raise _damaged(path, "the HDF5 library fell over") from None
        if told:
            raise _refused(path, told)
        with np.load(out, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}


def _refused(path: Path, told: dict[str, Any]) -> DataError:
    if "damage" in told:
        return _damaged(path, told["damage"])
    if told["size"]:
        check_bytes(str(path), told["size"])
    hint = f"; {nearest(told['name'], told['known']) if told['known'] else 'it has none.'}" if told["name"] else ""
    return DataError(f"{path} {told['message']}{hint}")


def _damaged(path: Path, why: str) -> DataError:
    return DataError(f"{path} is an HDF5 file that is damaged ({why}); get it again.")
