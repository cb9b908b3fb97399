"""What all sections share: the content, a way to show an event, and the rows seen through the posterior."""

from dataclasses import dataclass
from math import inf, isfinite

import torch
from torch import Tensor

from latentia.core.errors import LatentiaError
from latentia.distributions import Columns, discrete_columns
from latentia.evaluation import ACTIVE_VARIANCE, quiet
from latentia.report.content import ReportContent
from latentia.report.display import Display
from latentia.report.pictures import Pictures
from latentia.report.probe import Encoded, are_shares, encode, is_continuous, prior_means
from latentia.report.profiles import Profiles

SEED = 0
ROWS_ON_THE_MAP = 2000
ROWS_FOR_SCALE = 200


@dataclass(frozen=True)
class Material:
    """Everything a section may draw on.

    Attributes:
        content: what the run says of itself.
        display: how an event is shown.
        encoded: rows and their points in latent space, or None.
        why_not: where ``encoded`` is None, the reason as a sentence.
    """

    content: ReportContent
    display: Display
    encoded: Encoded | None
    why_not: str

    @property
    def kl(self) -> list[float] | None:
        """Mean KL of each latent in nats: the evaluation's, else that of the rows at hand, else None."""
        if self.content.evaluation is not None and self.content.evaluation.kl_per_dimension is not None:
            return list(self.content.evaluation.kl_per_dimension)
        return self.encoded.kl.tolist() if self.encoded is not None and self.encoded.kl is not None else None

    @property
    def variance(self) -> list[float] | None:
        """Variance over rows of each latent's posterior mean, likewise."""
        if self.content.evaluation is not None:
            return list(self.content.evaluation.variance_of_mean)
        return self.encoded.variance.tolist() if self.encoded is not None else None

    @property
    def n_latents(self) -> int:
        """How many there are; a one-hot code is one."""
        return self.content.model.z_shape.numel() if self.columns is None else len(self.columns.sizes)

    @property
    def order(self) -> list[int]:
        """Latents from the one that says most to the one that says least."""
        weights = self.kl or self.variance or [0.0] * self.n_latents
        # What is not finite says nothing, and goes last.
        return sorted(range(len(weights)), key=lambda d: (-weights[d] if isfinite(weights[d]) else inf, d))

    @property
    def active(self) -> list[int]:
        """Latents in use, in the same order."""
        variance = self.variance
        return self.order if variance is None else [d for d in self.order if variance[d] > ACTIVE_VARIANCE]

    @property
    def walkable(self) -> bool:
        """Whether z is a vector of continuous numbers, so that there is something between two of its values."""
        given = None if self.encoded is None else self.encoded.batch.given
        return len(self.content.model.z_shape) == 1 and is_continuous(self.content.model.prior(given))

    @property
    def columns(self) -> Columns | None:
        """Which columns of a discrete z make one latent; None where z is continuous."""
        given = None if self.encoded is None else self.encoded.batch.given
        return discrete_columns(self.content.model.prior(given))

    @property
    def free(self) -> bool:
        """Whether, moreover, each latent can be moved while the others stay."""
        given = None if self.encoded is None else self.encoded.batch.given
        return self.walkable and not are_shares(self.content.model.prior(given))

    def given(self, n: int) -> Tensor | None:
        """The conditions of the first n rows, or None; rows are repeated where there are fewer."""
        if self.encoded is None or self.encoded.batch.given is None:
            return None
        return self.encoded.batch.given[torch.arange(n, device=self.encoded.batch.given.device) % len(self.encoded)]

    def label(self, row: int) -> str:
        """The name of a row's label, or nothing."""
        if self.encoded is None or self.encoded.labels is None:
            return ""
        return self.label_name(int(self.encoded.labels[row]))

    def label_name(self, label: int) -> str:
        """A label's name, else its number."""
        names = self.content.data.label_names if self.content.data is not None else None
        return names[label] if names is not None and 0 <= label < len(names) else str(label)

    def row_title(self, row: int) -> str:
        """A tooltip: which row of which split, and its label."""
        if self.encoded is None:
            return f"row {row}"
        label = self.label(row)
        place = int(self.encoded.batch.row[row])
        return f"{self.encoded.split} row {place}" + (f", label {label}" if label else "")

    def varied_rows(self, n: int) -> list[int]:
        """n rows to show: the first of each label in turn, so that every label is seen; the first n without labels."""
        if self.encoded is None:
            return []
        if self.encoded.labels is None:
            return list(range(min(n, len(self.encoded))))
        seen: dict[int, int] = {}
        turn = []
        for row, label in enumerate(self.encoded.labels.tolist()):
            seen[label] = seen.get(label, -1) + 1
            turn.append((seen[label], label, row))
        return [row for _, _, row in sorted(turn)][:n]


def gather(content: ReportContent) -> Material:
    """Look at rows once; what cannot be had is named, not raised."""
    with quiet(content.model, content.posterior, SEED):
        encoded, why_not = None, "The data could not be found, so nothing that needs rows is shown."
        if content.data is not None:
            wanted = content.evaluation.split if content.evaluation is not None else "test"
            try:
                encoded = encode(content.model, content.posterior, content.data, wanted, ROWS_ON_THE_MAP)
            except LatentiaError as error:
                why_not = f"The posterior has no answer for these rows: {error}"
        sample = _sample(content, encoded)
    return Material(content, display_of(sample), encoded, why_not)


def display_of(sample: Tensor) -> Display:
    """Images (n, 1 or 3, height, width) as images, everything else as profiles."""
    shape = sample.shape[1:]
    return Pictures(shape, sample) if len(shape) == 3 and shape[0] in (1, 3) else Profiles(shape, sample)


def _sample(content: ReportContent, encoded: Encoded | None) -> Tensor:
    """Some events, by which the display sets its scale."""
    if encoded is not None:
        return encoded.batch.x[:ROWS_FOR_SCALE].cpu()
    if content.data is not None:
        return content.data.train.head(ROWS_FOR_SCALE).values()
    return prior_means(content.model, ROWS_FOR_SCALE)
