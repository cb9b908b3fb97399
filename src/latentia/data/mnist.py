"""Images in the idx format: MNIST (LeCun, Cortes & Burges 1998) and Fashion-MNIST (Xiao, Rasul & Vollgraf 2017)."""

from functools import partial
from pathlib import Path

import torch

from latentia.core.errors import DataError
from latentia.data.dataset import Dataset, from_splits
from latentia.data.named import Named
from latentia.data.readers import CURE, read_idx
from latentia.data.sources import File, Form, locate
from latentia.data.split import Split

N_TRAIN, N_VALID, N_TEST = 50_000, 10_000, 10_000
TRAIN_IMAGES, TRAIN_LABELS = "train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"
TEST_IMAGES, TEST_LABELS = "t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"
FASHION_NAMES = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")


def load_mnist(name: str, form: Form, label_names: tuple[str, ...], folder: str | Path | None = None) -> Dataset:
    """70,000 images (1, 28, 28) of bytes, in order: 50,000 train, the last 10,000 for training as valid, 10,000 test.

    Raises:
        DataError: a file is missing or damaged.
    """
    paths = locate(name, (form,), folder)
    whole = _rows(paths[TRAIN_IMAGES], paths[TRAIN_LABELS], N_TRAIN + N_VALID)
    train, valid = (whole.take(rows) for rows in torch.arange(N_TRAIN + N_VALID).tensor_split([N_TRAIN]))
    test = _rows(paths[TEST_IMAGES], paths[TEST_LABELS], N_TEST)
    return from_splits(name, train, valid, test, levels=256, label_names=label_names)


def _rows(images: Path, labels: Path, n: int) -> Split:
    pixels, classes = read_idx(images, (n, 28, 28)), read_idx(labels, (n,))
    if classes.max() > 9:
        raise DataError(f"{labels} holds label {classes.max()}, wanted 0 to 9; {CURE}")
    return Split(torch.from_numpy(pixels).unsqueeze(1), 1 / 255, labels=torch.from_numpy(classes).long())


def _form(address: str, sums: dict[str, str]) -> Form:
    return tuple(File(name, f"{address}/{name}", sha256) for name, sha256 in sums.items())


MNIST_FORM = _form(
    "https://ossci-datasets.s3.amazonaws.com/mnist",
    {
        TRAIN_IMAGES: "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
        TRAIN_LABELS: "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
        TEST_IMAGES: "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
        TEST_LABELS: "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
    },
)
FASHION_FORM = _form(
    "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com",
    {
        TRAIN_IMAGES: "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
        TRAIN_LABELS: "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
        TEST_IMAGES: "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
        TEST_LABELS: "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
    },
)
MNIST = Named(
    partial(load_mnist, "mnist", MNIST_FORM, tuple("0123456789")),
    "70,000 handwritten digits, 28 x 28, 256 grey levels",
    binarize="dynamic",
    forms=(MNIST_FORM,),
    levels=256,
)
FASHION_MNIST = Named(
    partial(load_mnist, "fashion_mnist", FASHION_FORM, FASHION_NAMES),
    "70,000 pictures of clothes, 28 x 28, 256 grey levels",
    forms=(FASHION_FORM,),
    levels=256,
)
