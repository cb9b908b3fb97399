"""Small valid files of every kind, in bytes."""

import io
from collections.abc import Callable

import h5py
import numpy as np
import pandas as pd
import pytest
from PIL import Image
from safetensors.numpy import save

Made = dict[str, bytes]


def frame(n: int = 40) -> pd.DataFrame:
    """Columns of several kinds, some cells missing."""
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "age": np.where(rng.random(n) < 0.1, np.nan, rng.normal(40, 9, n).round(1)),
            "city": rng.choice(["Bonn", "Kiel", "Ulm"], n),
            "sex": rng.choice(["f", "m"], n),
            "children": rng.poisson(1.5, n),
            "born": pd.Timestamp("1980-01-01") + pd.to_timedelta(rng.integers(0, 9000, n), "D"),
        }
    )


def npy(array: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def npz(**arrays: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.savez_compressed(stream, **arrays)  # pyright: ignore[reportArgumentType]  # arrays by name
    return stream.getvalue()


def png(mode: str = "L", size: tuple[int, int] = (8, 6), format_: str = "PNG", **options: object) -> bytes:
    rng = np.random.default_rng(1)
    stream = io.BytesIO()
    shape = (size[1], size[0]) if mode in ("L", "I;16") else (size[1], size[0], 3)
    values = rng.integers(0, 65_536 if mode == "I;16" else 256, shape)
    Image.fromarray(values.astype(np.uint16 if mode == "I;16" else np.uint8)).save(stream, format_, **options)
    return stream.getvalue()


def h5ad() -> bytes:
    stream = io.BytesIO()
    rng = np.random.default_rng(2)
    with h5py.File(stream, "w") as file:
        file["X"] = rng.poisson(2, (12, 5)).astype(np.float32)
        file.create_group("var").attrs["_index"] = "gene"
        file["var/gene"] = np.array([f"g{i}" for i in range(5)], dtype=object).astype("S")
        obs = file.create_group("obs")
        obs["kind"] = np.array([b"a", b"b"] * 6)
    return stream.getvalue()


@pytest.fixture(scope="session")
def made() -> Made:
    """name -> bytes of a valid file of each kind."""
    table, parquet, feather = frame(), io.BytesIO(), io.BytesIO()
    table.to_parquet(parquet)
    table.to_feather(feather)
    array = np.random.default_rng(3).normal(size=(20, 3)).astype(np.float32)
    return {
        "table.csv": table.to_csv(index=False).encode(),
        "table.parquet": parquet.getvalue(),
        "table.feather": feather.getvalue(),
        "array.npy": npy(array),
        "arrays.npz": npz(x=array, label=np.arange(20) % 2),
        "array.safetensors": save({"x": array}),
        "counts.h5ad": h5ad(),
        "picture.png": png(),
        "picture.jpg": png("RGB", format_="JPEG"),
    }


@pytest.fixture(scope="session")
def a_frame() -> Callable[[int], pd.DataFrame]:
    return frame
