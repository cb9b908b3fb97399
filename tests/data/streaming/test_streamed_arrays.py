"""Arrays that stay on disk give the rows, the cuts, the notes and the errors of arrays in memory."""

import gc
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file

import latentia.data.streaming.array_source as array_source
import latentia.data.streaming.streamed as streamed
from latentia.core.errors import DataError, LatentiaError
from latentia.data import Dataset, Split, Streamed, from_arrays, read_data
from latentia.data.streaming.budget import free_bytes, streams

RNG = np.random.default_rng(0)
N = 500
HOLES = RNG.normal(size=(N, 4)).astype(np.float32)
HOLES[RNG.random(HOLES.shape) < 0.1] = np.nan
ARRAYS: dict[str, np.ndarray] = {
    "bytes": RNG.integers(0, 256, (N, 6)).astype(np.uint8),
    "bits of bytes": RNG.integers(0, 2, (N, 6)).astype(np.uint8),
    "truth": RNG.random((N, 6)) < 0.5,
    "bits of doubles": RNG.integers(0, 2, (N, 6)).astype(float),
    "counts": RNG.integers(0, 9, (N, 6)),
    "floats": RNG.normal(size=(N, 6)).astype(np.float32),
    "halves": RNG.normal(size=(N, 6)).astype(np.float16),
    "big-endian": RNG.normal(size=(N, 6)).astype(">f8"),
    "unsigned": RNG.integers(0, 900, (N, 6)).astype(np.uint16),
    "one value": RNG.normal(size=N),
    "grey": RNG.integers(0, 256, (N, 5, 4)).astype(np.uint8),
    "colour last": RNG.integers(0, 256, (N, 5, 4, 3)).astype(np.uint8),
    "colour first": RNG.random((N, 3, 5, 4)).astype(np.float32),
    "constant": np.concatenate([RNG.normal(size=(N, 5)), np.full((N, 1), 7.5)], 1),
}


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of a few rows, and a buffer of a few blocks, so that a small file has many of both."""
    monkeypatch.setattr(array_source.ArraySource.__init__, "__defaults__", (200,))
    monkeypatch.setattr("latentia.data.streaming.arrays.BUFFER_BYTES", 3000)


def both(path: Path, x: np.ndarray, **options: Any) -> tuple[Dataset, Dataset]:
    np.save(path / "x.npy", x)
    return read_data(path / "x.npy", **options), read_data(path / "x.npy", stream="always", **options)


def rows(split: Any, size: int = 64, seed: int = 0) -> torch.Tensor:
    return torch.cat([b.x for b in split.batches(size, True, torch.Generator().manual_seed(seed))]).flatten(1)


def in_order(x: torch.Tensor) -> np.ndarray:
    values = x.numpy()
    return values[np.lexsort(values.T)]


@pytest.mark.parametrize("name", ARRAYS)
def test_rows_cuts_and_meanings_are_those_of_memory(name: str, tmp_path: Path) -> None:
    kept, left = both(tmp_path, ARRAYS[name])
    assert isinstance(left.train, Streamed)
    assert isinstance(kept.train, Split)
    for part in ("valid", "test"):
        want, got = getattr(kept, part), getattr(left, part)
        assert torch.equal(want.stored, got.stored)
        assert want.scale == got.scale
    assert (kept.levels, kept.counts, kept.x_shape) == (left.levels, left.counts, left.x_shape)
    assert kept.notes == left.notes[:-1]
    assert "stay on disk" in left.notes[-1]
    assert np.array_equal(in_order(rows(left.train)), in_order(rows(kept.train)))
    every = torch.cat([part.values().flatten() for part in (kept.train, kept.valid, kept.test)])
    low, high, whole = left.train.value_range()
    assert (low, high) == pytest.approx((float(every.min()), float(every.max())), rel=1e-6)
    assert whole == bool((every == every.floor()).all())


def test_packed_rows_stay_packed(tmp_path: Path) -> None:
    for name, dtype in (("bytes", torch.uint8), ("truth", torch.uint8), ("bits of doubles", torch.uint8)):
        kept, left = both(tmp_path, ARRAYS[name])
        assert isinstance(kept.train, Split)
        assert isinstance(left.train, Streamed)
        assert kept.train.stored.dtype == left.train.source.dtype == dtype


def test_every_row_comes_once_an_epoch_in_an_order_of_the_seed(tmp_path: Path) -> None:
    train = both(tmp_path, np.arange(2 * N).reshape(N, 2) / 3.0)[1].train
    numbers = [torch.cat([b.row for b in train.batches(7, True, torch.Generator().manual_seed(s))]) for s in (0, 0, 1)]
    assert torch.equal(numbers[0], numbers[1])
    assert not torch.equal(numbers[0], numbers[2])
    assert numbers[0].sort().values.tolist() == list(range(len(train)))
    # A row's number is its place: what a batch says of it is what asking for it gives.
    batch = next(iter(train.batches(50, True, torch.Generator().manual_seed(2))))
    assert torch.equal(train.batch(batch.row).x, batch.x)
    assert torch.equal(train.take(batch.row).values(), batch.x)
    assert torch.equal(train.head(9).values(), torch.cat([b.x for b in train.batches(9)])[:9])


@pytest.mark.parametrize("size", [1, 7, 64, 399, 1000])
def test_skipped_batches_are_left_out_and_the_rest_is_the_same(size: int, tmp_path: Path) -> None:
    train = both(tmp_path, ARRAYS["floats"])[1].train
    whole = list(train.batches(size, True, torch.Generator().manual_seed(4)))
    assert [len(b.x) for b in whole[:-1]] == [size] * (len(whole) - 1)
    for skip in {0, 1, len(whole) // 2, len(whole) - 1, len(whole)}:
        rest = list(train.batches(size, True, torch.Generator().manual_seed(4), skip=skip))
        assert len(rest) == len(whole) - skip
        assert all(torch.equal(a.x, b.x) and torch.equal(a.row, b.row) for a, b in zip(whole[skip:], rest, strict=True))


def test_ranks_share_each_batch_as_tensor_split_would(tmp_path: Path) -> None:
    train = both(tmp_path, ARRAYS["floats"])[1].train
    assert isinstance(train, Streamed)
    whole = [b.row for b in train.batches(33, True, torch.Generator().manual_seed(4))]
    for rank in range(5):
        own = [b.row for b in train.batches(33, True, torch.Generator().manual_seed(4), skip=2, share=(rank, 5))]
        want = [torch.tensor_split(batch, 5)[rank] for batch in whole[2:]]
        assert all(torch.equal(a, b) for a, b in zip(own, want, strict=True))
    last = list(train.batches(399, share=(3, 5)))[-1]
    assert last.x.shape == (0, 6)


def test_missing_values_are_masked(tmp_path: Path) -> None:
    kept, left = both(tmp_path, HOLES, nan="missing")
    assert kept.notes == left.notes[:-1]
    want = torch.cat([torch.cat([b.x, b.mask.float()], 1) for b in kept.train.batches(50) if b.mask is not None])
    got = torch.cat([torch.cat([b.x, b.mask.float()], 1) for b in left.train.batches(50) if b.mask is not None])
    assert np.array_equal(in_order(want), in_order(got))
    assert left.train.holed
    assert left.valid.mask is not None
    assert kept.valid.mask is not None
    assert torch.equal(left.valid.mask, kept.valid.mask)
    assert left.train.values_a_row() == pytest.approx(kept.train.values_a_row(), abs=0.05)


BAD: dict[str, tuple[Any, dict[str, Any]]] = {
    "a NaN in the last block": (lambda x: x.__setitem__((N - 1, 3), np.nan), {}),
    "a few infinities": (lambda x: x.__setitem__((slice(120, 123), 1), np.inf), {}),
    "both": (lambda x: (x.__setitem__((40, 0), -np.inf), x.__setitem__((41, 0), np.nan)), {}),
    "beyond float32": (lambda x: x.__setitem__((77, 2), 1e300), {}),
    "no counts": (None, {"reader": "counts"}),
    "no labels": (None, {"label": "y"}),
    "shares": (None, {"splits": (0.5, 0.1, 0.1)}),
    "no training rows": (None, {"splits": (0.0, 0.5, 0.5)}),
    "kinds": (None, {"kinds": {"a": "real"}}),
    "stratify": (None, {"stratify": True}),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_wrong_is_said_in_the_same_words(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("latentia.data.reading.looking.CHUNK_BYTES", 700)
    spoil, options = BAD[name]
    x = RNG.normal(size=(N, 5))
    if spoil is not None:
        spoil(x)
    np.save(tmp_path / "x.npy", x)
    said = []
    for stream in ("never", "always"):
        with pytest.raises(LatentiaError) as error:
            read_data(tmp_path / "x.npy", stream=stream, **options)
        said.append((type(error.value), str(error.value)))
    assert said[0] == said[1]
    if name == "a NaN in the last block":
        assert f"first at [{N - 1}, 3]" in said[1][1]


def test_dynamic_bits_are_drawn_anew_and_static_ones_refused(tmp_path: Path) -> None:
    kept, left = both(tmp_path, ARRAYS["bytes"], binarize="dynamic")
    assert torch.equal(kept.valid.stored, left.valid.stored)
    batch = next(iter(left.train.batches(100)))
    assert set(batch.x.unique().tolist()) == {0.0, 1.0}
    assert not torch.equal(batch.x, left.train.batch(batch.row).x)
    with pytest.raises(DataError, match="bits cannot be drawn once of rows that stay on disk"):
        read_data(tmp_path / "x.npy", stream="always", binarize="static")
    with pytest.raises(DataError, match=r"reads values as probabilities, 'x' runs from -"):
        both(tmp_path, ARRAYS["floats"] - 1, binarize="dynamic")


def test_flattened_rows_are_the_same_rows_as_vectors(tmp_path: Path) -> None:
    kept, left = both(tmp_path, ARRAYS["colour last"], flatten=True)
    assert left.x_shape == (60,)
    assert np.array_equal(in_order(rows(left.train)), in_order(rows(kept.train)))
    assert left.train.head(2).values().shape == (2, 60)


def test_held_out_rows_are_bounded_and_the_rest_is_trained_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("latentia.data.streaming.cutting.MOST_HELD_OUT", 20)
    kept, left = both(tmp_path, ARRAYS["floats"])
    assert (len(left.train), len(left.valid), len(left.test)) == (N - 40, 20, 20)
    assert torch.equal(left.valid.stored, kept.valid.stored[:20])
    every = torch.cat([rows(left.train), left.valid.values(), left.test.values()])
    assert np.array_equal(in_order(every), in_order(torch.from_numpy(ARRAYS["floats"])))
    assert any("60 more are trained on" in note for note in left.notes)


def test_safetensors_with_labels_and_files_for_each_split(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    labels = RNG.integers(0, 3, N)
    save_file({"other": np.zeros((2, 2)), "x": ARRAYS["bytes"], "y": labels}, tmp_path / "x.safetensors")
    left = read_data(tmp_path / "x.safetensors", stream="always", stratify=False)
    kept = read_data(tmp_path / "x.safetensors", stratify=False)
    assert left.train.labels is not None
    assert torch.equal(left.valid.stored, kept.valid.stored)
    assert kept.valid.labels is not None
    assert left.valid.labels is not None
    assert torch.equal(left.valid.labels, kept.valid.labels)
    few = left.train.take(torch.arange(0, len(left.train), 3))
    where = [int((ARRAYS["bytes"] == row).all(1).argmax()) for row in few.stored.numpy()]
    assert few.labels is not None
    assert few.labels.tolist() == labels[where].tolist()

    monkeypatch.setattr("latentia.data.streaming.cutting.MOST_HELD_OUT", 30)
    for name, part in (("train", slice(0, 400)), ("valid", slice(400, 450)), ("test", slice(450, N))):
        np.save(tmp_path / f"{name}.npy", ARRAYS["floats"][part])
    one = read_data(tmp_path / "train.npy", stream="always", valid=tmp_path / "valid.npy", test=tmp_path / "test.npy")
    assert len(one.train) == 400
    assert np.array_equal(in_order(rows(one.train)), in_order(torch.from_numpy(ARRAYS["floats"][:400])))
    assert len(one.valid) == len(one.test) == 30
    assert any("40 more are left aside" in note for note in one.notes)


def test_a_map_is_left_where_it_is_even_a_stretch_of_it(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", ARRAYS["floats"])
    whole = np.load(tmp_path / "x.npy", mmap_mode="r")
    data = read_data(whole[100:400], stream="always", splits=(1, 0, 0))
    assert np.array_equal(in_order(rows(data.train)), in_order(torch.from_numpy(ARRAYS["floats"][100:400])))
    for odd in (whole[:, :3], whole[::2], np.load(tmp_path / "x.npy", mmap_mode="c")):
        with pytest.raises(DataError, match="this map's rows cannot be left on disk"):
            read_data(odd, stream="always")
    assert isinstance(from_arrays(whole).train, Split)


def test_what_is_not_open_on_disk_cannot_stay_there(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", x=ARRAYS["floats"])
    np.save(tmp_path / "x.npy", np.asfortranarray(ARRAYS["floats"]))
    for name in ("x.npz", "x.npy"):
        with pytest.raises(DataError, match="cannot stay on disk"):
            read_data(tmp_path / name, stream="always")
    with pytest.raises(DataError, match="stream is 'alway'"):
        read_data(tmp_path / "x.npy", stream="alway")
    with pytest.raises(DataError, match="buffer is 0"):
        read_data(tmp_path / "x.npy", buffer=0)


def test_more_than_the_limit_stays_on_disk_by_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LATENTIA_MAX_BYTES", "10000")
    assert not streams("auto", 10_000)
    assert streams("auto", 10_001)
    assert free_bytes() > 0
    np.save(tmp_path / "x.npy", ARRAYS["floats"])
    data = read_data(tmp_path / "x.npy")
    assert isinstance(data.train, Streamed)
    assert data.origin is not None
    assert data.origin.options["stream"] == "always"
    with pytest.raises(DataError, match="more than the limit"):
        read_data(tmp_path / "x.npy", stream="never")
    with pytest.raises(DataError, match="rows of train of 'x' stay on disk"):
        data.split("train")


def test_a_file_that_shrinks_or_vanishes_is_said_and_the_thread_ends(tmp_path: Path) -> None:
    left = both(tmp_path, ARRAYS["floats"])[1]
    (tmp_path / "x.npy").write_bytes((tmp_path / "x.npy").read_bytes()[:3000])
    with pytest.raises(DataError, match="has become shorter while it was read"):
        list(left.train.batches(10))
    assert not any("latentia-rows" in thread.name for thread in threading.enumerate())


def test_one_thread_reads_and_ends_with_the_loop(tmp_path: Path) -> None:
    def threads() -> int:
        return sum("latentia-rows" in thread.name for thread in threading.enumerate())

    left = both(tmp_path, ARRAYS["floats"])[1]
    batches = left.train.batches(10)
    next(batches)
    assert threads() == 1
    batches.close()  # pyright: ignore[reportAttributeAccessIssue]  # a generator
    assert threads() == 0

    def interrupted() -> None:
        for _ in left.train.batches(10):
            assert threads() == 1
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    gc.collect()
    assert threads() == 0


def test_no_more_than_two_fillings_are_ever_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []
    real = streamed.Slot.__init__

    def counted(self: streamed.Slot, rows: int, source: Any) -> None:
        made.append(rows)
        real(self, rows, source)

    monkeypatch.setattr(streamed.Slot, "__init__", counted)
    left = both(tmp_path, ARRAYS["floats"])[1]
    assert isinstance(left.train, Streamed)
    list(left.train.batches(10, True))
    assert len(made) == 2
    block = left.train.source.starts[1]
    assert max(made) <= left.train.buffer // (6 * 4 + 16) + block
