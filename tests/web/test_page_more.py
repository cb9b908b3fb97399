"""The explorer's page in Chromium, the rest: groups, draws, tables, no server, no WebGL, refusals, and who cannot see it."""

from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from helpers.browsing import DESKTOP, PHONE, chromium, visit
from helpers.fake_explorer import FakeScene, grey, write_scene
from helpers.fake_service import Service, serve

pytest.importorskip("playwright.sync_api")

PAGE = Path(str(files("latentia.web"))) / "page"
AXE = Path(__file__).with_name("axe.min.js")
BIG = "#picture canvas"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as opened:
        yield opened


@pytest.fixture
def scene(tmp_path: Path) -> FakeScene:
    return write_scene(tmp_path / "scene")


@pytest.fixture
def service(scene: FakeScene) -> Iterator[Service]:
    with serve(PAGE, scene) as running:
        yield running


def picture(scene: FakeScene, z: Any) -> np.ndarray:
    return grey(scene.model.decode(np.asarray(z, np.float32)[None]))[0]


def test_the_difference_of_two_groups_is_a_direction(browser: Any, service: Service, scene: FakeScene) -> None:
    with visit(browser, service.url) as seen:
        seen.drag((300, 300), (310, 300))
        start = seen.place()["z"]
        assert seen.page.locator("#strength").is_disabled()
        seen.page.locator("#label-a").select_option(label="ant")
        seen.page.locator("#rows-b").fill("test 1-3, 10")
        seen.page.locator("#rows-b").press("Tab")
        strength = seen.page.locator("#strength")
        strength.focus()
        for _ in range(25):
            seen.page.keyboard.press("ArrowRight")
        by = float(strength.input_value())
        assert by == pytest.approx(0.5)
        way = scene.codes[[121, 122, 123, 130]].mean(0) - scene.codes[scene.labels == 0].mean(0)
        z = seen.place()["z"]
        np.testing.assert_allclose(z, start + by * way, atol=1e-4)
        seen.shows(BIG, picture(scene, z))
        for odd, said in (
            ("test 999", "its test rows go from 0 to 119"),
            ("117", "of which split"),
            ("all", "not understood"),
        ):
            seen.page.locator("#rows-b").fill(odd)
            seen.page.locator("#rows-b").press("Tab")
            assert said in seen.page.locator("#groups-controls .error >> visible=true").inner_text()
        assert "4 rows" in seen.page.locator("#groups-controls output").nth(1).inner_text(), "the group is as it was"


def test_a_group_is_drawn_around_on_the_map(browser: Any, service: Service) -> None:
    with visit(browser, service.url) as seen:
        seen.page.get_by_role("button", name="Draw around them").first.click()
        box = seen.page.locator("#map").bounding_box()
        assert box is not None
        wide, high = box["width"], box["height"]
        mouse = seen.page.mouse
        mouse.move(box["x"] + 20, box["y"] + 8)
        mouse.down()
        for x, y in ((wide - 20, 8), (wide - 20, high - 8), (20, high - 8), (20, 8)):
            mouse.move(box["x"] + x, box["y"] + y, steps=4)
        mouse.up()
        count = int(seen.page.locator("#groups-controls output").first.inner_text().split()[0])
        assert 230 <= count <= 240
        assert seen.page.locator("#map").get_attribute("data-tool") == "move"


def test_draws_grow_cold_into_the_mean(browser: Any, service: Service, scene: FakeScene) -> None:
    with visit(browser, service.url) as seen:
        draws = "#samples li:nth-child({}) canvas"
        seen.page.wait_for_timeout(300)
        first = seen.pixels(draws.format(1))
        assert (first != seen.pixels(draws.format(2))).any()
        seen.page.locator("#draw").click()
        seen.page.wait_for_timeout(300)
        assert (first != seen.pixels(draws.format(1))).any()
        seen.page.locator("#temperature").fill("0")
        for k in (1, 12):
            seen.shows(draws.format(k), picture(scene, np.zeros(6)))
        seen.page.locator("#samples li:nth-child(5) button").click()
        np.testing.assert_array_equal(seen.place()["z"], np.zeros(6))


def test_a_row_of_a_table_is_a_card_and_a_form(browser: Any, tmp_path: Path) -> None:
    scene = write_scene(tmp_path / "scene", kind="table")
    with serve(PAGE, scene) as service, visit(browser, service.url) as seen:
        seen.drag((300, 300), (340, 260))
        x = scene.model.decode(seen.place()["z"][None])[0]
        card = seen.page.locator("#picture table").inner_text()
        assert f"{round(40 + 12 * x[0])}" in card
        assert ["no", "yes"][int(x[2] > 0.5)] in card
        assert ["Aachen", "Bonn", "Cologne"][int(x[3:].argmax())] in card
        seen.page.locator("#own-0").fill("44")
        seen.page.locator("#own-1").fill("2,500.50")
        seen.page.locator("#own-3").select_option("Bonn")
        seen.page.get_by_role("button", name="Encode this row").click()
        seen.page.locator("#own-answer").wait_for()
        (row,) = next(body["rows"] for what, body in service.asked if what == "encode")
        assert row == {"age": "44", "income": "2,500.50", "member": None, "town": "Bonn"}
        seen.page.get_by_role("button", name="Fill in the nearest row").click()
        assert seen.page.locator("#own-0").input_value()


