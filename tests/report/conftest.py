"""Tiny runs to report on, untrained models over random rows; and a reader that refuses a page with unbalanced tags."""

from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import pytest
import torch

from latentia.data import Dataset, from_arrays
from latentia.evaluation import Evaluation, Figure
from latentia.families import Bernoulli, DiagonalNormal, DiscretizedLogistic, Normal
from latentia.models import PPCA, Decoded, GenerativeModel
from latentia.networks import mlp
from latentia.posteriors import Amortized, Exact, Posterior
from latentia.priors import Mixture, StandardNormal
from latentia.report import ReportContent

ROWS = 60

ENVIRONMENT = {"python": "3.11", "torch": "2.9", "seed": "0", "git_commit": "", "device": "cpu"}
RECIPE = {
    "format": 1,
    "name": "tiny",
    "latents": 3,
    "model": {
        "name": "decoded",
        "prior": {"name": "standard-normal"},
        "network": {"name": "mlp", "hidden": [8], "activation": "relu", "norm": "none"},
        "family": {"name": "bernoulli"},
    },
    "posterior": {"name": "amortized", "network": {"name": "mlp", "hidden": [8]}, "family": {"name": "diagonal-normal"}},
    "bound": {"name": "elbo"},
    "gradient": {"name": "auto"},
    "draws": 1,
    "fit": {"epochs": 3, "batch_size": 20, "lr": 0.001},
}


def history(epochs: int) -> list[dict[str, float]]:
    return [
        {
            "epoch": float(e),
            "step": 3.0 * e,
            "train_bound": -20 + e,
            "train_rate": 1.0 + e,
            "valid_bound": -21 + 0.9 * e,
            "valid_rate": 1.1 + e,
            "valid_reconstruction": -19.9 + 1.9 * e,
            "active_units": 2.0,
            "beta": min(1.0, e / 2),
            "lr": 1e-3,
            "grad_norm": 3.0 / e,
            "skipped": 0.0,
            "rows_per_second": 1000.0,
            "seconds": 0.5 * e,
        }
        for e in range(1, epochs + 1)
    ]


def evaluation(latents: int, dead: int = 1) -> Evaluation:
    alive = latents - dead
    return Evaluation(
        split="test",
        rows=6,
        draws=100,
        elbo=Figure(-18.0, 0.5),
        reconstruction=Figure(-14.0, 0.4),
        rate=Figure(4.0, 0.2),
        log_px=Figure(-17.25, 0.5),
        bits_per_dim=Figure(0.7, 0.02),
        kl_per_dimension=tuple([2.0 + d for d in range(alive)] + [0.001] * dead),
        variance_of_mean=tuple([0.8] * alive + [0.001] * dead),
        mutual_information=Figure(1.2, 0.1),
        k_hat_rows=6,
        k_hat=0.4,
        k_hat_bad=0.1,
    )


def dataset(kind: str) -> Dataset:
    g = torch.Generator().manual_seed(0)
    labels = torch.arange(ROWS) % 3
    if kind == "grey":
        x = (torch.rand(ROWS, 1, 6, 6, generator=g) < 0.15).to(torch.uint8)
        return from_arrays(x, labels, name="grey", splits=(0.6, 0.2, 0.2), label_names=("ant", "bee", "cat"))
    if kind == "odd":
        return from_arrays(torch.rand(ROWS, 1, 5, 7, generator=g), name="odd", splits=(0.6, 0.2, 0.2))
    if kind == "colour":
        return from_arrays(torch.rand(ROWS, 3, 4, 5, generator=g), labels, name="colour", splits=(0.6, 0.2, 0.2))
    return from_arrays(torch.randn(ROWS, 12, generator=g), labels, name="vector", splits=(0.6, 0.2, 0.2))


def parts(data: Dataset, latents: int, prior: str = "standard-normal") -> tuple[GenerativeModel, Posterior]:
    with torch.random.fork_rng():
        torch.manual_seed(1)
        shape = tuple(data.x_shape)
        if prior == "ppca":
            return PPCA(latents, shape[0]), Exact()
        families = {"grey": Bernoulli(), "odd": DiscretizedLogistic(16), "colour": Normal(), "vector": Normal()}
        family = families[data.name]
        p_z = Mixture(latents, 3) if prior == "mixture" else StandardNormal(latents)
        model = Decoded(p_z, mlp(latents, [8], shape, family.raw_per_value), family)
        return model, Amortized(mlp(shape, [8], latents, 2), DiagonalNormal())


def content_of(kind: str = "grey", latents: int = 3, prior: str = "standard-normal", epochs: int = 3) -> ReportContent:
    data = dataset(kind)
    model, posterior = parts(data, latents, prior)
    measured = evaluation(latents, dead=1 if latents > 1 else 0)
    if prior != "standard-normal":
        measured = replace(measured, kl_per_dimension=None)
    return ReportContent(
        title="tiny",
        recipe=RECIPE,
        history=history(epochs),
        best_epoch=epochs,
        interrupted=False,
        evaluation=measured,
        environment=ENVIRONMENT,
        model=model,
        posterior=posterior,
        data=data,
        notes=("gradient chosen: analytic KL",),
    )


@pytest.fixture
def make_content() -> Callable[..., ReportContent]:
    def make(kind: str = "grey", latents: int = 3, prior: str = "standard-normal", epochs: int = 3, **changes: Any):
        return replace(content_of(kind, latents, prior, epochs), **changes)

    return make


VOID = {"br", "hr", "img", "input", "link", "meta"}
RAW = {"script", "style"}


class Reader(HTMLParser):
    """Fails on a tag that is closed by another; keeps text, ids, tags and attributes."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.words: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(key, value or "") for key, value in attrs]
        self.ids += [value or "" for key, value in attrs if key == "id"]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not self.open or self.open[-1] not in RAW:
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def _read(html: str) -> Reader:
    reader = Reader()
    reader.feed(html)
    reader.close()
    assert reader.open == []
    return reader


@pytest.fixture
def read() -> Callable[[str], Reader]:
    return _read
