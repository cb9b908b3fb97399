"""Pictures of more than 8 bits a value are brought to bytes by one rule, and by little more memory than they take."""

import tracemalloc

import numpy as np
import pytest
from PIL import Image

from latentia.data.reading.image_files import brought


def test_every_value_of_16_bits_is_brought_to_the_nearest_byte() -> None:
    values = np.arange(2**16, dtype=np.uint16).reshape(256, 256)
    want = np.array([round(value / 257) for value in range(2**16)], np.uint8).reshape(1, 256, 256)
    assert np.array_equal(brought(Image.fromarray(values), "grey", (256, 256), "crop"), want)
    wide = Image.fromarray(np.array([[-5, 0, 128, 129, 65_535, 2**31 - 1]], np.int32))
    assert brought(wide, "grey", (1, 6), "crop").tolist() == [[[0, 0, 0, 1, 255, 255]]]


def test_floats_are_cut_at_the_ends() -> None:
    values = np.array([[-1.0, 0.4, 254.6, 300.0, np.nan, np.inf]], np.float32)
    assert brought(Image.fromarray(values), "grey", (1, 6), "crop").tolist() == [[[0, 0, 254, 255, 0, 255]]]


@pytest.mark.parametrize("kind", [np.uint16, np.int32, np.float32])
def test_a_picture_takes_few_bytes_a_pixel(kind: type) -> None:
    picture = Image.fromarray(np.zeros((1000, 1000), kind))
    tracemalloc.start()
    try:
        brought(picture, "grey", (8, 8), "crop")
        assert tracemalloc.get_traced_memory()[1] < 13 * 10**6
    finally:
        tracemalloc.stop()
