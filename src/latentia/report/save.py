"""The pictures of a report as PNG files, for the run's folder."""

from pathlib import Path

import numpy as np
from torch import Tensor

from latentia.core import atomic
from latentia.evaluation import quiet
from latentia.report.content import ReportContent
from latentia.report.display import Display
from latentia.report.material import SEED, Material, display_of, gather
from latentia.report.png import png_bytes
from latentia.report.sections.manifold import plane
from latentia.report.sections.reconstructions import pairs
from latentia.report.sections.samples import drawn

COLUMNS, SAMPLE_ROWS, GAP = 12, 4, 6


def save_pictures(folder: Path, content: ReportContent) -> list[Path]:
    """Write samples.png, reconstructions.png and, with two latents, manifold.png into ``folder``.

    Reconstructions need rows and are left out where the data are missing; data that are no images are drawn as profiles.

    Returns:
        the files written.
    """
    material = gather(content)
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, draw in (("samples", _samples), ("reconstructions", _reconstructions), ("manifold", _manifold)):
        with quiet(content.model, content.posterior, SEED):
            picture = draw(material)
        if picture is not None:
            path = folder / f"{name}.png"
            atomic.write(path, picture)
            written.append(path)
    return written


def save_grid(path: Path, xs: Tensor, columns: int = COLUMNS) -> Path:
    """Draw rows xs (n, *x_shape) into one PNG file, so many a line."""
    atomic.write(path, _grid(display_of(xs), xs, columns))
    return path


def save_pairs(path: Path, originals: Tensor, copies: Tensor) -> Path:
    """Draw rows (n, *x_shape) over their copies into one PNG file, twelve pairs a line."""
    atomic.write(path, _pairs(display_of(originals), originals, copies))
    return path


def _samples(material: Material) -> bytes:
    return _grid(material.display, drawn(material, COLUMNS * SAMPLE_ROWS))


def _reconstructions(material: Material) -> bytes | None:
    found = pairs(material, 2 * COLUMNS)
    return None if found is None else _pairs(material.display, found.originals, found.copies)


def _manifold(material: Material) -> bytes | None:
    xs = plane(material, material.display.sheet_side())
    if xs is None:
        return None
    return png_bytes(spaced(material.display.raster(xs.flatten(0, 1)), xs.shape[1], GAP))


def _grid(display: Display, xs: Tensor, columns: int = COLUMNS) -> bytes:
    return png_bytes(spaced(display.raster(xs), min(columns, len(xs)), GAP))


def _pairs(display: Display, originals: Tensor, copies: Tensor) -> bytes:
    above, below = display.raster(originals), display.raster(copies)
    blocks = []
    for start in range(0, len(above), COLUMNS):
        row = slice(start, start + COLUMNS)
        block = spaced(np.concatenate([above[row], below[row]]), len(above[row]), GAP)
        # A last row that is not full is as wide as the others.
        missing = blocks[0].shape[1] - block.shape[1] if blocks else 0
        blocks.append(np.pad(block, ((0, GAP), (0, missing), (0, 0)), constant_values=255))
    return png_bytes(np.concatenate(blocks))


def spaced(pictures: np.ndarray, columns: int, gap: int) -> np.ndarray:
    """(n, height, width, channels) -> one picture on white with ``columns`` in a row and a gap around each."""
    n, height, width, channels = pictures.shape
    rows = -(-n // columns)
    tall, wide = height + gap, width + gap
    page = np.full((rows * tall + gap, columns * wide + gap, channels), 255, np.uint8)
    for k, picture in enumerate(pictures):
        top, left = gap + k // columns * tall, gap + k % columns * wide
        page[top : top + height, left : left + width] = picture
    return page
