"""Pictures: thumbnails of the rows on sheets, and the plane of two latents as one picture."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Size, Tensor
from torch.nn.functional import adaptive_avg_pool2d

from latentia.core.errors import DataError, RecipeError
from latentia.data import DATASETS, Aspect, load_data
from latentia.evaluation import quiet
from latentia.report.pictures import DARK_GROUND
from latentia.report.png import png_bytes
from latentia.report.probe import decode
from latentia.runs import Run
from latentia.runs.likened import picture_aspect, picture_levels
from latentia.web.scene.domains.base import Domain, Material

# Thumbnails on one sheet, and across; a sheet is fetched when the pointer first meets one of its rows.
PER_FILE, ACROSS = 1024, 32
LARGEST_CELL, SMALLEST_CELL = 32, 12
# Of all thumbnails, before they are packed; beyond it they are made smaller.
THUMB_BYTES = 128 << 20
MANIFOLD = "manifold.png"


class ImageDomain(Domain):
    """Grey or colour pictures. Files hold them as they are; whether ink is to be turned dark, the page decides.

    Args:
        shape: (channels, height, width).
        sample: (n, *shape) some pictures, which decide about range and ground.
        n_rows: that will be added, at most.
        folder: where files go.
        levels: grey levels to which a picture of one's own is brought, two where rows are bits; None for any.
        aspect: how a picture of another shape is brought to this one.
    """

    def __init__(
        self, shape: Size, sample: Tensor, n_rows: int, folder: Path, levels: int | None = None, aspect: Aspect = "crop"
    ) -> None:
        self.shape, self.folder, self.levels, self.aspect = shape, folder, levels, aspect
        low, high = float(sample.min()), float(sample.max())
        self.low, self.high = (0.0, 1.0) if (low >= 0 and high <= 1) or high <= low else (low, high)
        middle = float(((sample.reshape(-1, *shape) - self.low) / (self.high - self.low)).median())
        grey = shape[0] == 1
        self.ground = "dark" if grey and middle < DARK_GROUND else "light" if grey and middle > 1 - DARK_GROUND else "mixed"
        self.cell = _cell(shape, n_rows)
        self.waiting: list[np.ndarray] = []
        self.files: list[str] = []

    @classmethod
    def of(cls, given: Material) -> Domain | None:
        run, shape = given.run, picture_shape(given.run)
        if shape is None:
            return None
        return cls(shape, given.sample.float(), given.n_rows, given.folder, picture_levels(run), picture_aspect(run))

    def pixels(self, xs: Tensor, cell: tuple[int, int]) -> np.ndarray:
        """(n, *x_shape) -> (n, *cell, channels) uint8; larger pictures are averaged down."""
        unit = ((xs.float().reshape(-1, *self.shape) - self.low) / (self.high - self.low)).nan_to_num(0.5).clamp(0, 1)
        if tuple(self.shape[1:]) != cell:
            unit = adaptive_avg_pool2d(unit, cell)
        return (unit * 255).round().to(torch.uint8).movedim(1, -1).numpy()

    def add(self, values: Tensor, mask: Tensor | None) -> None:
        self.waiting.append(self.pixels(values, self.cell))
        while sum(map(len, self.waiting)) >= PER_FILE:
            whole = np.concatenate(self.waiting)
            self._sheet(whole[:PER_FILE])
            self.waiting = [whole[PER_FILE:]]

    def close(self) -> dict[str, Any]:
        if sum(map(len, self.waiting)):
            self._sheet(np.concatenate(self.waiting))
        channels, height, width = self.shape
        facts = {"channels": channels, "height": height, "width": width, "low": self.low, "high": self.high}
        thumbs = {"files": self.files, "per_file": PER_FILE, "across": ACROSS, "cell": list(self.cell)}
        return {
            "image": {
                **facts,
                "levels": self.levels,
                "aspect": self.aspect,
                "invert": self.ground == "dark",
                "ground": self.ground,
            },
            "thumbs": thumbs if self.files else None,
        }

    def behind(self, z: Tensor, run: Run) -> Path:
        side = len(z)
        with quiet(run.model, run.posterior, seed=0):
            x = decode(run.model, z.reshape(-1, *run.model.z_shape).to(run.device))
        (self.folder / MANIFOLD).write_bytes(png_bytes(tiled(self.pixels(x, self.cell), side), quick=True))
        return self.folder / MANIFOLD

    def _sheet(self, pixels: np.ndarray) -> None:
        name = f"thumbs-{len(self.files)}.png"
        (self.folder / name).write_bytes(png_bytes(tiled(pixels, ACROSS), quick=True))
        self.files.append(name)


def tiled(pixels: np.ndarray, across: int) -> np.ndarray:
    """(n, height, width, channels) -> one picture, so many in a row, the last row filled up with zeros."""
    n, height, width, channels = pixels.shape
    rows = -(-n // across)
    page = np.zeros((rows * across, height, width, channels), np.uint8)
    page[:n] = pixels
    cells = page.reshape(rows, across, height, width, channels)
    return cells.swapaxes(1, 2).reshape(rows * height, across * width, channels)


def picture_shape(run: Run) -> Size | None:
    """(channels, height, width) of a run's rows, also where they were flattened for its model; None where they are none."""
    shape = run.model.x_shape
    if len(shape) == 3 and shape[0] in (1, 3):
        return shape
    try:
        section = run.known_recipe().data
        if len(shape) != 1 or not section.flatten or section.path is not None or section.name not in DATASETS:
            return None
        if run.data is None:
            return None
        whole = load_data(section.name, "none")
    except (RecipeError, DataError):
        return None
    return whole.x_shape if whole.is_image and whole.x_shape.numel() == shape.numel() else None


def _cell(shape: Size, n_rows: int) -> tuple[int, int]:
    """Height and width of a thumbnail: the picture's own up to 32 pixels, less where there are very many."""
    channels, height, width = shape
    longest = min(LARGEST_CELL, max(height, width))

    def at(long: int) -> tuple[int, int]:
        return max(1, round(height * long / max(height, width))), max(1, round(width * long / max(height, width)))

    while longest > SMALLEST_CELL and n_rows * channels * at(longest)[0] * at(longest)[1] > THUMB_BYTES:
        longest = max(SMALLEST_CELL, longest * 3 // 4)
    return at(longest)
