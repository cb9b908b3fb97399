"""What a run tells of rows beside each other, and what it writes for other programs: the part of ``Run`` for its users."""

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from latentia.core.errors import DataError, LatentiaError, RecipeError
from latentia.data import Dataset, Split, is_object, is_path
from latentia.evaluation import Metric, Neighbors, NeighborSearch, WalkPath, between, decoded, neighbors, quiet
from latentia.models import GenerativeModel
from latentia.posteriors import Posterior
from latentia.recipe import Recipe
from latentia.runs.export import Exported, Format, export
from latentia.runs.imputing import as_table
from latentia.runs.rows import rows_for, schema_of


class TakenAway(ABC):
    """The methods of a ``Run`` that need nothing of how it was fitted."""

    model: GenerativeModel
    posterior: Posterior
    recipe: Recipe | RecipeError
    data: Dataset | None

    @property
    @abstractmethod
    def device(self) -> torch.device:
        """Where the weights are."""

    @abstractmethod
    def dataset(self, data: Any = None) -> Dataset:
        """The rows it was fitted on, or those that are given."""

    @abstractmethod
    def encode(self, x: Any = None, mask: Any = None, split: str = "test") -> Tensor:
        """Posterior means, (N, *z_shape)."""

    def interpolate(self, a: Any, b: Any, steps: int = 11, path: WalkPath | None = None) -> Any:
        """From one row to another by way of their encodings: the mean of x at each step.

        Where z is discrete, the points between are chances, and x is averaged over draws of bits or codes by them.

        Args:
            a: one row (*x_shape) or (1, *x_shape), or a ``Split``, a table or a file of one.
            b: another.
            steps: points, both ends counted.
            path: "spherical", "linear", or None: spherical under a normal prior; see ``evaluation.between``.

        Returns:
            (steps, *x_shape), on the CPU; or a table of a run on one.

        Raises:
            LatentiaError: more rows than one, fewer steps than two, or a path that does not go with the prior.
        """
        x = self.decode_walk(self.walk(a, b, steps, path))
        return x if (schema := schema_of(self)) is None else as_table(schema, x)

    def walk(self, a: Any, b: Any, steps: int = 11, path: WalkPath | None = None) -> Tensor:
        """The points of ``interpolate``: (steps, *z_shape), on the CPU."""
        start, end = (self.encode(self._one_row(x)).squeeze(0) for x in (a, b))
        with quiet(self.model, self.posterior, seed=0):
            return between(self.model.prior(), start.to(self.device), end.to(self.device), steps, path).cpu()

    def decode_walk(self, z: Tensor) -> Tensor:
        """The mean of x at points of a walk, (n, *z_shape) -> (n, *x_shape), on the CPU."""
        with quiet(self.model, self.posterior, seed=0):
            return decoded(self.model, z.to(self.device)).cpu()

    def neighbors(
        self,
        x: Any,
        k: int = 10,
        split: str = "train",
        metric: Metric = "euclidean",
        method: NeighborSearch = "auto",
        data: Any = None,
    ) -> Neighbors:
        """The k rows of a split whose encodings, posterior means, are nearest to those of x; see ``evaluation.neighbors``.

        Args:
            x: rows as ``encode`` takes them, or the number of a row of that split, which is then not its own neighbor.
            k: how many.
            split: where to look.
            metric: "euclidean" or "cosine".
            method: "exact", "hnsw" (approximate, by usearch), or "auto".
            data: another ``Dataset``, or rows; None for the run's own.

        Raises:
            LatentiaError: no such row, or more neighbors than there are rows.
        """
        among = self.encode(self.dataset(data).split(split))
        if not isinstance(x, int):
            return neighbors(among, self.encode(x), k, metric, method)
        if not 0 <= x < len(among):
            raise DataError(f"row {x} was asked for, and the rows of {split} run from 0 to {len(among) - 1}.")
        return neighbors(among, among[x : x + 1], k, metric, method, torch.tensor([x]))

    def export(self, folder: str | Path, format: Format = "all") -> Exported:  # noqa: A002  what a user calls it
        """Write weights and graphs for programs that know nothing of this library; see ``latentia.runs.export``.

        Args:
            folder: new or empty.
            format: "safetensors" for tensors, "onnx" for encoder and decoder as graphs, or "all".

        Raises:
            LatentiaError: a package that is missing, or nothing that could be written in this format.
        """
        try:
            data = self.dataset()
        except LatentiaError:
            data = None
        return export(self.model, self.posterior, self.recipe, data, Path(folder), format)

    def _one_row(self, x: Any) -> Any:
        """A single row, with or without an axis for rows or a grey image's channel, as rows."""
        if is_path(x) or is_object(x) or isinstance(x, Dataset):
            x = rows_for(self, x).split
        if not isinstance(x, Split):
            x = x if isinstance(x, Tensor) else np.asarray(x)
            shape = tuple(self.model.x_shape)
            # A grey image may lack its channel, which reading rows adds.
            if tuple(x.shape) in (shape, shape[1:] if len(shape) == 3 and shape[0] == 1 else shape):
                x = x[None]
        if len(x) != 1:
            raise DataError(f"{len(x)} rows came, wanted one; a walk goes from one row to another.")
        return x
