"""The plane that the page's map shows, and the way back from a place on it to a z."""

from typing import Any

import numpy as np
import torch

from latentia.evaluation import some_places
from latentia.report.projection import Flat, flat
from latentia.web.scene.latents import name_of

# Axes are those of at most so many rows; a principal axis of ten thousand is as good as one of all.
ROWS_FOR_AXES = 10_000
ROWS_AT_ONCE = 10_000


def plane_of(codes: np.ndarray, first_two: tuple[int, int]) -> Flat:
    """The plane of encodings (N, D): both latents where there are two, else the plane of largest variance.

    Args:
        codes: float32.
        first_two: columns of z that make the plane where rows tell of none.
    """
    d = codes.shape[1]
    if d == 1:
        return Flat(np.zeros(1), np.array([[1.0], [0.0]]), ("z₀", ""), None)
    found = flat(codes[some_places(len(codes), ROWS_FOR_AXES).numpy()].astype(np.float64))
    if found is not None:
        return found
    return Flat(np.zeros(d), np.eye(d)[list(first_two)], (name_of(first_two[0]), name_of(first_two[1])), None)


def points_of(plane: Flat, codes: np.ndarray) -> np.ndarray:
    """(N, D) -> (N, 2) float32, some rows at a time."""
    parts = [plane.points(part.astype(np.float64)) for part in np.array_split(codes, -(-len(codes) // ROWS_AT_ONCE) or 1)]
    return np.concatenate(parts).astype(np.float32)


def about(plane: Flat) -> dict[str, Any]:
    """As ``scene.json`` has it."""
    return {
        "axes": plane.directions.tolist(),
        "center": plane.center.tolist(),
        "names": list(plane.axes),
        "share": plane.share,
    }


def grid(low: tuple[float, float], high: tuple[float, float], side: int) -> torch.Tensor:
    """Middles of side x side cells that tile a rectangle of two latents: (side, side, 2), the first row at the top."""
    middles = (torch.arange(side, dtype=torch.float64) + 0.5) / side
    across, up = (low[k] + (high[k] - low[k]) * middles for k in (0, 1))
    rows, columns = torch.meshgrid(up.flip(0), across, indexing="ij")
    return torch.stack([columns, rows], -1).float()
