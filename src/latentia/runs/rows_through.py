"""Rows out of a run and rows through it: draws, encodings, reconstructions, scores and filled holes."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from latentia.core import Batch
from latentia.core.checks import check_shape
from latentia.core.errors import DataError
from latentia.distributions import DRAWS_FOR_A_MEAN, discrete_columns
from latentia.evaluation import DEFAULT_MEMORY, draws_of_x, expected_x, mean_and_error, means_of_x, quiet
from latentia.runs.imputing import Answer, Completed, as_table, impute_rows
from latentia.runs.rows import rows_for, schema_of
from latentia.runs.scoring import Scored, score_rows
from latentia.runs.taken_away import TakenAway

ROWS_AT_ONCE = 1000


class RowsThrough(TakenAway):
    """The methods of a ``Run`` that take rows through its model."""

    def sample(self, n: int, mean: bool = False, seed: int = 0) -> Any:
        """n new rows: a tensor (n, *x_shape) on the CPU, or a table like the one that the run was fitted on.

        Args:
            n: how many.
            mean: the likelihood's mean at each drawn z instead of a draw from it (in a table, the row nearest to it that can
                be); smoother to look at, not a sample.
            seed: of the draws.

        Raises:
            DataError: n below 1.
        """
        if n < 1:
            raise DataError(f"{n} rows were asked for, wanted at least 1.")
        with quiet(self.model, self.posterior, seed):
            z = self.model.sample_prior(n)
            x = (means_of_x if mean else draws_of_x)(self.model, z).cpu()
        return x if (schema := schema_of(self)) is None else as_table(schema, x)

    def encode(self, x: Any = None, mask: Any = None, split: str = "test") -> Tensor:
        """Posterior means of rows: (N, *z_shape), on the CPU. Nothing is drawn where q states its mean.

        Args:
            x: rows (N, *x_shape) with NaN where a value is missing, a table for a run on one, a file of either, a ``Split``,
                a ``Dataset``, or None for the run's own.
            mask: of rows that are an array: (N, *prefix of x_shape) True where observed.
            split: which rows of a data set.

        Raises:
            LatentiaError: rows that do not fit.
        """
        return self.encode_with_sd(x, mask, split)[0]

    def encode_with_sd(self, x: Any = None, mask: Any = None, split: str = "test") -> tuple[Tensor, Tensor]:
        """Posterior means and standard deviations of rows, as ``encode``: both (N, *z_shape), on the CPU."""
        with quiet(self.model, self.posterior, seed=0):
            means, sds = [], []
            for batch in self._batches(x, mask, split):
                q = self.posterior.infer(self.model, batch)
                means.append(mean_and_error(q)[0].cpu())
                try:
                    sds.append(q.variance.sqrt().cpu())
                except NotImplementedError:
                    sds.append(q.sample((DRAWS_FOR_A_MEAN,)).std(0).cpu())
        return torch.cat(means), torch.cat(sds)

    def decode(self, z: Any) -> Tensor:
        """Likelihood's mean (for classes: mode) at z (N, *z_shape): (N, *x_shape), on the CPU."""
        z = torch.as_tensor(z, dtype=torch.float32)
        check_shape("a row of z", z.shape[1:], self.model.z_shape, cure="give one z a row, as encode returns them.")
        with quiet(self.model, self.posterior, seed=0):
            return torch.cat([means_of_x(self.model, part.to(self.device)).cpu() for part in z.split(ROWS_AT_ONCE)])

    def reconstruct(self, x: Any = None, mask: Any = None, split: str = "test") -> Any:
        """Rows to their posterior mean and back: a tensor (N, *x_shape) on the CPU, or of a table a table, as ``sample``.

        Of a discrete z, whose mean is no value that it takes, the way back is averaged over draws from the posterior.

        Args:
            x: as in ``encode``.
            mask: likewise.
            split: likewise.

        Raises:
            LatentiaError: rows that do not fit.
        """
        if discrete_columns(self.model.prior()) is None:
            back = self.decode(self.encode(x, mask, split))
        else:
            with quiet(self.model, self.posterior, seed=0):
                answers = ((self.posterior.infer(self.model, batch), batch.given) for batch in self._batches(x, mask, split))
                back = torch.cat([expected_x(self.model, q, given).cpu() for q, given in answers])
        return back if (schema := schema_of(self)) is None else as_table(schema, back)

    def score(
        self,
        data: Any = None,
        mask: Any = None,
        draws: int = 1000,
        split: str = "test",
        seed: int = 0,
        memory: int = DEFAULT_MEMORY,
    ) -> Scored:
        """log p(x) of each row by importance weighting, and what each value or column adds to it.

        Args:
            data: a table, rows (N, ...) with NaN where a value is missing, a file of either, a ``Dataset``, or None for the
                run's own.
            mask: of rows that are an array: True where observed.
            draws: K, draws a row.
            split: which rows of a data set.
            seed: of the draws.
            memory: bytes that one chunk of draws may take, about.

        Raises:
            LatentiaError: rows that do not fit, a mask that the likelihood has no use for.
        """
        return score_rows(self, data, mask, draws, split, seed, memory)

    def impute(
        self,
        data: Any = None,
        mask: Any = None,
        multiple: int = 0,
        draws: int = 1000,
        split: str = "test",
        seed: int = 0,
        memory: int = DEFAULT_MEMORY,
        answer: Answer = "typical",
    ) -> Completed:
        """Rows with their holes filled by what the model believes of them.

        Args:
            data: as in ``score``; what is NaN, or an empty cell, is filled.
            mask: of rows that are an array: True where observed.
            multiple: M, completed rows drawn besides the single answer.
            draws: K, draws a row.
            split: which rows of a data set.
            seed: of the draws.
            memory: bytes that one chunk of draws may take, about.
            answer: what fills a table's hurdle, see ``Completed``.

        Raises:
            LatentiaError: nothing is missing, rows that do not fit, a likelihood of which a part has no density.
        """
        return impute_rows(self, data, mask, multiple, draws, split, seed, memory, answer)

    def _batches(self, x: Any, mask: Any, split: str) -> Iterator[Batch]:
        return rows_for(self, x, split, mask).split.batches(ROWS_AT_ONCE)
