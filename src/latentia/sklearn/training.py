"""A VAE of plain numbers: what the estimators build from their parameters, and how it is fitted."""

import math
from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any, NamedTuple

import numpy as np
from sklearn.utils import check_scalar

from latentia.bounds import Iwae
from latentia.core.errors import LatentiaError, nearest
from latentia.core.random import seeded
from latentia.data import from_arrays
from latentia.families import Bernoulli, ContinuousBernoulli, DiagonalNormal, Family, Laplace, Normal
from latentia.models import Decoded
from latentia.networks import ACTIVATIONS, mlp
from latentia.posteriors import Amortized
from latentia.priors import StandardNormal
from latentia.runs import Run, fit
from latentia.sklearn.linear import note_of
from latentia.sklearn.rows import ALONE
from latentia.sklearn.units import Array, Units

# Likelihoods of reals, which have a scale and may be standardized; and of values in [0, 1], which neither.
REAL = {"normal": Normal, "laplace": Laplace}
UNIT = {"bernoulli": Bernoulli, "continuous-bernoulli": ContinuousBernoulli}
# What "auto" asks for: steps enough for a table, epochs enough for a schedule.
STEPS, FEWEST_EPOCHS = 2000, 10
FEWEST_HELD_OUT = 10


class Plan(NamedTuple):
    """How to build and fit; see the parameters of ``VAE``."""

    n_components: int
    hidden: Sequence[int]
    activation: str
    likelihood: str
    scale: float | str
    epochs: int | str
    batch_size: int
    learning_rate: float
    beta: float
    validation_fraction: float
    patience: int | None
    device: str
    verbose: int

    def check(self) -> None:
        """Refuse what cannot be.

        Raises:
            LatentiaError, TypeError, ValueError: with the parameter's name.
        """
        check_scalar(self.n_components, "n_components", Integral, min_val=1)
        check_scalar(self.batch_size, "batch_size", Integral, min_val=1)
        check_scalar(self.learning_rate, "learning_rate", Real, min_val=0, include_boundaries="neither")
        check_scalar(self.beta, "beta", Real, min_val=0)
        check_scalar(self.validation_fraction, "validation_fraction", Real, min_val=0, max_val=1, include_boundaries="left")
        if self.epochs != "auto":
            check_scalar(self.epochs, "epochs", Integral, min_val=1)
        if self.patience is not None:
            check_scalar(self.patience, "patience", Integral, min_val=1)
        if isinstance(self.hidden, str) or not isinstance(self.hidden, Sequence):
            raise TypeError(f"hidden is {self.hidden!r}, wanted the widths of its layers, such as (64, 64).")
        if self.activation not in ACTIVATIONS:
            raise LatentiaError(f"activation is {self.activation!r}; {nearest(str(self.activation), list(ACTIVATIONS))}")
        if self.likelihood not in (*REAL, *UNIT):
            raise LatentiaError(f"likelihood is {self.likelihood!r}; {nearest(str(self.likelihood), [*REAL, *UNIT])}")

    @property
    def real(self) -> bool:
        """Whether the likelihood is of any real number, so that columns may be standardized."""
        return self.likelihood in REAL

    def family(self) -> Family:
        """The likelihood's family."""
        scale: Any = self.scale
        return REAL[self.likelihood](scale) if self.real else UNIT[self.likelihood]()

    def epochs_for(self, n_rows: int) -> int:
        """Passes over ``n_rows`` rows.

        >>> Plan(2, (8,), "silu", "normal", "learned", "auto", 100, 1e-3, 1.0, 0.1, None, "cpu", 0).epochs_for(1000)
        200
        """
        if not isinstance(self.epochs, str):
            return int(self.epochs)
        return max(FEWEST_EPOCHS, math.ceil(STEPS / math.ceil(n_rows / self.batch_size)))

    def parts(self, n_values: int, see_mask: bool = False) -> tuple[Decoded, Amortized]:
        """Model and encoder for rows of ``n_values``, with fresh weights from torch's random state."""
        family, latent, hidden = self.family(), DiagonalNormal(), list(self.hidden)
        decoder = mlp(self.n_components, hidden[::-1], n_values, family.raw_per_value, activation=self.activation)
        model = Decoded(StandardNormal(self.n_components), decoder, family)
        inputs = Amortized.input_shape((n_values,), see_mask)
        encoder = mlp(inputs, hidden, self.n_components, latent.raw_per_value, activation=self.activation)
        return model, Amortized(encoder, latent, see_mask=see_mask)

    def fit(self, x: Array, units: Units, seed: int, mask: Any = None, draws: int = 1) -> Run:
        """Fit to x (N, D) in the model's units; ``mask`` (N, D) is True where observed.

        With more than one of ``draws`` it is the importance-weighted bound of so many that is raised.

        The run is left on the CPU and without the rows, so that it is small to keep.
        """
        held_out = int(self.validation_fraction * len(x))
        share = held_out / len(x) if held_out >= FEWEST_HELD_OUT else 0.0
        data = from_arrays(x.astype(np.float32), mask=mask, name="rows", splits=(1 - share, share, 0))
        with ALONE:
            with seeded(seed):
                model, posterior = self.parts(x.shape[1], see_mask=mask is not None)
            run = fit(
                model,
                posterior,
                data,
                progress=bool(self.verbose),
                epochs=self.epochs_for(len(data.train)),
                batch_size=self.batch_size,
                lr=self.learning_rate,
                lr_decay="cosine",
                beta=self.beta,
                bound=Iwae() if draws > 1 else None,
                draws=draws,
                patience=self.patience,
                seed=seed,
                device=self.device,
                matmul="default",  # which the clock has no say in
            )
        model.cpu()
        posterior.cpu()
        run.data = None
        run.notes.append(note_of(units))
        return run
