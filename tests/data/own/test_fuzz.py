"""Bytes of valid files are flipped, put in, left out, cut off and doubled: a reader reads or refuses, and nothing else.

By default a few hundred spoilt files a reader; ``LATENTIA_FUZZ=10000`` makes so many.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from helpers.spoiling import spoilt
from latentia.core.errors import LatentiaError
from latentia.data import new_rows, read_data
from latentia.data.reading import count_files

N = int(os.environ.get("LATENTIA_FUZZ", "200"))
FILES = (
    "table.csv",
    "table.parquet",
    "table.feather",
    "array.npy",
    "arrays.npz",
    "array.safetensors",
    "picture.png",
    "picture.jpg",
)
hard = settings(
    max_examples=N,
    deadline=None,
    derandomize=N <= 1000,
    database=None,
    suppress_health_check=(HealthCheck.too_slow, HealthCheck.large_base_example, HealthCheck.data_too_large),
    phases=(Phase.generate,),  # a spoilt file as it was found says enough
)


def refusal(attempt: Callable[[], Any]) -> str:
    """The message of a refusal, "" where there is none; anything else goes through."""
    try:
        attempt()
    except LatentiaError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("name", FILES)
def test_a_spoilt_file_is_read_or_refused(name: str, made: dict[str, bytes], tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    picture = name.startswith("picture")
    path = folder / name
    if picture:
        (folder / "a.png").write_bytes(made["picture.png"])
        (folder / "b.png").write_bytes(made["picture.png"])
    schema = None
    if name.startswith("table"):
        path.write_bytes(made[name])
        schema = read_data(path).schema
    source = folder if picture else path

    @hard
    @given(st.data())
    def read(data: Any) -> None:
        content = data.draw(spoilt(made[name]))
        path.write_bytes(content)
        for attempt in (lambda: read_data(source), lambda: new_rows(source, schema)):
            message = refusal(attempt)
            assert "\n" not in message
            assert len(message) < 1000

    read()


def test_a_spoilt_h5ad_is_read_or_refused(made: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is read by a process of its own, which takes a while: a twentieth as many."""
    monkeypatch.setattr(count_files, "SECONDS", 15.0)
    path = tmp_path / "counts.h5ad"

    @settings(hard, max_examples=max(N // 20, 5))
    @given(spoilt(made["counts.h5ad"]))
    def read(content: bytes) -> None:
        path.write_bytes(content)
        message = refusal(lambda: read_data(path, label="kind"))
        assert "\n" not in message
        assert len(message) < 1000

    read()
