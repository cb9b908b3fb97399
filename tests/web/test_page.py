"""The explorer's page in Chromium, against a service whose answers can be repeated: what is drawn is what was decoded."""

import io
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch.distributions import Independent, Normal

from helpers.browsing import chromium, visit
from helpers.fake_explorer import SIDE, FakeScene, grey, write_scene
from helpers.fake_service import Service, serve
from latentia.evaluation.paths import between

pytest.importorskip("playwright.sync_api")

PAGE = Path(str(files("latentia.web"))) / "page"
BIG = "#picture canvas"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as opened:
        yield opened


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> FakeScene:
    return write_scene(tmp_path_factory.mktemp("page") / "scene")


@pytest.fixture
def service(scene: FakeScene) -> Iterator[Service]:
    with serve(PAGE, scene) as running:
        yield running


def picture(scene: FakeScene, z: Any) -> np.ndarray:
    """The bytes of the decoded z (D,)."""
    return grey(scene.model.decode(np.asarray(z, np.float32)[None]))[0]


def project(scene: FakeScene, z: np.ndarray) -> np.ndarray:
    return np.array(scene.about["plane"]["axes"]) @ (z - np.array(scene.about["plane"]["center"]))


def test_it_opens_with_a_row_and_says_which(browser: Any, service: Service, scene: FakeScene) -> None:
    with visit(browser, service.url) as seen:
        z = seen.place().get("z")
        assert z is None, "an address that nobody asked for says nothing"
        middle = scene.codes - np.array(scene.about["plane"]["center"], np.float32)
        row = int((middle**2).sum(1).argmin())
        seen.shows(BIG, picture(scene, scene.codes[row]))
        label = scene.about["label_names"][scene.labels[row]]
        place = f"train row {row}" if row < 120 else f"test row {row - 120}"
        assert seen.page.locator("#status").inner_text().startswith(f"At {label} ({place})")
        assert seen.page.title() == "fake-image · Latentia"
        assert "All 240 rows, 6 latents, 5 in use" in seen.page.locator("#lead").inner_text()


def test_a_drag_moves_z_in_the_plane_and_the_picture_follows(browser: Any, service: Service, scene: FakeScene) -> None:
    with visit(browser, service.url) as seen:
        seen.drag((300, 300), (420, 180))
        first = seen.place()["z"]
        seen.shows(BIG, picture(scene, first))
        seen.drag((420, 180), (300, 300))
        second = seen.place()["z"]
        seen.shows(BIG, picture(scene, second))
        moved = project(scene, first) - project(scene, second)
        # A hundred and twenty pixels to the right and up, alike in both.
        assert moved[0] == pytest.approx(moved[1], rel=1e-3)
        assert moved[0] > 0
        axes = np.array(scene.about["plane"]["axes"])
        np.testing.assert_allclose(axes.T @ (axes @ (first - second)), first - second, atol=1e-5)


def test_requests_do_not_queue_behind_a_drag(browser: Any, service: Service, scene: FakeScene) -> None:
    with visit(browser, service.url) as seen:
        seen.page.wait_for_timeout(200)
        service.asked.clear()
        service.gate.clear()
        seen.drag((200, 200), (500, 400), steps=40)
        service.gate.set()
        z = seen.place()["z"]
        seen.shows(BIG, picture(scene, z))
        decodes = [body for what, body in service.asked if what == "decode"]
        assert len(decodes) <= 4
        np.testing.assert_allclose(decodes[-1]["z"][0], z)


def test_a_slider_moves_its_latent_alone(browser: Any, service: Service, scene: FakeScene) -> None:
    with visit(browser, service.url) as seen:
        before = seen.page.locator("#latent-2").input_value()
        seen.drag((300, 300), (301, 300))
        start = seen.place()["z"]
        seen.page.locator("#latent-2").focus()
        for _ in range(5):
            seen.page.keyboard.press("ArrowRight")
        after = seen.place()["z"]
        assert before
        assert after[2] == pytest.approx(start[2] + 5 * 8 / 400, abs=0.021)
        np.testing.assert_array_equal(np.delete(after, 2), np.delete(start, 2))
        seen.shows(BIG, picture(scene, after))
        order = seen.page.locator("#sliders > .slider label").all_inner_texts()
        assert order == ["z₀", "z₁", "z₂", "z₃", "z₄"]
        assert "not use" in seen.page.locator("#sliders summary").inner_text()
        assert not seen.page.locator("#latent-5").is_visible()


