"""Held-out numbers as an object, a table and JSON."""

import math
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from rich.table import Table
from torch import Tensor

LATENTS_SHOWN = 5
IMPOSSIBLE = "some draws of the posterior are impossible under the model"
ACTIVE_VARIANCE = 0.01
"""A latent is active if the variance of its posterior mean over rows is above this (Burda et al. 2016)."""


class Figure(NamedTuple):
    """A mean over rows and its standard error, both in the same unit."""

    value: float
    error: float

    @classmethod
    def of(cls, rows: Tensor) -> "Figure":
        """The mean of one number a row, (N,), with its standard error; the error of a single row is unknown, NaN."""
        error = float(rows.std()) / math.sqrt(len(rows)) if len(rows) > 1 else math.nan
        return cls(float(rows.mean()), error)

    def __str__(self) -> str:
        return f"{self.value:.3f} ± {self.error:.3f}" if math.isfinite(self.value) else "not finite"


@dataclass(frozen=True)
class Evaluation:
    """What held-out rows say about a model and a posterior. Nats a row, higher is better, unless said otherwise.

    Errors are standard errors over rows: how far another test set of this size would move the mean.

    Attributes:
        split: which rows.
        rows: how many.
        draws: K, draws a row from q; exactly these were used.
        elbo: the evidence lower bound, E_q[log p(x, z) - log q(z)].
        reconstruction: E_q log p(x | z).
        rate: KL(q || prior), lower is a shorter code.
        log_px: importance-weighted estimate of log p(x) with K draws; at least the ELBO, at most log p(x), on average.
        bits_per_dim: -ELBO in bits a value, for likelihoods that are masses; else None.
        kl_per_dimension: nats a latent, where posterior and prior factorize; else None.
        variance_of_mean: variance over rows of each latent's posterior mean.
        mutual_information: estimate of I(x; z) under q, from at most 1,000 rows; it cannot exceed the log of their number.
        k_hat_rows: rows whose importance weights were looked at.
        k_hat: median Pareto shape of the importance weights over rows; None below 100 draws.
        k_hat_bad: share of rows whose shape is above 0.7, where log_px is not to be trusted.
    """

    split: str
    rows: int
    draws: int
    elbo: Figure
    reconstruction: Figure
    rate: Figure
    log_px: Figure
    bits_per_dim: Figure | None
    kl_per_dimension: tuple[float, ...] | None
    variance_of_mean: tuple[float, ...]
    mutual_information: Figure
    k_hat_rows: int
    k_hat: float | None
    k_hat_bad: float | None

    @property
    def active_units(self) -> int:
        """Latents whose posterior mean varies over rows by more than ``ACTIVE_VARIANCE``."""
        return sum(v > ACTIVE_VARIANCE for v in self.variance_of_mean)

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers and lists; what is not finite becomes None."""
        out = {name: _plain(value) for name, value in asdict(self).items()}
        return {**out, "active_units": self.active_units}

    @staticmethod
    def from_dict(values: dict[str, Any]) -> "Evaluation":
        """The inverse of ``to_dict``."""
        inner = {k: v for k, v in values.items() if k != "active_units"}
        for name in ("elbo", "reconstruction", "rate", "log_px", "bits_per_dim", "mutual_information"):
            if name != "bits_per_dim" or inner[name] is not None:
                inner[name] = Figure(*(math.nan if inner[name][k] is None else inner[name][k] for k in ("value", "error")))
        for name in ("kl_per_dimension", "variance_of_mean"):
            if name == "variance_of_mean" or inner[name] is not None:
                inner[name] = tuple(math.nan if v is None else v for v in inner[name])
        return Evaluation(**inner)

    def lines(self) -> list[tuple[str, str, str]]:
        """(quantity, figure, what it means) for people."""
        k = self.draws
        out = [
            ("ELBO", _nats(self.elbo), "lower bound on log p(x)" if math.isfinite(self.elbo.value) else IMPOSSIBLE),
            ("log p(x), weighted", _nats(self.log_px), f"importance-weighted, {k} draws a row"),
            ("reconstruction", _nats(self.reconstruction), "E log p(x | z)"),
            ("rate", _nats(self.rate), "KL(q || prior)"),
        ]
        if (bits := self.bits_per_dim) is not None and math.isfinite(bits.value):
            out.append(("bits a dimension", f"{bits.value:.4f} ± {bits.error:.4f}", "-ELBO, lower is better"))
        latents = len(self.variance_of_mean)
        out.append(("active units", f"{self.active_units} of {latents}", f"variance of the mean > {ACTIVE_VARIANCE}"))
        if self.kl_per_dimension is not None:
            largest = sorted(self.kl_per_dimension, reverse=True)
            shown = " ".join(f"{kl:.2f}" for kl in largest[:LATENTS_SHOWN])
            which = (
                f"the largest {LATENTS_SHOWN} of {len(largest)}" if len(largest) > LATENTS_SHOWN else "from the largest down"
            )
            out.append(("KL a latent", f"{shown} nats", which))
        out.append(("mutual information", _nats(self.mutual_information), "I(x; z) under q, estimated"))
        if self.k_hat is not None and self.k_hat_bad is not None:
            bad = f"median; above 0.7 in {self.k_hat_bad:.0%} of {self.k_hat_rows} rows"
            out.append(("Pareto k̂", f"{self.k_hat:.2f}", bad))
        return out

    def __str__(self) -> str:
        lines = self.lines()
        wide, numbers = (max(len(line[k]) for line in lines) for k in (0, 1))
        rows = (f"  {name:<{wide}}  {figure:>{numbers}}  {meaning}" for name, figure, meaning in lines)
        return "\n".join([f"{self.split}: {self.rows} rows, {self.draws} draws a row", *rows])

    def table(self) -> Table:
        """For a terminal."""
        table = Table(title=f"{self.split}: {self.rows} rows, {self.draws} draws a row", title_justify="left")
        for name, justify in (("quantity", "left"), ("figure", "right"), ("meaning", "left")):
            table.add_column(name, justify=justify)  # pyright: ignore[reportArgumentType]  rich's literal
        for line in self.lines():
            table.add_row(*line)
        return table


def _nats(figure: Figure) -> str:
    return f"{figure} nats" if math.isfinite(figure.value) else str(figure)


def _plain(value: Any) -> Any:
    if isinstance(value, Figure):
        return {"value": _plain(value.value), "error": _plain(value.error)}
    if isinstance(value, tuple | list):
        return [_plain(v) for v in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
