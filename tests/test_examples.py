"""The examples run, and leave what they promise."""

import re
import runpy
import sys
from pathlib import Path

import pytest
import torch
from torch.testing import assert_close

from latentia import Amortized, Bernoulli, Iwae, mlp
from latentia.gradients import Enumerated
from latentia.models import Decoded

EXAMPLES = Path(__file__).parent.parent / "examples"


def test_gradient_variance_draws_a_line_for_each_gradient(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "figure.svg"
    arguments = [str(out), "--repeats", "10", "--draws", "2", "8", "--steps", "20"]
    monkeypatch.setattr(sys, "argv", ["gradient_variance.py", *arguments])
    runpy.run_path(str(EXAMPLES / "gradient_variance.py"), run_name="__main__")
    assert "leave-one-out" in capsys.readouterr().out
    picture = out.read_text(encoding="utf-8")
    assert picture.startswith("<svg xmlns=")
    assert picture.count('class="line"') == 6 * 2 + 6, "six gradients in two panels, and the key"


def test_recognition_says_how_far_off_and_how_fast(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Small models under the published names, since the files themselves are nobody's to copy."""
    network = "variable a { type discrete [2] { x, y }; } variable b { type discrete [3] { u, v, w }; }"
    network += "probability (a) { table 0.3 0.7; } probability (b | a) { (x) 0.2 0.3 0.5; (y) 0.6 0.3 0.1; }"
    symptoms = ", ".join(f"symptom {i} (0.9)" for i in range(15))
    table = f'Diseases,Symptoms\nplague,"{symptoms}"\ncold,"symptom 3 (0.5)"\n'
    for folder, file, text in (
        ("bayes_nets", "asia.bif", network),
        ("health_knowledge_graph", "DerivedKnowledgeGraph_final.csv", table),
    ):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / file).write_text(text)
    monkeypatch.setenv("LATENTIA_DATA", str(tmp_path))
    arguments = ["asia", "health_knowledge_graph", "--steps", "2", "--cases", "30", "--hard", "2", "--sweeps", "5"]
    monkeypatch.setattr(sys, "argv", ["recognition.py", *arguments])
    runpy.run_path(str(EXAMPLES / "recognition.py"), run_name="__main__")
    said = capsys.readouterr().out
    assert said.count("absolute error: mean") == 2 + 5
    assert said.count("seconds a case") == 2
    assert "2 cases of 1" in said


def test_the_page_on_gradients_says_what_its_slopes_are() -> None:
    """The slopes follow from the printed points, which are rounded, and words from the slopes."""
    slope_of = runpy.run_path(str(EXAMPLES / "signal_to_noise.py"))["slope_of"]
    page = (EXAMPLES.parent / "docs" / "gradients.md").read_text(encoding="utf-8").partition("## Signal against draws")[2]
    alike = []
    for name in ("reparameterized", "doubly reparameterized"):
        told = next(line for line in page.splitlines() if line.startswith(f"{name}  ")).removeprefix(name)
        *points, slope = [(float(v), float(e)) for v, e in re.findall(r"([+-]?[\d.]+) ± ([\d.]+)", told)]
        known = [(k, *point) for k, point in zip((1, 4, 16, 64, 256), points, strict=True)]
        assert tuple(slope_of(known)) == pytest.approx(slope, abs=0.006)
        alike.append(float(slope_of([(k, v, v) for k, v, _ in known]).value))
    words = " ".join(page.split())
    assert "each point weighed by its error" in words
    assert f"Without weights the slopes are {alike[0]:+.2f} and {alike[1]:+.2f}" in words
    assert "both fitted slopes are a little flatter" not in words


def test_how_many_latents_counts_five(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The VAE is not trained here long enough to switch anything off; Bayesian PCA is."""
    out = tmp_path / "figure.svg"
    monkeypatch.setattr(sys, "argv", ["how_many_latents.py", str(out), "--seeds", "2", "--rows", "300", "--epochs", "2"])
    runpy.run_path(str(EXAMPLES / "how_many_latents.py"), run_name="__main__")
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[2] for line in lines[2:4]] == ["5", "5"], "seed, sweeps, kept"
    picture = out.read_text(encoding="utf-8")
    assert picture.startswith("<svg xmlns=")
    assert picture.count("<rect ") == 20 + 20, "a bar a latent"
    assert picture.count('class="kept"') == 5 + 5


def test_the_linear_regression_meets_its_closed_form() -> None:
    """Means of 4,000 draws: 0.075 is 4.7 standard errors, 3e-5 by chance over ten weights; the fit itself is exact."""
    example = runpy.run_path(str(EXAMPLES / "bayesian_regression.py"))
    x, y, _, _ = example["standardized"](example["load_diabetes"](), scale_y=True)
    found, (mean, covariance) = example["linear"](x, y), example["linear_exactly"](x, y)
    sd = covariance.diagonal().sqrt()
    assert float(((found.mean["w"] - mean).abs() / sd).max()) < 0.075
    assert float((found.sd["w"] / sd - 1).abs().max()) < 0.055
    assert found.usable
    q = found.posterior.infer()
    assert float(((q.mean - mean).abs() / sd).max()) < 1e-3, "by its parameters, without draws"
    assert float((q.covariance_matrix / sd / sd[:, None] - covariance / sd / sd[:, None]).abs().max()) < 1e-3


def test_discrete_gradients_tables_every_estimator_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "figure.svg"
    arguments = [str(out), "--bits", "3", "--repeats", "3", "--control-steps", "2", "--draws", "1", "2", "--steps", "2", "4"]
    monkeypatch.setattr(sys, "argv", ["discrete_gradients.py", *arguments])
    runpy.run_path(str(EXAMPLES / "discrete_gradients.py"), run_name="__main__")
    printed = capsys.readouterr().out
    rows = [line for line in printed.splitlines() if line.startswith("| ") and not line.startswith(("| gradient", "| ---"))]
    assert len(rows) == 2 * (11 + 1 + 2), "a second row of leave-one-out, and two under the importance-weighted bound"
    exact = [row.split("|")[3].strip() for row in rows if row.startswith("| enumerated")]
    assert exact == ["0.0", "0.0"]
    picture = out.read_text(encoding="utf-8")
    assert picture.startswith("<svg xmlns=")
    assert picture.count('class="line"') == 6 * 2 + 6, "six gradients in two panels, and the key"


def test_pairs_of_states_make_the_importance_weighted_bound_s_gradient() -> None:
    """Against ``enumerated``, which sums over tuples by itself where they are few."""
    example = runpy.run_path(str(EXAMPLES / "discrete_gradients.py"))
    model = Decoded(example["Coins"](3), mlp(3, [4], 64), Bernoulli())
    posterior = Amortized(mlp(64, [], 3), Bernoulli())
    batch = example["batch_of"]((torch.rand(5, 64) < 0.3).float(), 5)
    surrogate = Enumerated()(Iwae(), model, posterior.infer(model, batch), batch, 2).surrogate.mean()
    exact = torch.cat([slope.flatten() for slope in torch.autograd.grad(surrogate, list(posterior.parameters()))])
    assert_close(example["pairs_slope"](model, posterior, batch, chunk=3).float(), exact, rtol=1e-4, atol=1e-5)


def test_wake_sleep_bias_measures_zero_where_the_model_is_the_truth(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["wake_sleep_bias.py", "--steps", "20", "--seeds", "1"])
    example = runpy.run_path(str(EXAMPLES / "wake_sleep_bias.py"), run_name="__main__")
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("| o")]
    assert len(lines) == 7, "two ways for one bar, five where they overlap"
    assert all(float(line.split("|")[2]) > 0 for line in lines)
    law = example["OneBar"](3)
    model, _ = example["mixture"](3, seed=0)
    with torch.no_grad():
        chance = law.pixel_chances(torch.eye(6).repeat(2, 1))  # every bar is two of the twelve parts
        model.network.last.weight.copy_(torch.logit(chance).T)
        model.network.last.bias.zero_()
    assert abs(example["divergence"](law, model)) < 1e-6
