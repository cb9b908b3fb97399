"""Each named recipe's parts fit each other and take a step; and every command works on what they leave, or says why not."""

from pathlib import Path

import numpy as np
import pytest
import torch

from helpers.known import needs
from latentia.cli import main
from latentia.core import Batch
from latentia.recipe import (
    SIMULATED,
    build_bound,
    build_gradient,
    build_model,
    build_posterior,
    named_recipes,
    parse_recipe,
    recipe_values,
)
from latentia.runs.method import Method, learner_for

SHAPES = {"digits": (1, 8, 8), "binarized_mnist": (1, 28, 28)}
SOURCES = {"health_knowledge_graph": ("health_knowledge_graph", "noisy_or.npz")}
TINY = ["--set", "epochs=1", "--set", "evaluation_draws=3"]
FEW = [*TINY, "--set", "rows=400"]
COMMANDS = {
    "digits-codes": [*TINY, "--set", "draws=2"],
    "asia": FEW,
    "symptoms": [*FEW, "--set", "posterior.network.hidden=[8]"],
}


def source(name: str) -> tuple[str, ...]:
    """The file that a recipe's model is read from, if any."""
    of = recipe_values(name)[0]["model"].get("source")
    return () if of is None else SOURCES.get(of, ("bayes_nets", f"{of}.bif.gz"))


def cases(names: list[str]) -> list:
    return [pytest.param(name, marks=needs(*source(name)) if source(name) else ()) for name in names]


@pytest.mark.parametrize("name", cases(list(named_recipes())))
def test_its_parts_fit_each_other_and_take_a_step(name: str) -> None:
    recipe = parse_recipe(*recipe_values(name))
    drawn = recipe.data.name == SIMULATED
    x_shape = None if drawn else SHAPES[recipe.data.name]
    torch.manual_seed(0)
    model = build_model(recipe.model, x_shape, recipe.latents, levels=17 if recipe.data.name == "digits" else 2)
    posterior = build_posterior(recipe.posterior, model)
    gradient = build_gradient(recipe, tuple(model.x_shape), tuple(model.z_shape))
    method = Method(model, posterior, build_bound(recipe), gradient, recipe.draws, recipe.learner)
    learner = learner_for(method, recipe.fit, n_rows=1000)
    before = [p.clone() for p in posterior.parameters()]
    log = learner.step(Batch(model.sample(6), torch.arange(6), 6))
    assert not bool(log["skipped"])
    assert bool(torch.isfinite(log["bound"]))
    assert any(not torch.equal(p, q) for p, q in zip(before, posterior.parameters(), strict=True))


def latentia(*arguments: str, capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as ended:
        main(list(arguments))
    said = capsys.readouterr()
    assert not ended.value.code, said.err
    return said.out


@pytest.mark.parametrize("name", cases(list(COMMANDS)))
def test_every_command_works_on_what_it_leaves(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = str(tmp_path / "run")
    said = latentia("fit", name, *COMMANDS[name], "--out", run, capsys=capsys)
    assert "ELBO" in said
    assert "log p(x), weighted" in latentia("evaluate", run, "--draws", "2", capsys=capsys)
    for command in ("sample", "reconstruct"):
        latentia(command, run, "-n", "3", capsys=capsys)
    back = np.load(tmp_path / "run" / "reconstructions.npz")
    assert back["x"].shape == back["reconstruction"].shape
    assert bool(np.isfinite(back["reconstruction"]).all())
    data = "digits" if name.startswith("digits") else SIMULATED
    latentia("encode", run, data, "--out", str(tmp_path / "z.npz"), capsys=capsys)
    assert bool(np.isfinite(np.load(tmp_path / "z.npz")["mean"]).all())
    latentia("report", run, capsys=capsys)
    page = (tmp_path / "run" / "report.html").read_text()
    assert "mistake" not in page
    climbed = latentia(
        "ladder", run, "--rungs", "encoder,flow", "--rows", "5", "--draws", "5", "--steps", "2", capsys=capsys
    )
    assert "flow left out" in climbed
