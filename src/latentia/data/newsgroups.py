"""Usenet postings as 100 words that are in them or not: the collection of Lang (1995), NewsWeeder, as Roweis prepared it."""

from pathlib import Path

import numpy as np

from latentia.core.errors import DataError
from latentia.data.dataset import Dataset, from_arrays
from latentia.data.named import Named
from latentia.data.readers import CURE, Array, read_mat, read_npz
from latentia.data.sources import File, locate

N_DOCUMENTS, N_WORDS, N_GROUPS = 16_242, 100, 4
ARRAYS = File("20news_w100.npz")
# No checksum of the published file could be confirmed, so it is read where it is, never downloaded.
ROWEIS = File("20news_w100.mat", "http://www.cs.toronto.edu/~roweis/data/20news_w100.mat")
FORMS = ((ARRAYS,), (ROWEIS,))


def load_newsgroups_w100(folder: str | Path | None = None) -> Dataset:
    """16,242 documents of 100 words, 1 where the word is in the document, cut by a fixed seed into 12,994 / 1,624 / 1,624.

    Labelled by the group of newsgroups. ``value_names`` are the words. Many documents hold a few of these words only, so
    that the same row can stand in two splits.

    Raises:
        DataError: the file is missing or damaged.
    """
    paths = locate("newsgroups_w100", FORMS, folder)
    path, arrays = next(iter(paths.values())), _from_npz if ARRAYS.name in paths else _from_mat
    documents, groups, words, names = arrays(path)
    if not np.isin(documents, (0, 1)).all():
        raise DataError(f"documents in {path} are not 0 and 1 everywhere; {CURE}")
    if not np.isin(groups, np.arange(N_GROUPS)).all():
        raise DataError(
            f"newsgroups in {path} runs from {groups.min()} to {groups.max()}, wanted 0 to {N_GROUPS - 1}; {CURE}"
        )
    return from_arrays(
        documents.astype(np.uint8),
        labels=groups.astype(np.int64),
        name="newsgroups_w100",
        levels=2,
        label_names=tuple(names),
        value_names=tuple(words),
    )


def _from_npz(path: Path) -> tuple[np.ndarray, np.ndarray, list[str], list[str]]:
    want = {
        "documents": Array("whole numbers", (N_DOCUMENTS, N_WORDS)),
        "newsgroups": Array("whole numbers", (N_DOCUMENTS,)),
        "wordlist": Array("text", (N_WORDS,)),
        "groupnames": Array("text", (N_GROUPS,)),
    }
    arrays = read_npz(path, want)
    return arrays["documents"], arrays["newsgroups"], arrays["wordlist"].tolist(), arrays["groupnames"].tolist()


def _from_mat(path: Path) -> tuple[np.ndarray, np.ndarray, list[str], list[str]]:
    """Words in rows and groups from 1, as MATLAB has them."""
    want = {
        "documents": Array("numbers or bits", (N_WORDS, N_DOCUMENTS)),
        "newsgroups": Array("numbers or bits", (1, N_DOCUMENTS)),
        "wordlist": Array("cells", (1, N_WORDS)),
        "groupnames": Array("cells", (1, N_GROUPS)),
    }
    arrays = read_mat(path, want)
    documents = arrays["documents"]
    dense = documents if isinstance(documents, np.ndarray) else documents.toarray()
    words, names = ([str(np.ravel(cell)[0]) for cell in arrays[key].ravel()] for key in ("wordlist", "groupnames"))
    # In whole numbers first, since a byte below 1 would turn around.
    return dense.T, arrays["newsgroups"].ravel().astype(np.int64) - 1, words, names


NEWSGROUPS_W100 = Named(
    load_newsgroups_w100,
    "16,242 newsgroup postings of four kinds, 100 words that are in them or not",
    forms=FORMS,
    levels=2,
)
