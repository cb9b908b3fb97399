"""A fitted model with its posterior: measure it, save it, load it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from latentia.core.checks import check_shape
from latentia.core.errors import DataError, RecipeError
from latentia.data import DATASETS, Dataset, as_dataset, load_data, read_again
from latentia.evaluation import DEFAULT_MEMORY, Evaluation, Ladder, evaluate_split
from latentia.models import GenerativeModel
from latentia.posteriors import Posterior
from latentia.recipe import SIMULATED, Recipe
from latentia.report import ReportContent, save_pictures, write_report
from latentia.runs.folder import REPORT, Parts, check_free, read_folder, write_evaluation, write_folder, write_ladder
from latentia.runs.inference import Check, Inference, infer
from latentia.runs.rows import rows_for
from latentia.runs.rows_through import RowsThrough
from latentia.runs.simulated import simulated
from latentia.training import History


@dataclass
class Run(RowsThrough):
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
        rows = self.dataset(data).split(split).to(self.device) if whole else rows_for(self, data, split, exact=True).split
        check_shape("a row of the data", rows.x_shape, self.model.x_shape, cure="evaluate on rows like those fitted on.")
        self.evaluation = evaluate_split(self.model, self.posterior, rows, split, draws, seed, memory)
        return self.evaluation

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
