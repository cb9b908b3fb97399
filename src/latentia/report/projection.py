"""Latent points in the plane: as they are where there are two latents, else along their two principal axes."""

from typing import NamedTuple

import numpy as np
from torch import Tensor


class Plane(NamedTuple):
    """Points in the plane.

    Attributes:
        points: (N, 2).
        axes: what the two axes are called.
        share: of the variance that the plane keeps; None where nothing was projected.
    """

    points: np.ndarray
    axes: tuple[str, str]
    share: float | None


class Flat(NamedTuple):
    """A plane through latent space: z lies over the point (z - center) · directions, a point (u, v) under
    center + u * directions[0] + v * directions[1].

    Attributes:
        center: (D,).
        directions: (2, D), of length 1 and at a right angle.
        axes: what the two are called.
        share: of the variance over rows that the plane keeps; None where nothing was projected.
    """

    center: np.ndarray
    directions: np.ndarray
    axes: tuple[str, str]
    share: float | None

    def points(self, z: np.ndarray) -> np.ndarray:
        """(N, D) -> (N, 2)."""
        return (z - self.center) @ self.directions.T


def flat(z: np.ndarray) -> Flat | None:
    """The plane of two latents, else that of the largest variance of z (N, D) in double precision.

    None where z is a single number or nothing varies.
    """
    if z.shape[1] < 2 or len(z) < 2:
        return None
    if z.shape[1] == 2:
        return Flat(np.zeros(2), np.eye(2), ("z₀", "z₁"), None)
    center = z.mean(0)
    _, lengths, axes = np.linalg.svd(z - center, full_matrices=False)
    total = float((lengths**2).sum())
    if not total > 0:
        return None
    # A principal axis has no sign of its own; its largest entry is made positive.
    axes = axes[:2] * np.sign(axes[np.arange(2), np.abs(axes[:2]).argmax(1)])[:, None]
    share = float((lengths[:2] ** 2).sum()) / total
    return Flat(center, axes, ("first principal axis", "second principal axis"), share)


def project(means: Tensor) -> Plane | None:
    """(N, *z_shape) -> the plane; None where z is a single number or nothing varies."""
    z = means.flatten(1).double().cpu().numpy()
    found = flat(z)
    return None if found is None else Plane(found.points(z), found.axes, found.share)


def spread(points: np.ndarray) -> tuple[tuple[float, float], tuple[float, float]]:
    """Ranges of x and y with room around them and one scale for both, so that a distance is a distance."""
    low, high = points.min(0), points.max(0)
    middle, half = (low + high) / 2, max(float((high - low).max()) / 2, 1e-6) * 1.06
    return (middle[0] - half, middle[0] + half), (middle[1] - half, middle[1] + half)
