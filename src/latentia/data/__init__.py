"""Data by name or from arrays: raw file -> Dataset -> Split -> Batch.

To add a data set: a file here and its line in ``DATASETS``; the laws in tests/data then hold it to account.
"""

from latentia.data.adult import ADULT
from latentia.data.any_split import AnySplit
from latentia.data.arrays import checked_split
from latentia.data.bars import BARS, OVERLAPPING_BARS, OneBar, OverlappingBars
from latentia.data.binarized_mnist import BINARIZED_MNIST
from latentia.data.columns import KINDS, Column, Encoded, Schema
from latentia.data.cut import SPLIT_NAMES
from latentia.data.dataset import Binarize, Dataset, Origin, as_dataset, from_arrays, from_splits
from latentia.data.digits import DIGITS
from latentia.data.frey_faces import FREY_FACES
from latentia.data.known_models import KNOWN_MODELS, known_model
from latentia.data.mnist import FASHION_MNIST, MNIST
from latentia.data.named import Named, load_data
from latentia.data.newsgroups import NEWSGROUPS_W100
from latentia.data.oil_flow import OIL_FLOW
from latentia.data.omniglot import OMNIGLOT
from latentia.data.reading.limits import check_bytes
from latentia.data.reading.new_rows import NewRows, new_rows
from latentia.data.reading.objects import is_object
from latentia.data.reading.options import Aspect, Colour, Nan, Options, Reader
from latentia.data.reading.reading import name_of, read_again, read_data, stays_on_disk
from latentia.data.reading.sources import holds_data, is_path
from latentia.data.sources import no_downloads
from latentia.data.split import Split
from latentia.data.starmap import STARMAP
from latentia.data.streaming.budget import Stream
from latentia.data.streaming.streamed import Streamed
from latentia.data.tables.inferring import Inferred, infer_schema

DATASETS: dict[str, Named] = {
    "digits": DIGITS,
    "mnist": MNIST,
    "fashion_mnist": FASHION_MNIST,
    "binarized_mnist": BINARIZED_MNIST,
    "omniglot": OMNIGLOT,
    "frey_faces": FREY_FACES,
    "oil_flow": OIL_FLOW,
    "newsgroups_w100": NEWSGROUPS_W100,
    "bars": BARS,
    "overlapping_bars": OVERLAPPING_BARS,
    "adult": ADULT,
    "starmap": STARMAP,
}

__all__ = [
    "DATASETS",
    "KINDS",
    "KNOWN_MODELS",
    "SPLIT_NAMES",
    "AnySplit",
    "Aspect",
    "Binarize",
    "Colour",
    "Column",
    "Dataset",
    "Encoded",
    "Inferred",
    "Named",
    "Nan",
    "NewRows",
    "OneBar",
    "Options",
    "Origin",
    "OverlappingBars",
    "Reader",
    "Schema",
    "Split",
    "Stream",
    "Streamed",
    "as_dataset",
    "check_bytes",
    "checked_split",
    "from_arrays",
    "from_splits",
    "holds_data",
    "infer_schema",
    "is_object",
    "is_path",
    "known_model",
    "load_data",
    "name_of",
    "new_rows",
    "no_downloads",
    "read_again",
    "read_data",
    "stays_on_disk",
]
