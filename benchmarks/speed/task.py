"""What every contestant of a case is given: the network, the bound, and how long a turn is."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np

WORDS, LENGTH, EMBEDDING = 2000, 20, 128
PIXELS = 784


@dataclass(frozen=True)
class Task:
    """One comparison.

    Attributes:
        network: "mlp" on 784 bits, "conv" on 28 x 28 bits, or "lstm" on sentences.
        batch: rows a step.
        rows: an epoch; a multiple of the batch, so that no contestant has a smaller last batch or leaves one out.
        hidden: widths of the encoder's hidden layers, and backwards of the decoder's.
        latents: of z.
        activation: "relu" or "tanh".
        bound: "elbo" or "iwae".
        draws: K.
        lr: Adam's learning rate; the moment decays are 0.9 and 0.999, epsilon 1e-8.
        warm: epochs before the first turn; compilation is in them.
        turn: epochs a turn.
        check: rows on which each says its own bound at the end.
        seed: of everything random.
    """

    network: Literal["mlp", "conv", "lstm"]
    batch: int
    rows: int
    hidden: Sequence[int] = (500, 500)
    latents: int = 50
    activation: Literal["relu", "tanh"] = "relu"
    bound: Literal["elbo", "iwae"] = "elbo"
    draws: int = 1
    lr: float = 1e-3
    warm: int = 1
    turn: int = 1
    check: int = 1000
    seed: int = 0

    def as_json(self) -> dict[str, Any]:
        """For the way to another process."""
        return asdict(self)


class Rows(NamedTuple):
    """Rows of bits (N, 784), of images (N, 1, 28, 28), or of words (N, LENGTH); stored as small as they are."""

    train: np.ndarray
    check: np.ndarray
    valid: np.ndarray


def rows_for(task: Task) -> tuple[Rows, str]:
    """The rows, and what they are: static MNIST where it can be read, else bits of no meaning; sentences are drawn."""
    if task.network == "lstm":
        return _sentences(task), f"sentences of {LENGTH} words out of {WORDS}, drawn"
    train, valid, said = _bits()
    shape = (1, 28, 28) if task.network == "conv" else (PIXELS,)
    repeats = -(-task.rows // len(train))
    train = np.concatenate([train] * repeats)[: task.rows]
    return Rows(*(part.reshape(-1, *shape) for part in (train, valid[: task.check], valid))), said


def _bits() -> tuple[np.ndarray, np.ndarray, str]:
    from latentia import LatentiaError, load_data

    try:
        data = load_data("binarized_mnist", flatten=True)
    except (LatentiaError, OSError) as error:
        rng = np.random.default_rng(0)
        chance = rng.beta(0.3, 1.2, size=(10, PIXELS))
        draw = lambda n: (rng.random((n, PIXELS)) < chance[rng.integers(10, size=n)]).astype(np.uint8)  # noqa: E731
        return draw(20_480), draw(2_000), f"bits of ten patterns, since static MNIST was not there ({error})"
    parts = [part.stored.numpy() for part in (data.split("train"), data.valid)]
    return parts[0], parts[1], "static MNIST (`binarized_mnist`), its first rows"


def _sentences(task: Task) -> Rows:
    """Each word is the one before plus a small step, so that there is something to learn."""
    rng = np.random.default_rng(task.seed)

    def draw(n: int) -> np.ndarray:
        first = rng.integers(WORDS, size=(n, 1))
        steps = np.concatenate([first, rng.integers(1, 4, size=(n, LENGTH - 1))], 1)
        return (steps.cumsum(1) % WORDS).astype(np.int64)

    return Rows(draw(task.rows), draw(task.check), draw(task.check))


def save_rows(path: Path, rows: Rows) -> None:
    np.savez(path, train=rows.train, check=rows.check, valid=rows.valid)


def load_rows(path: Path) -> Rows:
    with np.load(path) as kept:
        return Rows(kept["train"], kept["check"], kept["valid"])
