"""What a report is made from: everything a run knows about itself, as plain objects."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from latentia.data import Dataset
from latentia.evaluation import Evaluation, Ladder
from latentia.models import GenerativeModel
from latentia.posteriors import Posterior


@dataclass(frozen=True)
class ReportContent:
    """One run.

    Attributes:
        title: the run's name.
        recipe: the recipe as nested plain values; whatever is missing is not described.
        history: one row an epoch, as in metrics.csv; values that are missing or not finite are left blank.
        best_epoch: the epoch whose weights were kept, or None.
        interrupted: training was stopped before its end.
        evaluation: the held-out numbers, or None where there are none.
        environment: versions, seed, commit, device.
        model: p, with the weights to show.
        posterior: q, likewise.
        data: the data set, or None where it cannot be found; what needs rows is then left out, and says so.
        ladders: ways of inferring z, measured side by side.
        notes: sentences to print under the recipe.
    """

    title: str
    recipe: dict[str, Any]
    history: Sequence[Mapping[str, float]]
    best_epoch: int | None
    interrupted: bool
    evaluation: Evaluation | None
    environment: Mapping[str, str]
    model: GenerativeModel
    posterior: Posterior
    data: Dataset | None
    ladders: Sequence[Ladder] = ()
    notes: Sequence[str] = ()
