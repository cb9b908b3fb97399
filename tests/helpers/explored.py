"""Small runs to explore, and the files of a scene as arrays."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch

from latentia.data import Dataset, from_arrays
from latentia.recipe import build, describe_model, describe_posterior, parse_recipe
from latentia.runs import Run
from latentia.runs.folder import write_folder
from latentia.training import History

SMALL = {"name": "mlp", "hidden": [12]}
SHAPES = {"codes": -1, "points": 2, "prior": -1}
TYPES = {"labels": "<i2", "rows": "<i4"}


def pictures(n: int = 120, binarize: Any = "none", colour: bool = False, **options: Any) -> Dataset:
    """Dark pictures of 6 x 5 pixels with a light bar, whose place is the label."""
    random = np.random.default_rng(3)
    x = random.integers(0, 40, (n, 6, 5, 3) if colour else (n, 6, 5), dtype=np.uint8)
    labels = np.arange(n) % 3
    x[np.arange(n), labels] = 230
    names = ("high", "middle", "low")
    return from_arrays(x, labels, name="stripes", splits=(0.5, 0.2, 0.3), binarize=binarize, label_names=names, **options)


def a_run(data: Dataset, latents: int = 3, name: str = "away", section: Any = None, **parts: Any) -> Run:
    """A run whose weights are away from where they start, as after a fit; ``section``: what its recipe says of its data."""
    model = {"name": "decoded", "network": SMALL, "family": {"name": "continuous-bernoulli"}}
    whole = {"model": model, "posterior": {"name": "amortized", "network": SMALL}} | parts
    section = {"name": data.name, "binarize": data.binarize} if section is None else section
    said = {"name": name, "latents": latents, "x_shape": tuple(data.x_shape), "data": section, **whole}
    recipe = parse_recipe(said, "a test")
    torch.manual_seed(7)
    model, posterior = build(recipe, tuple(data.x_shape), data.levels)
    some = data.train.head(1000).values()
    model.start_at(some)
    posterior.start_at(some)
    with torch.no_grad():
        for part in (model, posterior):
            for p in part.parameters():
                p.add_(0.3 * torch.randn_like(p))
    said = {"model": describe_model(model), "posterior": describe_posterior(posterior)}
    return Run(model.eval(), posterior.eval(), recipe.model_copy(update=said), History(), {}, data)


def saved(run: Run, folder: Path) -> Path:
    """Its parts in a new folder, without pictures and report."""
    folder.mkdir()
    write_folder(folder, run._parts())
    return folder


def about(folder: Path) -> dict[str, Any]:
    """scene.json, in which nothing is NaN or infinite."""

    def refuse(word: str) -> float:
        raise AssertionError(f"scene.json holds {word}")

    return json.loads((folder / "scene.json").read_text(encoding="utf-8"), parse_constant=refuse)


def numbers(folder: Path, name: str) -> np.ndarray:
    """A binary file: codes and prior with a row for each, points (N, 2), else (N,)."""
    values = np.frombuffer((folder / f"{name}.bin").read_bytes(), TYPES.get(name, "<f4"))
    if name not in SHAPES:
        return values
    return values.reshape(-1, about(folder)["n_latents"] if SHAPES[name] < 0 else SHAPES[name])
