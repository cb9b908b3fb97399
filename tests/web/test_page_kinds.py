"""The explorer's page in Chromium for all kinds of z: one latent, bits, codes, shares, other normals, none in use."""

import io
from collections.abc import Iterator
from contextlib import redirect_stdout
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch.distributions import Independent, Normal

from helpers.browsing import chromium, visit
from helpers.explored import a_run, pictures, saved
from helpers.fake_explorer import FakeScene, grey, write_scene
from helpers.fake_service import serve
from helpers.served import serving
from latentia import load
from latentia.evaluation import between
from latentia.web.scene import write_scene as scene_of

pytest.importorskip("playwright.sync_api")

PAGE = Path(str(files("latentia.web"))) / "page"
BIG = "#picture canvas"
STRIP = "#strip li:nth-child({}) canvas"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as opened:
        yield opened


def picture(scene: FakeScene, z: Any) -> np.ndarray:
    """The bytes of the decoded possible z that is meant by z (D,)."""
    return grey(scene.model.decode(scene.settled(z)[None]))[0]


def test_one_latent_is_a_line_on_which_the_point_stays(browser: Any, tmp_path: Path) -> None:
    scene = write_scene(tmp_path / "scene", n_latents=1)
    with serve(PAGE, scene) as service, visit(browser, service.url) as seen:
        assert "one latent" in seen.page.locator("#lead").inner_text()
        seen.drag((300, 100), (400, 350))
        (z,) = first = seen.place()["z"]
        seen.shows(BIG, picture(scene, first))
        seen.drag((400, 350), (450, 350))
        assert seen.place()["z"][0] > z
        seen.page.locator("#map").focus()
        seen.page.keyboard.press("ArrowUp")
        (same,) = seen.place()["z"]
        seen.page.keyboard.press("ArrowLeft")
        assert seen.place()["z"][0] < same
        assert seen.page.locator("#sliders .slider").count() == 1
        assert "off the map" not in seen.page.locator("#status").inner_text()


@pytest.mark.parametrize("support", ["bits", "codes", "shares"])
def test_the_model_is_asked_about_possible_z_only(browser: Any, tmp_path: Path, support: str) -> None:
    scene = write_scene(tmp_path / "scene", support=support)
    with serve(PAGE, scene) as service, visit(browser, service.url) as seen:
        seen.page.wait_for_timeout(300)
        seen.drag((200, 250), (420, 180))
        here = seen.place()["z"]
        seen.shows(BIG, picture(scene, here))
        seen.page.locator("#pin-a").click()
        seen.page.locator("#latent-1").focus()
        seen.page.keyboard.press("End")
        moved = seen.place()["z"]
        seen.shows(BIG, picture(scene, moved))
        said = {"bits": [1.0], "codes": [0.0, 0.0, 1.0], "shares": [1.0]}[support]
        start = len(said)
        np.testing.assert_allclose(scene.settled(moved)[start : 2 * start], said, atol=1e-6)
        seen.page.locator("#pin-b").click()
        seen.shows(STRIP.format(1), picture(scene, here))
        seen.shows(STRIP.format(11), picture(scene, moved))
        assert seen.page.locator("#path option").all_inner_texts() == ["straight"]
        asked = np.concatenate([body["z"] for what, body in service.asked if what == "decode"])
        assert len(asked) > 30
        if support == "shares":
            np.testing.assert_allclose(asked.sum(1), 1, atol=1e-5)
            assert asked.min() >= 0
        else:
            assert set(np.unique(asked)) == {0.0, 1.0}
        if support == "codes":
            np.testing.assert_array_equal(asked.reshape(len(asked), -1, 3).sum(2), 1)
        seen.page.locator("#copy-python").click()
        lines = seen.page.evaluate("navigator.clipboard.readText()").splitlines()
        for name, z in (("z", moved), ("a", here), ("b", moved)):
            copied = eval(next(line for line in lines if line.startswith(f"{name} = "))[4:], {"torch": torch})
            assert copied.dtype == torch.float32
            np.testing.assert_allclose(copied[0].numpy(), scene.settled(z), atol=1e-6)


def test_copied_python_decodes_what_the_page_shows_of_codes(browser: Any, tmp_path: Path) -> None:
    model = {"name": "decoded", "network": {"name": "mlp", "hidden": [8]}, "prior": {"name": "codes", "n_classes": 4}}
    made = a_run(pictures(), model=model)
    with torch.no_grad():
        # So that pictures differ from place to place.
        for p in made.model.parameters():
            p.mul_(3)
    run = load(saved(made, tmp_path / "run"))
    scene_of(run, tmp_path / "scene", where=str(tmp_path / "run"))
    with serving(run, tmp_path / "scene") as port, visit(browser, f"http://127.0.0.1:{port}/") as seen:
        shown = []
        for key in ("Home", "End"):
            seen.page.locator("#latent-1").focus()
            seen.page.keyboard.press(key)
            seen.drag((300, 300), (330, 280))
            seen.page.wait_for_timeout(300)
            seen.page.locator("#copy-python").click()
            found: dict[str, Any] = {}
            with redirect_stdout(io.StringIO()):
                exec(seen.page.evaluate("navigator.clipboard.readText()"), found)
            assert tuple(found["z"].shape) == (1, 3, 4)
            shown.append(np.rint(255 * found["x"][0, 0].numpy()).astype(np.uint8))
            seen.shows(BIG, shown[-1])
            ends = [np.rint(255 * run.decode(found[pin])[0, 0].numpy()).astype(np.uint8) for pin in "ab"]
            seen.shows(STRIP.format(1), ends[0])
            seen.shows(STRIP.format(11), ends[1])
        assert (shown[0] != shown[1]).any()


