"""Counts of genes in cells of a mouse's prefrontal cortex (Wang et al., Three-dimensional intact tissue, Science 2018)."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from latentia.core.errors import DataError
from latentia.data.dataset import Dataset, from_arrays
from latentia.data.named import Named
from latentia.data.readers import CURE, Array, read_npz
from latentia.data.reading.count_files import read_h5ad
from latentia.data.reading.labels import label_codes
from latentia.data.reading.options import Options
from latentia.data.sources import File, locate

N_CELLS, N_GENES = 3_704, 158
ARRAYS = File("starmap_mpfc.npz", shelf="singlecell")
# No checksum of the published file could be confirmed, so it is read where it is, never downloaded.
PUBLISHED = File("mpfc-starmap.h5ad", "https://figshare.com/ndownloader/files/51086180")
FORMS = ((ARRAYS,), (PUBLISHED,))


def load_starmap(folder: str | Path | None = None) -> Dataset:
    """3,704 cells of 158 genes (166 in the published file), cut by a fixed seed into 2,963 / 371 / 370.

    Labelled by the kind of cell, of which some are unknown. ``value_names`` are the genes.

    Raises:
        DataError: the file is missing or damaged.
    """
    paths = locate("starmap", FORMS, folder)
    path = next(iter(paths.values()))
    if ARRAYS.name in paths:
        want = {
            "counts": Array("whole numbers", (N_CELLS, N_GENES)),
            "genes": Array("text", (N_GENES,)),
            "cluster": Array("text", (N_CELLS,)),
        }
        arrays = read_npz(path, want)
        counts, genes, kinds = arrays["counts"], arrays["genes"].tolist(), arrays["cluster"]
    else:
        material = read_h5ad(path, Options(label="labels"))
        counts, genes, kinds = np.asarray(material.x), list(material.value_names or ()), material.extras["labels"]
    if (counts < 0).any() or (counts != np.floor(counts)).any():
        raise DataError(f"counts in {path} are no whole numbers from 0; {CURE}")
    codes, names, _ = label_codes("cluster", kinds)
    x = counts.astype(np.int64)
    data = from_arrays(x, labels=codes, name="starmap", label_names=names, value_names=tuple(genes) or None)
    return replace(data, counts=True)


STARMAP = Named(load_starmap, "3,704 cells of a mouse's cortex, counts of 158 genes, labelled by kind", forms=FORMS)
