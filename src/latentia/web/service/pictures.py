"""Pictures in and out: PNG and JPEG to rows, rows to one PNG in which they stand side by side."""

import base64
import binascii
import warnings
from collections.abc import Sequence
from io import BytesIO

import numpy as np
from torch import Tensor

from latentia.core.errors import DataError
from latentia.data import Aspect
from latentia.data.reading.image_files import brought

FORMATS = ("PNG", "JPEG")
# Rows in a line of a picture, where there are more.
ACROSS = 16


def rows_of_pictures(
    files: Sequence[bytes], shape: tuple[int, int, int], levels: int | None, most: int, aspect: Aspect = "crop"
) -> np.ndarray:
    """Pictures as rows (n, *shape) in [0, 1], black is 0, by the rules of ``latentia.data.reading.image_files``.

    Args:
        files: PNG or JPEG.
        shape: (channels, height, width).
        levels: grey levels that the run knows, to the nearest of which each value is brought; None for any.
        most: pixels that all files together may declare.
        aspect: how a picture of another shape gets there.

    Raises:
        DataError: no such picture, or too many pixels.
    """
    channels, height, width = shape
    colour = "grey" if channels == 1 else "rgb"
    left, rows = most, []
    for file in files:
        pixels, size = _pixels(file, colour, (height, width), left, aspect)
        left -= size
        rows.append(pixels)
    x = np.stack(rows).astype(np.float32) / 255
    if levels is not None and levels < 256:
        x = np.round(x * (levels - 1)) / np.float32(levels - 1)
    return x.astype(np.float32)


def decoded(text: str) -> bytes:
    """The file that base64 text holds; the head of a data URI may stand before it.

    Raises:
        DataError: it is no base64.
    """
    head, comma, rest = text[:100].partition(",")
    body = rest + text[100:] if comma and head.startswith("data:") else text
    try:
        return base64.b64decode(body, validate=True)
    except (binascii.Error, ValueError):
        raise DataError("png is no base64 text; give the bytes of a PNG or JPEG file as base64.") from None


def one_picture(x: Tensor, line: bool = False) -> bytes:
    """Rows (n, channels, height, width) as one PNG, 0 black and 1 white, sixteen in a line, or all of them."""
    pixels = (x.clamp(0, 1).nan_to_num(0.0) * 255).round().byte().movedim(1, -1).numpy()
    n, height, width, channels = pixels.shape
    across = n if line else min(n, ACROSS)
    lines = -(-n // across)
    whole = np.zeros((lines * across, height, width, channels), np.uint8)
    whole[:n] = pixels
    whole = whole.reshape(lines, across, height, width, channels).swapaxes(1, 2)
    return _png(whole.reshape(lines * height, across * width, channels))


def _png(pixels: np.ndarray) -> bytes:
    from PIL import Image

    file = BytesIO()
    Image.fromarray(pixels.squeeze(-1) if pixels.shape[-1] == 1 else pixels).save(file, format="png")
    return file.getvalue()


def _pixels(file: bytes, colour: str, size: tuple[int, int], most: int, aspect: Aspect) -> tuple[np.ndarray, int]:
    """(channels, height, width) bytes, and how many pixels there were."""
    from PIL import Image

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what a decoder finds odd is either read or refused
            with Image.open(BytesIO(file), formats=FORMATS) as picture:
                declared = picture.width * picture.height
                if declared > most:
                    raise DataError(f"a picture has {picture.width} x {picture.height} pixels, too many; make it smaller.")
                picture.load()
                return brought(picture, colour, size, aspect), declared
    except DataError:
        raise
    except Exception:  # damaged bytes can end in nearly any error inside a decoder
        raise DataError("the picture is no PNG or JPEG that can be read.") from None
