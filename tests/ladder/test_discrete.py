"""The ladder under a discrete z: rungs that it can have, and no number from one that takes codes for reals."""

from pathlib import Path
from typing import Any

import pytest
import torch

from helpers.known import write_bif
from latentia.data import Dataset, from_arrays
from latentia.ladder import climb
from latentia.models import GenerativeModel
from latentia.posteriors import Posterior
from latentia.recipe import build_model, build_posterior
from latentia.runs import simulated

NOISY_OR: dict[str, Any] = {
    "name": "noisy-or",
    "causes": ["a", "b", "c"],
    "effects": ["s", "t", "u"],
    "edges": [[0, 0, 0.8], [1, 1, 0.5], [1, 0, 0.3], [2, 2, 0.9]],
    "base_rate": 0.2,
    "leak": 0.1,
}
SLOPES = ("per-datum", "encoder+3", "semi-amortized", "iterative", "full-rank", "flow")


def parts(model: GenerativeModel, name: str) -> tuple[Posterior, Dataset]:
    torch.manual_seed(0)
    network = {} if name == "layered" else {"network": {"name": "mlp", "hidden": [8]}}
    return build_posterior({"name": name, **network}, model), simulated(model, 200, None)


def test_bits_are_searched_for_by_the_score_and_measured_from_the_exact_evidence() -> None:
    """Of a fixed seed; a mean over 4,000 weights is off by some 0.005 nats, and no bound lies above the evidence by more."""
    model = build_model(NOISY_OR, None, 10)
    posterior, rows = parts(model, "amortized")
    found = climb(model, posterior, rows, ("black-box", "encoder", *SLOPES), rows=10, draws=400, temperatures=5)
    assert found.yardstick == "exact"
    assert [rung.name for rung in found.rungs] == ["black-box", "encoder"]
    for rung in found.rungs:
        assert rung.gap.value > -0.02
    # A product of bits found for each row is nearer than an encoder that has learned nothing.
    assert found.rungs[0].gap.value < 0.1 < found.rungs[1].gap.value
    for name in SLOPES:
        (note,) = (note for note in found.notes if note.startswith(f"{name} left out"))
        assert "these are discrete" in note


def test_layers_of_bits_are_the_encoder_and_nothing_is_annealed() -> None:
    torch.manual_seed(0)
    model = build_model({"name": "sigmoid-belief", "layers": [4, 2]}, (6,), 10)
    posterior = build_posterior({"name": "layered"}, model)
    data = from_arrays(torch.rand(120, 6) < 0.4)
    found = climb(model, posterior, data, ("encoder", "encoder+3"), rows=10, draws=50, temperatures=5, chains=2)
    (rung,) = found.rungs
    assert rung.parameters == sum(p.numel() for p in posterior.parameters())
    assert rung.training == 0.0
    assert found.yardstick.startswith("importance-weighted")
    assert any(note.startswith("annealing left out") for note in found.notes)


def test_an_answer_that_cannot_be_has_no_finite_bound_and_says_in_how_many_rows(tmp_path: Path) -> None:
    model = build_model({"source": str(write_bif(tmp_path))}, None, 10)
    posterior, rows = parts(model, "clamped")
    held_out = simulated(model, 200, (0.1, 0.9))
    found = climb(model, posterior, held_out, ("encoder", "black-box"), rows=20, draws=50)
    assert found.yardstick == "exact"
    assert "latents are codes" in found.notes[0]
    assert any("not finite in" in note for note in found.rungs[0].notes)
    assert "encoder" in str(found)
    whole = climb(model, posterior, rows, ("encoder",), rows=20, draws=50)
    assert whole.rungs[0].gap.value == pytest.approx(0.0, abs=1e-4), "of what was seen whole nothing is left to infer"