def test_pins_and_the_way_between_are_those_of_the_library(browser: Any, service: Service, scene: FakeScene) -> None:
    prior = Independent(Normal(torch.zeros(6), torch.ones(6)), 1)
    with visit(browser, service.url) as seen:
        seen.drag((200, 200), (210, 300))
        seen.page.locator("#pin-a").click()
        seen.drag((500, 350), (520, 240))
        seen.page.locator("#pin-b").click()
        for path in ("linear", "spherical"):
            seen.page.locator("#path").select_option(path)
            place = seen.place()
            assert place["path"] == path
            way = between(prior, torch.from_numpy(place["a"]), torch.from_numpy(place["b"]), 11, path)  # pyright: ignore[reportArgumentType]
            for k in (0, 3, 5, 10):
                seen.shows(f"#strip li:nth-child({k + 1}) canvas", picture(scene, way[k].numpy()))
        seen.page.locator("#strip li:nth-child(4) button").click()
        np.testing.assert_allclose(seen.place()["z"], way[3].numpy(), atol=1e-5)


def test_the_walk_moves_until_it_is_stopped(browser: Any, service: Service) -> None:
    with visit(browser, service.url) as seen:
        play = seen.page.locator("#play")
        play.click()
        seen.page.wait_for_timeout(500)
        assert play.inner_text() == "Stop"
        play.click()
        at = float(seen.page.locator("#walk-at").input_value())
        assert 0 < at < 0.9
        seen.page.wait_for_timeout(200)
        assert float(seen.page.locator("#walk-at").input_value()) == at


def test_who_wants_no_motion_walks_step_by_step(browser: Any, service: Service) -> None:
    with visit(browser, service.url, reduced_motion="reduce") as seen:
        play = seen.page.locator("#play")
        assert play.inner_text() == "Next step"
        play.click()
        play.click()
        seen.page.wait_for_timeout(200)
        assert float(seen.page.locator("#walk-at").input_value()) == pytest.approx(0.2)


@pytest.mark.parametrize("inverted", [False, True])
def test_a_picture_of_ones_own_is_encoded(browser: Any, service: Service, scene: FakeScene, inverted: bool) -> None:
    values = grey(np.random.default_rng(7).random((1, SIDE * SIDE)).astype(np.float32))[0]
    # The edge says whether it is ink on paper, and the model knows light on dark.
    values[0] = values[-1] = values[:, 0] = values[:, -1] = 250 if inverted else 5
    file = io.BytesIO()
    Image.fromarray(values).save(file, "png")
    with visit(browser, service.url) as seen:
        seen.page.locator("#own-file").set_input_files(
            {"name": "own.png", "mimeType": "image/png", "buffer": file.getvalue()}
        )
        seen.page.locator("#own-answer").wait_for()
        sent = np.array(next(body["x"] for what, body in service.asked if what == "encode"), np.float32)
        wanted = values / 255
        np.testing.assert_allclose(sent.reshape(SIDE, SIDE), 1 - wanted if inverted else wanted, atol=1e-6)
        mean, sd = scene.model.encode(sent)
        np.testing.assert_allclose(seen.place()["z"], mean[0], rtol=1e-5, atol=1e-6)
        seen.shows(BIG, picture(scene, mean[0]))
        seen.shows("#own-answer .given canvas", picture(scene, mean[0]))
        nearest = np.argsort(((scene.codes - mean) ** 2).sum(1))[:8]
        names = seen.page.locator("#own-answer .neighbours button").evaluate_all("(all) => all.map((b) => b.title)")
        rows = [f"train row {i}" if i < 120 else f"test row {i - 120}" for i in nearest]
        assert [name.split(", ")[1] for name in names] == rows
        first = f"{mean[0, 0]:.2f} ± {sd[0, 0]:.2f}".replace("-", "\N{MINUS SIGN}")
        assert first in seen.page.locator("#own-answer .bars").inner_text()


