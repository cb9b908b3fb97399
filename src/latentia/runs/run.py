"""A fitted model with its posterior: measure it, draw from it, encode with it, save it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from latentia.core import Batch
from latentia.core.checks import check_shape
from latentia.core.errors import DataError, RecipeError
from latentia.data import DATASETS, Dataset, Split, as_dataset, checked_split, load_data, read_again
from latentia.data.tables.frames import is_table
from latentia.distributions import DRAWS_FOR_A_MEAN, discrete_columns, point
from latentia.evaluation import DEFAULT_MEMORY, Evaluation, Ladder, evaluate_split, expected_x, mean_and_error, quiet
from latentia.models import GenerativeModel
from latentia.posteriors import Posterior
from latentia.recipe import SIMULATED, Recipe
from latentia.report import ReportContent, save_pictures, write_report
from latentia.runs.folder import REPORT, Parts, check_free, read_folder, write_evaluation, write_folder, write_ladder
from latentia.runs.imputing import Answer, Completed, as_table, impute_rows
from latentia.runs.inference import Check, Inference, infer
from latentia.runs.rows import rows_for, schema_of
from latentia.runs.scoring import Scored, score_rows
from latentia.runs.simulated import simulated
from latentia.runs.taken_away import TakenAway
from latentia.training import History

ROWS_AT_ONCE = 1000


@dataclass
class Run(TakenAway):
    """What a fit leaves.

    Attributes:
        model: p, with the best epoch's weights.
        posterior: q, likewise.
        recipe: what would build both again; or the error that says why nothing could.
        history: one row an epoch, and how it ended.
        environment: versions, device, seed, commit.
        data: the rows it was fitted on; None for a loaded run until they are asked for.
        evaluation: the last held-out account, or None.
        ladders: its model under other ways of inferring z, or other models; see ``latentia.ladder``.
        notes: sentences about what was chosen on the way.
    """

    model: GenerativeModel
    posterior: Posterior
    recipe: Recipe | RecipeError
    history: History
    environment: dict[str, str]
    data: Dataset | None = None
    evaluation: Evaluation | None = None
    ladders: list[Ladder] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next((p.device for p in (*self.model.parameters(), *self.model.buffers())), torch.device("cpu"))

    def dataset(self, data: Any = None) -> Dataset:
        """The given rows, else those it was fitted on: loaded again by name, read again from their path, or drawn again.

        Raises:
            DataError: it was fitted on an array, which a run does not hold; a file that is gone or another one now.
        """
        if data is not None:
            return as_dataset(data)
        if self.data is None:
            section = self.known_recipe().data
            if section.name == SIMULATED:
                self.data = simulated(self.model, section.rows, section.observed)
                return self.data
            if section.path is not None and section.fingerprint is not None:
                mark, options = section.fingerprint.model_dump(), section.options()
                self.data = read_again(section.path, mark, section.schema_, section.name, options)
                return self.data
            if section.name not in DATASETS:
                raise DataError(
                    f"this run was fitted on {section.name!r}, which is no named data set; pass the rows as data."
                )
            self.data = load_data(section.name, section.binarize, flatten=section.flatten)
        return self.data

    def evaluate(
        self, draws: int = 1000, split: str = "test", data: Any = None, seed: int = 0, memory: int = DEFAULT_MEMORY
    ) -> Evaluation:
        """Held-out numbers with exactly ``draws`` draws a row; see ``Evaluation``.

        Args:
            draws: K.
            split: which rows of the data set; only a name where ``data`` is an array.
            data: another ``Dataset``, or rows (N, ...) or a table, all of which are used; None for the run's own.
            seed: of the draws.
            memory: bytes that one chunk of draws may take, about.
        """
        whole = data is None or isinstance(data, Dataset)
        rows = self.dataset(data).split(split).to(self.device) if whole else rows_for(self, data, split).split
        check_shape("a row of the data", rows.x_shape, self.model.x_shape, cure="evaluate on rows like those fitted on.")
        self.evaluation = evaluate_split(self.model, self.posterior, rows, split, draws, seed, memory)
        return self.evaluation

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
            likelihood = self.model.likelihood(z.unsqueeze(0))
            x = (point(likelihood) if mean else likelihood.sample()).squeeze(0).cpu()
        return x if (schema := schema_of(self)) is None else as_table(schema, x)

    def encode(self, x: Any, mask: Any = None) -> Tensor:
        """Posterior means of rows x (N, *x_shape): (N, *z_shape), on the CPU. Nothing is drawn where q states its mean.

        Args:
            x: the rows, a ``Split``, or a table for a run on one.
            mask: (N, *prefix of x_shape) True where observed, or None.
        """
        return self.encode_with_sd(x, mask)[0]

    def encode_with_sd(self, x: Any, mask: Any = None) -> tuple[Tensor, Tensor]:
        """Posterior means and standard deviations of rows x, as ``encode``: both (N, *z_shape), on the CPU."""
        with quiet(self.model, self.posterior, seed=0):
            means, sds = [], []
            for batch in self._batches(x, mask):
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
            parts = [point(self.model.likelihood(part.to(self.device).unsqueeze(0))) for part in z.split(ROWS_AT_ONCE)]
            return torch.cat([p.squeeze(0).cpu() for p in parts])

    def reconstruct(self, x: Any, mask: Any = None) -> Tensor:
        """Rows x to their posterior mean and back, as ``encode``: (N, *x_shape), on the CPU.

        Of a discrete z, whose mean is no value that it takes, the way back is averaged over draws from the posterior.
        """
        if discrete_columns(self.model.prior()) is None:
            return self.decode(self.encode(x, mask))
        with quiet(self.model, self.posterior, seed=0):
            answers = ((self.posterior.infer(self.model, batch), batch.given) for batch in self._batches(x, mask))
            return torch.cat([expected_x(self.model, q, given).cpu() for q, given in answers])

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

    def infer(
        self, observed: Mapping[str, Any], top: int = 10, check: Check = "none", draws: int = 10_000, seed: int = 0
    ) -> Inference:
        """What is believed of the model's named variables once some were observed; see ``latentia.runs.inference``.

        Args:
            observed: findings {name: value}, such as {"fever": 1, "cough": "absent"}.
            top: how many variables to tell of.
            check: "none", "importance", "gibbs" or "exact": another way to the same figures, beside them.
            draws: of the check.
            seed: of the draws.

        Raises:
            LatentiaError: a model without names, an unknown name or value, findings that cannot be.
        """
        return infer(self.model, self.posterior, observed, top, check, draws, seed)

    def save(self, folder: str | Path) -> Path:
        """Write recipe, weights, metrics, environment, numbers, pictures and report into a new or empty folder.

        Raises:
            RunError: the folder holds something already, or cannot be written.
            RecipeError: a part is in no registry, so that no recipe could rebuild it.
        """
        to = Path(folder)
        check_free(to)
        self.write(to)
        return to

    def write(self, folder: Path) -> None:
        """As ``save``, over what this very fit may have left in the folder."""
        write_folder(folder, self._parts())
        self.save_findings(folder)

    def save_findings(self, folder: str | Path) -> None:
        """Write what can be made again from the saved parts: the last numbers, pictures and report."""
        to = Path(folder)
        if self.evaluation is not None:
            write_evaluation(to, self.evaluation)
        for ladder in self.ladders:
            write_ladder(to, ladder)
        self.save_pictures(to)
        self.write_report(to / REPORT)

    def write_report(self, path: str | Path) -> Path:
        """One HTML file about this run, that needs no network."""
        write_report(Path(path), self._content())
        return Path(path)

    def save_pictures(self, folder: str | Path) -> list[Path]:
        """PNG files: draws, reconstructions, and the manifold where there are two latents."""
        return save_pictures(Path(folder), self._content())

    def known_recipe(self) -> Recipe:
        """The recipe.

        Raises:
            RecipeError: there is none, and why.
        """
        return known(self.recipe)

    def _content(self) -> ReportContent:
        recipe = self.known_recipe()
        try:
            data = self.dataset()
        except DataError:
            data = None
        return ReportContent(
            title=recipe.name,
            recipe=recipe.model_dump(mode="json"),
            history=self.history.rows,
            best_epoch=self.history.best_epoch,
            interrupted=self.history.ended in ("interrupted", "stopped"),
            evaluation=self.evaluation,
            environment=self.environment,
            model=self.model,
            posterior=self.posterior,
            data=data,
            ladders=self.ladders,
            notes=self.notes,
        )

    def _parts(self) -> Parts:
        return Parts(
            self.known_recipe(),
            self.model,
            self.posterior,
            self.history,
            self.environment,
            self.evaluation,
            self.ladders,
            self.notes,
        )

    def _batches(self, x: Any, mask: Any) -> list[Batch]:
        rows = x if isinstance(x, Split) else rows_for(self, x).split if is_table(x) else checked_split(x, mask=mask)[0]
        rows = rows.to(self.device)
        check_shape("a row of x", rows.x_shape, self.model.x_shape, cure="give rows (N, ...) shaped like those fitted on.")
        return list(rows.batches(ROWS_AT_ONCE))


def known(recipe: Recipe | RecipeError) -> Recipe:
    """The recipe, unless it is the error that says why there is none, which is raised."""
    if isinstance(recipe, RecipeError):
        raise recipe
    return recipe


def load(folder: str | Path) -> Run:
    """The run in a folder: the very same model and posterior. Nothing in it is executed or unpickled.

    Raises:
        RunError: no run is there, a file is missing or damaged, or its format is another.
        RecipeError: its recipe cannot be built.
    """
    parts = read_folder(Path(folder))
    return Run(
        parts.model,
        parts.posterior,
        parts.recipe,
        parts.history,
        parts.environment,
        evaluation=parts.evaluation,
        ladders=parts.ladders,
        notes=parts.notes,
    )
