"""What the page is told of rows of one kind, and the files that come with them."""

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, NamedTuple

from torch import Tensor

from latentia.runs import Run


class Material(NamedTuple):
    """What a domain may look at before it takes a run.

    Attributes:
        run: the run.
        sample: (n, *x_shape) some rows, or draws where there are none.
        n_rows: that will be added, at most.
        folder: where files go.
    """

    run: Run
    sample: Tensor
    n_rows: int
    folder: Path


class Domain(ABC):
    """Rows of one kind, on their way to the page: made once for a scene, then ``add`` for every piece, then ``close``.

    What ``close`` gives goes into ``scene.json``; so does the kind, by the name under which it stands in ``DOMAINS``.
    """

    @classmethod
    @abstractmethod
    def of(cls, given: Material) -> "Domain | None":
        """It, or None where these rows are of another kind."""

    @abstractmethod
    def add(self, values: Tensor, mask: Tensor | None) -> None:
        """Rows (B, *x_shape) in the order of the map, with what of them was observed."""

    @abstractmethod
    def close(self) -> dict[str, Any]:
        """Write what is left; entries for ``scene.json``."""

    def behind(self, z: Tensor, run: Run) -> Path | None:
        """A picture of what a grid of latents decodes to.

        Args:
            z: (side, side, 2), the first row at the top.
            run: the run.

        Returns:
            the file, or None where such rows make no picture.
        """
        return None
