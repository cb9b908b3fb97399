"""A folder of pictures as rows: nested folders name classes (or splits), every picture is brought to one shape and mode.

The rules: a picture is first turned as its EXIF entry says; transparent ones lie on black; 16-bit greys are brought to
8 bits; "auto" colour is grey where every picture is. The size is that of the pictures unless said; where they differ, or
are larger than 64 on a side, it is that of the first brought down to 64. A picture of another shape is scaled until it
covers the size and its middle is cut out ("crop"), or until it fits and is laid on black ("pad"), or stretched.
"""

import math
import os
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from latentia.core.errors import DataError
from latentia.data.reading.limits import check_bytes, reason
from latentia.data.reading.material import Material
from latentia.data.reading.options import Options
from latentia.data.splitting import part_named

# Readers of these formats are plain decoders; others of PIL's start programs or hold vector graphics.
FORMATS = ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM")
ENDINGS = (".png", ".jpg", ".jpeg", ".gif", ".bmp", ".tif", ".tiff", ".webp", ".ppm", ".pgm", ".pbm")
MOST_PIXELS, MOST_FILES, LONGEST_SIDE = 50_000_000, 2_000_000, 64
GREY = ("1", "L", "I", "F", "I;16", "I;16B", "I;16L", "LA", "La")


class Head(NamedTuple):
    """(height, width) of a picture once turned, and its mode."""

    size: tuple[int, int]
    mode: str


class Form(NamedTuple):
    """What every picture is brought to: colour, (channels, height, width), and sentences about why."""

    colour: str
    shape: tuple[int, int, int]
    notes: list[str]


def read_images(folder: Path, options: Options) -> Material:
    """Pictures of a folder and its subfolders as bytes (N, channels, height, width), sorted by path.

    Raises:
        DataError: no pictures, one that is damaged or declares too many pixels, or too many for the limit.
    """
    paths = image_paths(folder)
    if not paths:
        raise DataError(
            f"{folder} holds no pictures ({', '.join(ENDINGS[:4])}, ...); give a folder of pictures, or one file."
        )
    form = form_of([_look(path) for path in paths], options, str(folder))
    x = np.empty((len(paths), *form.shape), np.uint8)
    for row, path in enumerate(paths):
        x[row] = pixels(path, form.colour, form.shape[1:], options.aspect)
    if len(paths) > 1 and (x == x[0]).all():
        form.notes.append("every picture is the same.")
    parts, labels = _of_folders([path.relative_to(folder).parent for path in paths])
    return Material(
        x=x, labels=None if options.label == "" else labels, parts=parts, shown=str(folder), notes=form.notes, levels=256,
        resolved={"size": list(form.shape[1:]), "colour": form.colour},
    )  # fmt: skip


def form_of(heads: Sequence[Head], options: Options, shown: str) -> Form:
    """The one form of pictures of these sizes and modes.

    Raises:
        DataError: they would take more than the limit.
    """
    sizes, modes = [head.size for head in heads], [head.mode for head in heads]
    n, notes, colour = len(heads), [], options.colour
    if colour == "auto":
        colour = "grey" if all(mode in GREY for mode in modes) else "rgb"
        n_grey = sum(mode in GREY for mode in modes)
        if colour == "rgb" and n_grey:
            notes.append(f"{n_grey} of {n} pictures are grey and the others are not: all are read in colour.")
    height, width, more = _size(sizes, options)
    shape = (1 if colour == "grey" else 3, height, width)
    check_bytes(shown, n * math.prod(shape))
    n_deep = sum(mode.startswith("I") for mode in modes)
    if n_deep:
        notes.append(f"{n_deep} of {n} pictures have 16 bits, of which the upper 8 are kept.")
    return Form(colour, shape, notes + more)


def image_paths(folder: Path) -> list[Path]:
    """Every picture below a folder, sorted; links that lead out of it are not followed.

    Raises:
        DataError: too many.
    """
    found: list[Path] = []
    for here, folders, files in os.walk(folder, followlinks=False):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        found += [Path(here) / name for name in files if name.lower().endswith(ENDINGS) and not name.startswith(".")]
        if len(found) > MOST_FILES:
            raise DataError(f"{folder} holds more than {MOST_FILES:,} pictures; give a smaller folder.")
    return sorted(found)


def pixels(path: Path, colour: str, size: tuple[int, int], aspect: str) -> np.ndarray:
    """One file as bytes (channels, height, width), by the rules above.

    Raises:
        DataError: it is damaged, or cut short.
    """
    with _opened(path) as picture:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # what a decoder finds odd is either read or refused
                picture.load()
                return brought(picture, colour, size, aspect)
        except Exception as error:  # damaged bytes can end in nearly any error inside a decoder
            raise _damaged(path, error) from None


