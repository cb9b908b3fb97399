"""Rows that the page cannot draw yet; it says so, and does without."""

import math
from typing import Any

from torch import Tensor

from latentia.web.scene.domains.base import Domain, Material


class OtherDomain(Domain):
    """Any row at all.

    Args:
        shape: of one row.
        about: what is special about these rows, or "".
    """

    def __init__(self, shape: tuple[int, ...], about: str) -> None:
        self.shape, self.about = shape, about

    @classmethod
    def of(cls, given: Material) -> Domain:
        run = given.run
        if run.model.shows_latents:
            about = "Its variables are asked about by name with `latentia infer`."
        elif run.data is not None and run.data.counts:
            about = "Topics and their words are told by `latentia topics`." if run.data.value_names else ""
        else:
            about = ""
        return cls(tuple(run.model.x_shape), about)

    def add(self, values: Tensor, mask: Tensor | None) -> None:
        """Nothing is kept."""

    def close(self) -> dict[str, Any]:
        n = math.prod(self.shape)
        what = f"{n:,} numbers" if len(self.shape) < 2 else "an array of " + " by ".join(map(str, self.shape)) + " numbers"
        said = f"A row of this run is {what}, which this page cannot draw yet; the map, the latents and neighbours are here."
        return {"why_not": f"{said} {self.about}".strip()}