def test_what_the_service_notes_of_a_row_is_shown(browser: Any, tmp_path: Path) -> None:
    scene = write_scene(tmp_path / "scene", kind="table")
    with serve(PAGE, scene) as service, visit(browser, service.url) as seen:
        for notes in (["column 'age': 1 cell is no number.", "Another."], []):
            service.notes = notes
            seen.page.get_by_role("button", name="Encode this row").click()
            seen.page.locator("#own-answer").wait_for()
            seen.page.wait_for_timeout(300)
            assert seen.page.locator("#own-notes").inner_text() == " ".join(notes)


def test_what_cannot_be_drawn_is_said_politely(browser: Any, tmp_path: Path) -> None:
    scene = write_scene(tmp_path / "scene", kind="other")
    with serve(PAGE, scene) as service, visit(browser, service.url) as seen:
        assert "This is sound, which the page cannot draw yet." in seen.page.locator("#picture").inner_text()
        seen.drag((300, 300), (340, 260))
        assert "cannot take in" in seen.page.locator("#own-input").inner_text()


def test_two_latents_have_their_pictures_behind(browser: Any, tmp_path: Path) -> None:
    scene = write_scene(tmp_path / "scene", n_latents=2)
    filled = "(c) => c.getContext('2d').getImageData(0, 0, c.width, c.height).data.some((v) => v > 0)"
    with serve(PAGE, scene) as service, visit(browser, service.url) as seen:
        seen.page.wait_for_timeout(300)
        assert seen.page.locator("canvas.behind").evaluate(filled)
        seen.page.locator("#behind").uncheck()
        assert seen.place()["behind"] == "0"
        assert not seen.page.locator("canvas.behind").evaluate(filled)


def test_the_model_runs_in_the_browser_from_a_plain_host(browser: Any, tmp_path: Path) -> None:
    scene = write_scene(tmp_path / "scene", backend="onnx")
    with serve(PAGE, scene, model=False) as service, visit(browser, service.url) as seen:
        seen.drag((300, 300), (360, 240))
        seen.shows(BIG, picture(scene, seen.place()["z"]))
        assert not service.asked
        pad = seen.page.locator(".pad").bounding_box()
        assert pad is not None
        seen.page.locator(".pad").scroll_into_view_if_needed()
        seen.page.locator(".pad").hover(position={"x": 40, "y": 40})
        seen.page.mouse.down()
        seen.page.mouse.move(pad["x"] + 90, pad["y"] + 90, steps=4)
        seen.page.mouse.up()
        seen.page.locator("#own-answer").wait_for()
        seen.page.wait_for_timeout(300)
        given = seen.pixels("#own-input .given canvas") / 255
        np.testing.assert_allclose(seen.place()["z"], scene.model.encode(given[None])[0][0], atol=1e-4)
        assert not service.asked


def test_without_webgl_the_points_are_drawn_all_the_same(browser: Any, service: Service) -> None:
    none = """const get = HTMLCanvasElement.prototype.getContext;
        HTMLCanvasElement.prototype.getContext = function (kind, ...rest) {
            return kind.startsWith("webgl") ? null : get.call(this, kind, ...rest);
        };"""
    filled = "(c) => c.getContext('2d').getImageData(0, 0, c.width, c.height).data.filter((v) => v > 0).length"
    with visit(browser, service.url, init=none) as seen:
        assert "offers no WebGL" in seen.page.locator("#map-note").inner_text()
        seen.page.wait_for_timeout(200)
        assert seen.page.locator("canvas.points").evaluate(filled) > 1000


def test_a_refusal_is_shown_as_the_sentence_it_is(browser: Any, service: Service) -> None:
    with visit(browser, service.url) as seen:
        service.refuse = "Too many rows at once; wait a moment."
        seen.drag((300, 300), (340, 260))
        seen.page.locator("#trouble").wait_for()
        assert seen.page.locator("#trouble").inner_text() == service.refuse
        # The browser itself notes each answer that is no success.
        assert all("422" in line for line in seen.complaints)
        seen.complaints.clear()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("kind", "viewport"), [("image", DESKTOP), ("table", PHONE)])
def test_axe_finds_nothing_serious(browser: Any, tmp_path: Path, scheme: str, kind: str, viewport: Any) -> None:
    scene = write_scene(tmp_path / "scene", kind=kind)
    # Without motion, so that no colour is seen on its way to another.
    look = {"viewport": viewport, "color_scheme": scheme, "reduced_motion": "reduce"}
    with serve(PAGE, scene) as service, visit(browser, service.url, **look) as seen:
        seen.page.locator("#sliders summary").click()
        if kind == "table":
            seen.page.get_by_role("button", name="Fill in the nearest row").click()
            seen.page.locator("#own-answer").wait_for()
        seen.page.wait_for_timeout(300)
        seen.page.evaluate(AXE.read_text(encoding="utf-8"))
        found = seen.page.evaluate("axe.run(document, { resultTypes: ['violations'] })")
        bad = [v for v in found["violations"] if v["impact"] in ("serious", "critical")]
        assert not [(v["id"], [node["html"][:120] for node in v["nodes"][:3]]) for v in bad]


def test_the_theme_can_be_chosen_and_is_kept(browser: Any, service: Service) -> None:
    with visit(browser, service.url, color_scheme="light") as seen:
        paper = "getComputedStyle(document.documentElement).backgroundColor"
        light = seen.page.evaluate(paper)
        seen.page.locator("#theme").click()
        dark = seen.page.evaluate(paper)
        assert dark != light
        seen.page.reload()
        seen.page.evaluate("window.latentia.ready")
        assert seen.page.evaluate(paper) == dark