def test_a_walk_under_another_normal_prior_turns_about_its_own_centre(browser: Any, tmp_path: Path) -> None:
    scene = write_scene(tmp_path / "scene")
    mean, sd = np.linspace(-1, 1, 6), np.linspace(0.5, 2, 6)
    about = scene.folder / "scene.json"
    prior = f'"prior": {{"kind": "normal", "mean": {mean.tolist()}, "sd": {sd.tolist()}}}'
    about.write_text(about.read_text().replace('"prior": {"kind": "normal"}', prior))
    normal = Independent(Normal(torch.tensor(mean, dtype=torch.float32), torch.tensor(sd, dtype=torch.float32)), 1)
    with serve(PAGE, scene) as service, visit(browser, service.url) as seen:
        seen.drag((200, 200), (210, 300))
        seen.page.locator("#pin-a").click()
        seen.page.locator("#path").select_option("spherical")
        place = seen.place()
        seen.page.locator("#strip li:nth-child(11) button").click()
        b = seen.place()["z"]
        way = between(normal, torch.from_numpy(place["a"]), torch.from_numpy(b), 11, "spherical")
        for k in (0, 4, 10):
            seen.shows(STRIP.format(k + 1), picture(scene, way[k].numpy()))
        seen.page.locator("#temperature").fill("0")
        seen.shows("#samples li:nth-child(3) canvas", picture(scene, mean))


@pytest.mark.parametrize("rows", [0, 240])
def test_the_map_is_no_smaller_than_the_prior_where_rows_lie_in_one_place(browser: Any, tmp_path: Path, rows: int) -> None:
    scene = write_scene(tmp_path / "scene", n_latents=2, rows=rows, spread=1e-4)
    with serve(PAGE, scene) as service, visit(browser, service.url) as seen:
        seen.page.locator("#zoom-in").click()
        seen.drag((400, 250), (420, 250))
        box = seen.page.locator("#map").bounding_box()
        x, y, across = (float(v) for v in seen.place()["view"].split(","))
        assert box is not None
        # All that the circle around 95 % of a standard normal needs, and not much more, at 1.5 times as large.
        up = 1.5 * across * box["height"] / box["width"]
        assert up == pytest.approx(2 * 2.448 * 1.12, rel=1e-2)
        assert (x, y) == pytest.approx((0, 0), abs=0.01)
        if not rows:
            assert "No encoded rows" in seen.page.locator("#status").inner_text()


def test_what_is_asked_is_split_by_what_the_service_allows(browser: Any, tmp_path: Path) -> None:
    scene = write_scene(tmp_path / "scene")
    with serve(PAGE, scene) as service:
        service.rows = 4
        with visit(browser, service.url) as seen:
            seen.drag((200, 200), (210, 300))
            seen.page.locator("#pin-a").click()
            seen.page.locator("#path").select_option("linear")
            place = seen.place()
            seen.page.locator("#strip li:nth-child(11) button").click()
            b = seen.place()["z"]
            for k in (0, 3, 4, 9, 10):
                seen.shows(STRIP.format(k + 1), picture(scene, place["a"] + k / 10 * (b - place["a"])))
            assert max(len(body["z"]) for what, body in service.asked if what == "decode") == 4
            assert not seen.page.locator("#trouble").is_visible()


@pytest.mark.parametrize("webgl", [True, False])
def test_many_labels_look_different_from_each_other(browser: Any, tmp_path: Path, webgl: bool) -> None:
    names = tuple(f"kind {k}" for k in range(44))
    scene = write_scene(tmp_path / "scene", names=names, rows=440)
    none = """const get = HTMLCanvasElement.prototype.getContext;
        HTMLCanvasElement.prototype.getContext = function (kind, ...rest) {
            return kind.startsWith("webgl") ? null : get.call(this, kind, ...rest);
        };"""
    look = "(all) => all.map((s) => [getComputedStyle(s).color, s.className].join())"
    with (
        serve(PAGE, scene) as service,
        visit(browser, service.url, init="" if webgl else none, color_scheme="light") as seen,
    ):
        looks = seen.page.locator("#legend .swatch").evaluate_all(look)
        assert len(set(looks)) == len(looks) == 40
        assert "and 4 more, by colours and marks that come again" in seen.page.locator("#legend").inner_text()
        # A row of the first label is a disc, one of the eleventh, of the same colour, is hollow.
        for row, hollow in ((220, False), (230, True)):
            u, v = scene.points[row].tolist()
            seen.page.evaluate("(view) => { location.hash = `view=${view}`; }", f"{u},{v},0.05")
            seen.page.wait_for_timeout(300)
            shot = Image.open(io.BytesIO(seen.page.locator("#map").screenshot())).convert("RGB")
            light = min(shot.getpixel((shot.width // 2, shot.height // 2)))  # pyright: ignore[reportArgumentType]
            assert (light > 240) == hollow
