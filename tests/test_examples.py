"""The examples run, and leave what they promise."""

import re
import runpy
import sys
from pathlib import Path

import pytest

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
