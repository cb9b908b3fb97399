"""One face in a video, 28 x 20 (Roweis, Saul & Hinton, Global coordination of local linear models, 2002)."""

from pathlib import Path

import numpy as np
import torch

from latentia.data.cut import cut
from latentia.data.dataset import Dataset, from_splits
from latentia.data.named import Named
from latentia.data.readers import Array, read_mat, read_npz
from latentia.data.sources import File, locate
from latentia.data.split import Split

N_FRAMES, HEIGHT, WIDTH = 1965, 28, 20
IMAGES = File("frey_faces.npz")
# No checksum of the published file could be confirmed, so it is read where it is, never downloaded.
ROWEIS = File("frey_rawface.mat", "https://cs.nyu.edu/~roweis/data/frey_rawface.mat")
FORMS = ((IMAGES,), (ROWEIS,))


def load_frey_faces(folder: str | Path | None = None) -> Dataset:
    """1,965 frames (1, 28, 20) of bytes, cut by a fixed seed into 1,572 / 197 / 196.

    The frames follow each other in time, so a held-out frame has near twins in train: its figures flatter a model.

    Raises:
        DataError: the file is missing or damaged.
    """
    paths = locate("frey_faces", FORMS, folder)
    if IMAGES.name in paths:
        images = read_npz(paths[IMAGES.name], {"images": Array("bytes", (N_FRAMES, HEIGHT, WIDTH))})["images"]
    else:
        columns = read_mat(paths[ROWEIS.name], {"ff": Array("bytes", (HEIGHT * WIDTH, N_FRAMES))})["ff"]
        images = np.ascontiguousarray(columns.T).reshape(N_FRAMES, HEIGHT, WIDTH)
    whole = Split(torch.from_numpy(images).unsqueeze(1), 1 / 255)
    return from_splits("frey_faces", *cut(whole), levels=256)


FREY_FACES = Named(load_frey_faces, "1,965 video frames of one face, 28 x 20, 256 grey levels", forms=FORMS, levels=256)