def test_a_view_can_be_shared(browser: Any, service: Service, scene: FakeScene) -> None:
    with visit(browser, service.url) as seen:
        seen.drag((330, 220), (260, 330))
        seen.page.locator("#pin-b").click()
        seen.page.locator("#colour").select_option("score")
        seen.page.locator("#path").select_option("linear")
        seen.page.locator("#zoom-in").click()
        seen.page.locator("#copy-link").click()
        link = seen.page.evaluate("navigator.clipboard.readText()")
        place = seen.place()
    with visit(browser, link) as again:
        assert again.page.locator("#colour").input_value() == "score"
        assert again.page.locator("#path").input_value() == "linear"
        again.shows(BIG, picture(scene, place["z"]))
        again.drag((300, 300), (300, 310))
        there = again.place()
        np.testing.assert_array_equal(there["b"], place["b"])
        np.testing.assert_allclose(
            [float(v) for v in there["view"].split(",")], [float(v) for v in place["view"].split(",")]
        )


def test_what_is_copied_as_python_is_the_place(browser: Any, service: Service, scene: FakeScene) -> None:
    with visit(browser, service.url) as seen:
        seen.drag((330, 220), (260, 330))
        place = seen.place()
        seen.page.locator("#copy-python").click()
        lines = seen.page.evaluate("navigator.clipboard.readText()")
    compile(lines, "copied", "exec")
    assert 'run = latentia.load("runs/fake")' in lines
    only_z = next(line for line in lines.splitlines() if line.startswith("z = "))
    z = eval(only_z.removeprefix("z = "), {"torch": torch})
    np.testing.assert_array_equal(z[0].numpy(), place["z"])


def test_the_keys_move_the_point_and_the_map(browser: Any, service: Service, scene: FakeScene) -> None:
    with visit(browser, service.url) as seen:
        seen.drag((300, 300), (310, 300))
        start = project(scene, seen.place()["z"])
        seen.page.locator("#map").focus()
        for _ in range(3):
            seen.page.keyboard.press("ArrowUp")
        up = seen.place()["z"]
        moved = project(scene, up) - start
        assert abs(moved[0]) < 1e-5
        assert moved[1] > 0
        seen.page.keyboard.press("Shift+ArrowRight")
        right = project(scene, seen.place()["z"]) - start
        assert right[0] == pytest.approx(4 / 3 * right[1], rel=1e-3)
        row = ((scene.codes - seen.place()["z"]) ** 2).sum(1).argmin()
        seen.page.keyboard.press("Enter")
        np.testing.assert_array_equal(seen.place()["z"], scene.codes[row])
        seen.page.keyboard.press("+")
        assert "view" in seen.place()
        seen.page.keyboard.press("0")
        assert "view" not in seen.place()


def test_enter_goes_to_the_row_that_the_page_names_as_nearest(browser: Any, service: Service, scene: FakeScene) -> None:
    def nearest(z: np.ndarray) -> int:
        return int(((scene.codes - z) ** 2).sum(1).argmin())

    def on_the_plane(z: np.ndarray) -> int:
        return int(((scene.points - project(scene, z)) ** 2).sum(1).argmin())

    places = np.random.default_rng(1).standard_normal((100, 6)).astype(np.float32)
    z = next(z for z in places if nearest(z) != on_the_plane(z))
    row = nearest(z)
    with visit(browser, f"{service.url}#z={','.join(map(str, z.tolist()))}") as seen:
        place = f"train row {row}" if row < 120 else f"test row {row - 120}"
        seen.page.wait_for_function(
            "(said) => document.getElementById('status').textContent.includes(said)", arg=f"({place})"
        )
        seen.page.locator("#map").focus()
        seen.page.keyboard.press("Enter")
        np.testing.assert_array_equal(seen.place()["z"], scene.codes[row])