def brought(picture: Any, colour: str, size: tuple[int, int], aspect: str) -> np.ndarray:
    """One picture of PIL's as bytes (channels, height, width), by the rules above."""
    from PIL import Image, ImageOps

    height, width = size
    turned = ImageOps.exif_transpose(picture) or picture
    flat = _in_mode(turned, "L" if colour == "grey" else "RGB")
    if flat.size != (width, height):
        smooth = Image.Resampling.BILINEAR
        if aspect == "stretch":
            flat = flat.resize((width, height), smooth)
        elif aspect == "pad":
            flat = ImageOps.pad(flat, (width, height), smooth)
        else:
            flat = ImageOps.fit(flat, (width, height), smooth)
    array = np.asarray(flat, dtype=np.uint8)
    return array[None] if array.ndim == 2 else np.moveaxis(array, -1, 0)


def head_of(picture: Any, what: str) -> Head:
    """Size and mode of a picture of PIL's, from its head alone.

    Raises:
        DataError: it declares too many pixels.
    """
    width, height = picture.size
    if width * height > MOST_PIXELS:
        raise DataError(
            f"{what} declares {width} x {height} pixels, more than {MOST_PIXELS:,}; make it smaller, or it is a bomb."
        )
    try:
        turned = picture.getexif().get(0x0112, 1) in (5, 6, 7, 8)
    except Exception:  # damaged entries say nothing
        turned = False
    mode = picture.mode
    if mode == "P":
        mode = "RGB"
    return Head((width, height) if turned else (height, width), mode)


def _look(path: Path) -> Head:
    with _opened(path) as picture:
        return head_of(picture, str(path))


def _opened(path: Path) -> Any:
    from PIL import Image

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # our own limit is checked instead
            return Image.open(path, formats=FORMATS)
    except Image.DecompressionBombError:
        raise DataError(f"{path} declares more than {MOST_PIXELS:,} pixels; make it smaller, or it is a bomb.") from None
    except Exception as error:  # damaged bytes can end in nearly any error inside a decoder
        raise _damaged(path, error) from None


def _in_mode(picture: Any, mode: str) -> Any:
    from PIL import Image

    if picture.mode.startswith("I") or picture.mode == "F":
        # One copy, changed in place: float32 tells the 257ths of 16 bits apart, none of which is a tie.
        values = np.nan_to_num(np.array(picture, dtype=np.float32), copy=False)
        if picture.mode.startswith("I"):
            np.rint(np.divide(values, 257, out=values), out=values)
        picture = Image.fromarray(values.clip(0, 255, out=values).astype(np.uint8))
    if picture.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in picture.info:
        clear = picture.convert("RGBA")
        picture = Image.alpha_composite(Image.new("RGBA", clear.size, (0, 0, 0, 255)), clear).convert("RGB")
    return picture.convert(mode)


def _size(sizes: Sequence[tuple[int, int]], options: Options) -> tuple[int, int, list[str]]:
    if options.size is not None:
        return *options.size, []
    height, width = sizes[0]
    differ = len(set(sizes)) > 1
    if not differ and max(height, width) <= LONGEST_SIDE:
        return height, width, []
    scale = min(1.0, LONGEST_SIDE / max(height, width))
    height, width = max(1, round(height * scale)), max(1, round(width * scale))
    what = f"pictures have {len(set(sizes))} different sizes" if differ else f"pictures are {sizes[0][0]} x {sizes[0][1]}"
    how = {"crop": "the middle is kept", "pad": "the rest is black", "stretch": "they are stretched"}[options.aspect]
    return height, width, [f"{what}; all are brought to {height} x {width}, {how}. Say size=[h, w] for another."]


def _of_folders(folders: list[Path]) -> tuple[np.ndarray | None, Any]:
    """(splits, labels) by the folders in which pictures lie: the outermost may be splits, the rest are labels."""
    tops = [folder.parts[0] if folder.parts else "" for folder in folders]
    parts = [part_named(top) for top in tops]
    if tops and all(parts):
        inner = [Path(*folder.parts[1:]) for folder in folders]
        by = np.array(parts, dtype=object)
    else:
        inner, by = folders, None
    names = [folder.as_posix() for folder in inner]
    return by, None if len(set(names)) < 2 else np.array(names, dtype=object)


def _damaged(path: Path, error: BaseException) -> DataError:
    return DataError(f"{path} is no picture that can be read ({type(error).__name__}: {reason(error)[:80]}); remove it.")
