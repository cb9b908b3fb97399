"""A batch: the rows that one step sees, and what a posterior may need to know about them."""

from typing import NamedTuple

from torch import Tensor


class Batch(NamedTuple):
    """B rows of a data set.

    Attributes:
        x: (B, *x_shape) the values, float.
        row: (B,) long; the row's place in its split, by which per-datum posteriors look up what is theirs.
        n_rows: N, the rows in the split; a z shared by all rows scales a batch's likelihood by N / B.
        given: (B, *given_shape) what p and q condition on, or None.
        mask: (B, *prefix of x_shape) bool, True where x was observed, or None when all of it was.
    """

    x: Tensor
    row: Tensor
    n_rows: int
    given: Tensor | None = None
    mask: Tensor | None = None

    def head(self, n: int) -> "Batch":
        """The first n of the rows, of the same data set."""
        given, mask = (None if t is None else t[:n] for t in (self.given, self.mask))
        return Batch(self.x[:n], self.row[:n], self.n_rows, given, mask)
