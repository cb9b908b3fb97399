"""What a page is told of a run is what the run itself says: encodings, scores, latents, pictures."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from helpers.chance import assert_mean_is
from helpers.explored import a_run, about, numbers, pictures, saved
from latentia.core.errors import LatentiaError, RunError
from latentia.data import SPLIT_NAMES, Split, from_arrays, read_data
from latentia.evaluation import quiet
from latentia.evaluation.draws import row_totals
from latentia.runs import Run, load
from latentia.web.scene import write_scene


@pytest.fixture(scope="module")
def run() -> Run:
    return a_run(pictures())


@pytest.fixture(scope="module")
def scene(run: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_scene(run, tmp_path_factory.mktemp("scene")).folder


def test_encodings_and_spreads_are_the_runs_own_split_by_split(run: Run, scene: Path) -> None:
    said, codes, sds = about(scene), numbers(scene, "codes"), numbers(scene, "sds")
    assert said["rows"] == len(codes) == len(sds) == 120
    assert list(said["splits"]) == list(SPLIT_NAMES)
    for name, (start, end) in said["splits"].items():
        mean, sd = run.encode_with_sd(split=name)
        assert end - start == len(mean)
        np.testing.assert_allclose(codes[start:end], mean.numpy(), atol=1e-6)
        np.testing.assert_allclose(sds[start:end], sd.numpy(), atol=1e-6)
        np.testing.assert_array_equal(numbers(scene, "rows")[start:end], np.arange(end - start))
        labels = run.dataset().split(name).labels
        assert labels is not None
        np.testing.assert_array_equal(numbers(scene, "labels")[start:end], labels.numpy())
    assert said["label_names"] == ["high", "middle", "low"]


def test_a_point_is_where_its_code_lies_and_the_way_back_is_its_inverse(scene: Path) -> None:
    plane, codes, points = about(scene)["plane"], numbers(scene, "codes"), numbers(scene, "points")
    axes, center = np.array(plane["axes"]), np.array(plane["center"])
    np.testing.assert_allclose((codes - center) @ axes.T, points, atol=1e-5)
    np.testing.assert_allclose(axes @ axes.T, np.eye(2), atol=1e-12)
    # Lifted into latent space and seen again, every place is where it was.
    np.testing.assert_allclose((center + points @ axes - center) @ axes.T, points, atol=1e-5)
    assert 0 < plane["share"] <= 1
    centred = codes - codes.mean(0)
    assert plane["share"] == pytest.approx((points.var(0) / centred.var(0).sum()).sum(), rel=1e-4)


def test_latents_come_by_what_they_carry_and_sliders_hold_rows_and_prior(run: Run, scene: Path) -> None:
    said, codes = about(scene)["latents"], numbers(scene, "codes")
    kls = [entry["kl"] for entry in said]
    assert kls == sorted(kls, reverse=True)
    assert sorted(entry["index"] for entry in said) == [0, 1, 2]
    rows = from_arrays(torch.cat([run.dataset().split(s).values() for s in SPLIT_NAMES]), splits=(0.0, 0.0, 1.0), levels=256)
    whole = run.evaluate(draws=2, data=rows)
    run.evaluation = None
    assert whole.kl_per_dimension is not None
    for entry in said:
        d = entry["index"]
        assert entry["kl"] == pytest.approx(whole.kl_per_dimension[d], rel=1e-4)
        assert entry["active"] == (whole.variance_of_mean[d] > 0.01)
        assert entry["low"] <= -3 <= 3 <= entry["high"]
        inside = (codes[:, d] >= entry["low"] - 1e-4) & (codes[:, d] <= entry["high"] + 1e-4)
        assert inside.mean() >= 0.98
        assert (entry["mean"], entry["sd"]) == pytest.approx((codes[:, d].mean(), codes[:, d].std()), rel=1e-3, abs=1e-5)
        assert (entry["start"], entry["size"], entry["step"]) == (d, 1, 0)


def test_scores_are_the_elbo_on_average(run: Run, scene: Path) -> None:
    # One draw a row against 400: false-alarm rate 1e-6, by assert_mean_is.
    scores = torch.from_numpy(numbers(scene, "scores").copy())
    with quiet(run.model, run.posterior, seed=1):
        splits = (run.dataset().split(name) for name in SPLIT_NAMES)
        elbo = torch.cat([row_totals(run.model, run.posterior, split, 400).elbo for split in splits])
    assert_mean_is((scores - elbo).unsqueeze(1), torch.zeros(1), "score less ELBO", size=float(elbo.abs().mean()))
    assert about(scene)["score_name"] == "ELBO from one draw, nats"


def test_the_same_run_gives_the_same_bytes(run: Run, scene: Path, tmp_path: Path) -> None:
    torch.manual_seed(99)
    write_scene(run, tmp_path / "again")
    files = {path.name: path.read_bytes() for path in scene.iterdir()}
    assert files == {path.name: path.read_bytes() for path in (tmp_path / "again").iterdir()}
    assert {"scene.json", "points.bin", "codes.bin", "thumbs-0.png"} <= set(files)


def test_a_thumbnail_is_the_row_and_dark_ground_is_said(run: Run, scene: Path) -> None:
    said = about(scene)
    thumbs, image = said["thumbs"], said["image"]
    assert (thumbs["cell"], image["invert"], image["ground"]) == ([6, 5], True, "dark")
    sheet = np.asarray(Image.open(scene / thumbs["files"][0]))
    start, _ = said["splits"]["test"]
    x = run.dataset().split("test").values()
    for row in (0, 7, len(x) - 1):
        down, across = divmod(start + row, thumbs["across"])
        cell = sheet[down * 6 : down * 6 + 6, across * 5 : across * 5 + 5]
        np.testing.assert_array_equal(cell, (x[row, 0].numpy() * 255).round().astype(np.uint8))


def test_many_rows_take_several_sheets_and_large_pictures_are_averaged_down(tmp_path: Path) -> None:
    x = np.random.default_rng(0).integers(0, 256, (1500, 64, 40), dtype=np.uint8)
    run = a_run(from_arrays(x, splits=(0.8, 0.1, 0.1)), latents=2)
    said = write_scene(run, tmp_path).about
    assert said["thumbs"]["files"] == ["thumbs-0.png", "thumbs-1.png"]
    assert said["thumbs"]["cell"] == [32, 20]
    second = np.asarray(Image.open(tmp_path / "thumbs-1.png"))
    assert second.shape == (-(-(1500 - 1024) // 32) * 32, 32 * 20)
    whole = torch.cat([run.dataset().split(s).values() for s in SPLIT_NAMES])[1024, 0]
    want = (whole.reshape(32, 2, 20, 2).mean((1, 3)) * 255).round()
    np.testing.assert_allclose(second[:32, :20].astype(float), want.numpy(), atol=1)


def test_two_latents_are_shown_as_they_are_over_the_whole_plane_decoded(tmp_path: Path) -> None:
    run = a_run(pictures(), latents=2)
    with torch.no_grad():
        # So that pictures differ from place to place.
        for p in run.model.parameters():
            p.mul_(3)
    said = write_scene(run, tmp_path).about
    plane, manifold = said["plane"], said["manifold"]
    assert (plane["axes"], plane["center"], plane["share"]) == ([[1, 0], [0, 1]], [0, 0], None)
    np.testing.assert_array_equal(numbers(tmp_path, "points"), numbers(tmp_path, "codes"))
    side, (u0, v0), (u1, v1) = manifold["side"], manifold["low"], manifold["high"]
    ends = {entry["index"]: (entry["low"], entry["high"]) for entry in said["latents"]}
    assert ends == {0: (u0, u1), 1: (v0, v1)}
    sheet = np.asarray(Image.open(tmp_path / manifold["file"]))
    assert sheet.shape == (side * 6, side * 5)
    assert np.abs(sheet[:6, :5].astype(float) - sheet[-6:, :5]).max() > 50
    for down, across in ((0, 0), (3, side - 1), (side - 1, 2)):
        z = [u0 + (across + 0.5) * (u1 - u0) / side, v1 - (down + 0.5) * (v1 - v0) / side]
        want = (run.decode(torch.tensor([z]))[0, 0] * 255).round().numpy()
        np.testing.assert_allclose(sheet[down * 6 : down * 6 + 6, across * 5 : across * 5 + 5], want, atol=1)


def test_a_run_on_an_array_that_is_loaded_again_has_latents_and_pictures_but_no_map(tmp_path: Path, run: Run) -> None:
    scene = write_scene(load(saved(run, tmp_path / "run")), tmp_path / "scene")
    said = about(tmp_path / "scene")
    assert (said["rows"], said["splits"], said["thumbs"], said["kind"]) == (0, {}, None, "image")
    assert "array" in scene.why_no_rows or "no named data set" in scene.why_no_rows
    # The reason may name files; what is published does not.
    assert said["rows_of"] == "no rows: those that the run was fitted on are not at hand"
    assert str(tmp_path) not in (tmp_path / "scene" / "scene.json").read_text()
    assert [entry["low"] for entry in said["latents"]] == [-3, -3, -3]
    assert len(said["plane"]["axes"]) == 2
    assert (tmp_path / "scene" / "points.bin").read_bytes() == b""
    assert said["has_labels"] is said["has_scores"] is said["has_sds"] is False


def test_a_choice_of_rows_takes_of_each_split_its_share_and_says_which(tmp_path: Path, run: Run) -> None:
    said = write_scene(run, tmp_path, rows=40).about
    assert said["splits"] == {"train": [0, 20], "valid": [20, 28], "test": [28, 40]}
    assert said["rows_of"] == "40 of 120 rows, drawn by a fixed seed"
    places = torch.from_numpy(numbers(tmp_path, "rows").astype(np.int64))
    want = torch.cat([run.encode(split=s)[places[a:b]] for s, (a, b) in said["splits"].items()])
    np.testing.assert_allclose(numbers(tmp_path, "codes"), want.numpy(), atol=1e-6)


def test_bits_drawn_anew_in_training_are_those_of_encode_and_shown_as_greys(tmp_path: Path) -> None:
    run = a_run(pictures(binarize="dynamic"), latents=2)
    said = write_scene(run, tmp_path).about
    start, end = said["splits"]["train"]
    np.testing.assert_allclose(numbers(tmp_path, "codes")[start:end], run.encode(split="train").numpy(), atol=1e-6)
    sheet = np.asarray(Image.open(tmp_path / "thumbs-0.png"))
    assert len(np.unique(sheet[:6])) > 2


def test_training_rows_that_stay_on_disk_are_encoded_and_shown_like_others(tmp_path: Path) -> None:
    x = np.random.default_rng(0).integers(0, 256, (300, 6, 5), dtype=np.uint8)
    np.save(tmp_path / "x.npy", x)
    data = read_data(tmp_path / "x.npy", stream="always", buffer=1)
    assert not isinstance(data.train, Split)
    run = a_run(data, latents=2)
    said = write_scene(run, tmp_path / "scene", rows=200).about
    start, end = said["splits"]["train"]
    places = torch.from_numpy(numbers(tmp_path / "scene", "rows")[start:end].astype(np.int64))
    rows = data.train.take(places)
    want = run.encode(rows)
    np.testing.assert_allclose(numbers(tmp_path / "scene", "codes")[start:end], want.numpy(), atol=1e-6)
    sheet = np.asarray(Image.open(tmp_path / "scene" / "thumbs-0.png"))
    np.testing.assert_array_equal(sheet[6:12, :5], (rows.values()[32, 0].numpy() * 255).round())


def test_rows_without_a_finite_answer_are_left_out_everywhere(tmp_path: Path) -> None:
    data = from_arrays(np.random.default_rng(0).normal(size=(60, 4)).astype(np.float32), np.arange(60) % 2)
    run = a_run(
        data, latents=2, model={"name": "decoded", "network": {"name": "mlp", "hidden": [4]}, "family": {"name": "normal"}}
    )
    train = data.split("train")
    broken = train.stored.clone()
    broken[5] = 3e38
    run.data = replace(data, train=replace(train, stored=broken))
    said = write_scene(run, tmp_path).about
    assert said["rows"] == len(numbers(tmp_path, "codes")) == len(numbers(tmp_path, "labels")) == 59
    assert 5 not in numbers(tmp_path, "rows")[: said["splits"]["train"][1]]
    assert np.isfinite(numbers(tmp_path, "points")).all()
    assert "1 rows are left out" in said["notes"][0]
    assert (said["kind"], said["image"], said["columns"]) == ("other", None, None)
    assert said["why_not"].startswith("A row of this run is 4 numbers, which this page cannot draw yet")


PRIORS: dict[str, tuple[dict[str, Any], str, int]] = {
    "bits": ({"name": "bernoulli"}, "bits", 3),
    "codes": ({"name": "codes", "n_classes": 4}, "codes", 12),
    "mixture": ({"name": "mixture", "components": 2}, "real", 3),
}


@pytest.mark.parametrize("prior", PRIORS)
def test_another_prior_comes_as_a_bank_and_a_discrete_z_with_sliders_of_whole_steps(prior: str, tmp_path: Path) -> None:
    part, support, width = PRIORS[prior]
    run = a_run(pictures(), model={"name": "decoded", "network": {"name": "mlp", "hidden": [8]}, "prior": part})
    said = write_scene(run, tmp_path).about
    assert (said["support"], said["n_latents"], len(said["latents"])) == (support, width, 3)
    assert said["prior"]["kind"] == "bank"
    assert said["prior"]["temperature"] == (support == "real")
    bank = torch.from_numpy(numbers(tmp_path, "prior").copy())
    torch.manual_seed(1)
    write_scene(run, tmp_path / "again")
    assert (tmp_path / "prior.bin").read_bytes() == (tmp_path / "again" / "prior.bin").read_bytes()
    assert bank.shape == (said["prior"]["draws"], width)
    if support == "real":
        prior_mean, sd = run.model.prior().mean.detach(), run.model.prior().stddev.detach()
        assert_mean_is(bank, prior_mean, "bank", size=float(sd.norm()))
        return
    assert set(bank.unique().tolist()) == {0.0, 1.0}
    size = width // 3
    for entry in said["latents"]:
        assert (entry["start"], entry["size"], entry["step"]) == (entry["index"] * size, size, 1)
        assert (entry["low"], entry["high"]) == (0, max(1, size - 1))
    codes = numbers(tmp_path, "codes")
    assert ((codes >= 0) & (codes <= 1)).all()
    np.testing.assert_allclose(codes[: said["splits"]["train"][1]], run.encode(split="train").flatten(1).numpy(), atol=1e-6)


def test_one_latent_lies_on_a_line(tmp_path: Path) -> None:
    said = write_scene(a_run(pictures(), latents=1), tmp_path).about
    points = numbers(tmp_path, "points")
    np.testing.assert_array_equal(points[:, :1], numbers(tmp_path, "codes"))
    assert (points[:, 1] == 0).all()
    assert said["manifold"] is None


def test_a_file_in_the_folders_place_is_one_line(tmp_path: Path, run: Run) -> None:
    (tmp_path / "scene").write_text("")
    with pytest.raises(RunError, match="cannot be written"):
        write_scene(run, tmp_path / "scene")


def test_lines_for_python_name_the_run_as_its_user_did(tmp_path: Path, run: Run) -> None:
    assert "latentia.load('my/run')" in write_scene(run, tmp_path, where="my/run").about["python"]
    assert "latentia.load('runs/away')" in write_scene(run, tmp_path).about["python"]


def test_a_z_that_no_map_lays_out_is_refused(tmp_path: Path) -> None:
    from latentia.models import GaussianMixture
    from latentia.posteriors import Exact

    run = a_run(pictures())
    run.model, run.posterior = GaussianMixture(3, 4), Exact()
    with pytest.raises(LatentiaError, match="neither numbers nor bits nor codes"):
        write_scene(run, tmp_path / "scene")
    assert not (tmp_path / "scene").exists()
