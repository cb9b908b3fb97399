"""Data sets known by name: what an entry of the registry holds, and the one call that loads one."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from latentia.core.errors import DataError, nearest
from latentia.data.dataset import Binarize, Dataset, check_binarize
from latentia.data.sources import Form


@dataclass(frozen=True)
class Named:
    """A data set known by name.

    Attributes:
        load: reads it before any bit is drawn; its argument replaces the cache folder.
        about: one line for a list of data sets.
        binarize: what ``load_data`` does unless told otherwise.
        forms: the forms in which its files are found, best first; none where it comes with a library.
        levels: grey levels of its values before any bit is drawn, as ``Dataset`` has them; None for reals.
    """

    load: Callable[[str | Path | None], Dataset]
    about: str
    binarize: Binarize = "none"
    forms: tuple[Form, ...] = ()
    levels: int | None = None

    @property
    def files(self) -> tuple[tuple[str, ...], ...]:
        """The file names of each form."""
        return tuple(tuple(file.name for file in form) for form in self.forms)


def load_data(
    name: str, binarize: Binarize | None = None, folder: str | Path | None = None, flatten: bool = False
) -> Dataset:
    """A data set by name, in splits that never change.

    Files are taken from ``$LATENTIA_DATA/<name>/`` where they are there, else from the cache, else from their public
    address where a checksum is known.

    Args:
        name: a key of ``DATASETS``.
        binarize: "none", "static" or "dynamic"; None for what is usual with this set.
        folder: kept and looked up here in place of the cache, as ``<folder>/<name>/``.
        flatten: hand images out as vectors.

    Raises:
        DataError: an unknown name, files that are missing or damaged, or a binarization that the values do not allow.
    """
    from latentia.data import DATASETS  # the registry lists the loaders, and the loaders need this file

    if not isinstance(name, str) or name not in DATASETS:
        raise DataError(f"there is no data set {name!r}; {nearest(str(name), list(DATASETS))}")
    entry = DATASETS[name]
    how = entry.binarize if binarize is None else binarize
    check_binarize(how)
    data = entry.load(folder).binarized(how)
    return data.flattened() if flatten else data
