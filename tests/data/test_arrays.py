"""What a user may pass as rows, labels, conditions and masks."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from latentia.core.errors import ShapeError
from latentia.data import Dataset, Split, as_dataset, from_arrays, from_splits
from latentia.data.arrays import checked_split

N = 20


def rows(data: Dataset) -> torch.Tensor:
    """Every row once, train first."""
    return torch.cat([data.split("train").values(), data.valid.values(), data.test.values()])


def ramp(*shape: int, dtype: Any = np.float64) -> np.ndarray:
    return np.arange(int(np.prod(shape))).reshape(shape).astype(dtype)


@pytest.mark.parametrize(
    "dtype", [np.float16, np.float32, np.float64, np.longdouble, ">f8", np.int8, np.uint16, np.int64, "<u4"]
)
def test_any_numbers_become_float32_as_they_are(dtype: Any) -> None:
    data = from_arrays(ramp(N, 3, dtype=dtype))
    assert data.split("train").stored.dtype == torch.float32
    assert data.levels is None
    assert sorted(rows(data).flatten().tolist()) == list(range(N * 3))


@pytest.mark.parametrize(
    "make",
    [
        np.asarray,
        torch.from_numpy,
        np.ndarray.tolist,
        np.asfortranarray,
        lambda a: torch.from_numpy(a).requires_grad_(),
        lambda a: np.flip(a, 0),
        lambda a: np.ma.masked_array(a, mask=False),
    ],
)
def test_any_container_gives_the_same_rows(make: Callable[[np.ndarray], Any]) -> None:
    found = rows(from_arrays(make(ramp(N, 3))))
    assert not found.requires_grad
    assert_close(found[found[:, 0].argsort()], torch.from_numpy(ramp(N, 3)).float(), rtol=0, atol=0)


def test_a_data_frame_of_numbers_is_rows() -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"whole": np.arange(N), "real": np.arange(N) / 2})
    data = from_arrays(frame, labels=pandas.Series(np.arange(N) % 2))
    assert sorted(rows(data)[:, 1].tolist()) == [i / 2 for i in range(N)]


def test_an_array_that_may_not_be_written_is_copied() -> None:
    x = ramp(N, 3)
    x.flags.writeable = False
    assert len(rows(from_arrays(x))) == N


@pytest.mark.parametrize("dtype", [np.bool_, np.uint8])
def test_bool_and_bytes_of_zero_and_one_are_bits(dtype: Any) -> None:
    data = from_arrays((ramp(N, 3) % 2).astype(dtype))
    assert data.levels == 2
    assert set(rows(data).unique().tolist()) == {0.0, 1.0}


def test_other_bytes_are_256_grey_levels() -> None:
    data = from_arrays(np.array([[0, 51, 255]] * N, np.uint8))
    assert data.levels == 256
    assert_close(data.split("train").values()[0], torch.tensor([0.0, 0.2, 1.0]))


@pytest.mark.parametrize("levels", [2, 17, 42, 167, 256])
def test_stated_levels_of_bytes_run_from_zero_to_one_and_no_further(levels: int) -> None:
    x = np.resize(np.arange(levels), (N, levels)).astype(np.uint8)
    data = from_arrays(x, levels=levels)
    batch = data.train.batch(torch.arange(len(data.train))).x
    assert data.levels == levels
    assert float(batch.min()) == 0
    assert float(batch.max()) <= 1
    assert_close(batch[0], torch.arange(levels) / (levels - 1))
    if levels > 2:
        data.binarized("dynamic").train.batch(torch.arange(3))


@pytest.mark.parametrize(
    ("shape", "x_shape"),
    [
        ((N, 5), (5,)),
        ((N, 8, 6), (1, 8, 6)),
        ((N, 8, 6, 3), (3, 8, 6)),
        ((N, 8, 6, 1), (1, 8, 6)),
        ((N, 3, 8, 6), (3, 8, 6)),
        ((N, 1, 8, 3), (1, 8, 3)),
        ((N, 2, 4, 5, 6), (2, 4, 5, 6)),
    ],
)
def test_images_have_channels_first(shape: tuple[int, ...], x_shape: tuple[int, ...]) -> None:
    assert tuple(from_arrays(ramp(*shape)).x_shape) == x_shape


@pytest.mark.parametrize(
    ("x_shape", "mask_shape", "in_row"),
    [
        ((4,), (4,), (4,)),
        ((4,), (), ()),
        ((8, 6), (8, 6), (1, 8, 6)),
        ((8, 6), (8,), (1, 8)),
        ((8, 6), (), ()),
        ((8, 6, 3), (8, 6, 3), (3, 8, 6)),
        ((8, 6, 3), (8, 6), (3, 8, 6)),
        ((3, 8, 6), (3, 8, 6), (3, 8, 6)),
        ((3, 8, 6), (3,), (3,)),
    ],
)
def test_a_mask_follows_the_axes_of_its_rows(
    x_shape: tuple[int, ...], mask_shape: tuple[int, ...], in_row: tuple[int, ...]
) -> None:
    """Every value that the mask hides, and no other, is nine: after any moving of axes the mask must still find it."""
    mask = np.random.default_rng(0).random((N, *mask_shape)) < 0.5
    hidden = np.broadcast_to(~mask.reshape(mask.shape + (1,) * (len(x_shape) - len(mask_shape))), (N, *x_shape))
    split, _ = checked_split(np.where(hidden, 9.0, 1.0), mask=mask)
    assert split.mask is not None
    assert tuple(split.mask.shape) == (N, *in_row)
    seen = split.mask.reshape(split.mask.shape + (1,) * (split.stored.ndim - split.mask.ndim)).expand(split.stored.shape)
    assert_close(split.stored, seen.float(), rtol=0, atol=0)


def test_what_a_mask_hides_reaches_nobody() -> None:
    x = np.where(ramp(N, 4) % 2, np.inf, 3.0)
    x[0, 1] = np.nan
    data = from_arrays(x, mask=x == 3.0)
    assert sorted(rows(data).unique().tolist()) == [0.0, 3.0]
    bits = np.where(ramp(N, 4) % 2, 255, 1).astype(np.uint8)
    assert from_arrays(bits, mask=bits == 1).levels == 2


def test_labels_and_conditions_stay_with_their_rows() -> None:
    x = ramp(N, 1)
    data = from_arrays(x, labels=x[:, 0], given=x * 2, mask=x >= 0)
    for split in (data.train, data.valid, data.test):
        batch = split.batch(torch.arange(len(split)))
        assert split.labels is not None
        assert batch.given is not None
        assert split.labels.dtype == torch.int64
        assert_close(batch.x[:, 0], split.labels.float())
        assert_close(batch.x * 2, batch.given)


def test_the_order_is_shuffled() -> None:
    assert rows(from_arrays(ramp(100, 1))).flatten().tolist() != list(range(100))


x5 = ramp(N, 5)


def test_as_dataset_passes_a_dataset_through_and_reads_the_rest() -> None:
    data = from_arrays(x5)
    assert as_dataset(data) is data
    assert as_dataset(data, labels=None) is data
    assert as_dataset(torch.from_numpy(x5), name="mine", splits=(1.0, 0.0, 0.0)).name == "mine"


def test_as_dataset_ignores_nothing(refused: Callable[..., Any]) -> None:
    data = from_arrays(x5)
    with refused("'array' is a Dataset already, labels would be ignored; leave it out, or pass the arrays."):
        as_dataset(data, labels=np.zeros(N))
    with refused("data is the text 'digits', wanted rows or a Dataset; load_data('digits') reads a set by its name."):
        as_dataset("digits")


def test_splits_of_others_must_agree(refused: Callable[..., Any]) -> None:
    part, wide = Split(torch.zeros(4, 2)), Split(torch.zeros(4, 3))
    assert len(from_splits("mine", part, part, part).train) == 4
    with refused("rows of train, valid and test have shapes (2,), (2,), (3,); make them one shape.", ShapeError):
        from_splits("mine", part, part, wide)
    named = Split(torch.zeros(4, 2), labels=torch.arange(4))
    with refused("labels run from 0 to 3, and label_names holds 3; number them from 0 to 2, or name them all."):
        from_splits("mine", part, part, named, label_names=("a", "b", "c"))
    with refused("value_names holds 3, a row has 2 values; name each of them."):
        from_splits("mine", part, part, part, value_names=("a", "b", "c"))


def test_value_names_stay_with_their_rows() -> None:
    assert from_arrays(x5).value_names is None
    data = from_arrays(np.zeros((N, 2, 3), np.uint8), value_names=tuple("abcdef"))
    assert data.flattened().value_names == data.to("cpu").value_names == tuple("abcdef")
