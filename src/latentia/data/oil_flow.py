"""Simulated gamma-ray readings of oil, water and gas in a pipe (Bishop & James, Analysis of multiphase flows, 1993)."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch

from latentia.core.errors import DataError
from latentia.data.dataset import Dataset, from_splits
from latentia.data.named import Named
from latentia.data.readers import CURE, Array, read_npz, read_tar_tables
from latentia.data.sources import File, locate
from latentia.data.split import Split

N_ROWS, N_READINGS = 1000, 12
PARTS = ("Trn", "Vdn", "Tst")
ARRAYS = File("oil_flow.npz")
# No checksum of the published file could be confirmed, so it is read where it is, never downloaded.
TABLES = File("3PhData.tar.gz", "http://staffwww.dcs.shef.ac.uk/people/N.Lawrence/resources/3PhData.tar.gz")
FORMS = ((ARRAYS,), (TABLES,))
# The files number the classes. The order was read off the readings: those of the first are linear in the fractions of oil
# and water, in the second a beam equals its mirror image, in the third each of six readings crosses one layer or another.
FLOWS = ("homogeneous", "annular", "stratified")


def load_oil_flow(folder: str | Path | None = None) -> Dataset:
    """3,000 rows of 12 reals in the published splits, 1,000 / 1,000 / 1,000, labelled by the kind of flow.

    Raises:
        DataError: the file is missing or damaged.
    """
    paths = locate("oil_flow", FORMS, folder)
    if ARRAYS.name in paths:
        path, ending, read = paths[ARRAYS.name], "", read_npz
    else:
        path, ending, read = paths[TABLES.name], ".txt", read_tar_tables
    want = {f"Data{part}{ending}": Array("numbers", (N_ROWS, N_READINGS)) for part in PARTS}
    want |= {f"Data{part}Lbls{ending}": Array("numbers", (N_ROWS, len(FLOWS))) for part in PARTS}
    arrays = read(path, want)
    train, valid, test = (_split(path, arrays, f"Data{part}{ending}", f"Data{part}Lbls{ending}") for part in PARTS)
    return from_splits("oil_flow", train, valid, test, label_names=FLOWS)


def _split(path: Path, arrays: Mapping[str, np.ndarray], readings: str, flows: str) -> Split:
    one_hot = arrays[flows]
    if not (np.isin(one_hot, (0, 1)).all() and (one_hot.sum(1) == 1).all()):
        raise DataError(f"{flows} in {path} must mark one class a row; {CURE}")
    if not np.isfinite(arrays[readings]).all():
        raise DataError(f"{readings} in {path} is not finite everywhere; {CURE}")
    return Split(torch.from_numpy(arrays[readings].astype(np.float32)), labels=torch.from_numpy(one_hot.argmax(1)))


OIL_FLOW = Named(load_oil_flow, "3,000 simulated readings of three kinds of flow in an oil pipe, 12 reals", forms=FORMS)
