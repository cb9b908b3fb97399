"""The explorer's page in Chromium under all kinds of hands: fingers, another window, lines drawn around, files dropped."""

from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from helpers.browsing import DESKTOP, PHONE, Visit, chromium, visit
from helpers.fake_explorer import FakeScene, grey, write_scene
from helpers.fake_service import Service, serve
from helpers.touching import Fingers

pytest.importorskip("playwright.sync_api")

PAGE = Path(str(files("latentia.web"))) / "page"
BIG = "#picture canvas"
TOUCH = {"viewport": PHONE, "has_touch": True, "is_mobile": True}
# What a browser does not prevent it does itself, which here is to leave the page.
DROP = """([selector, name, text, type]) => {
    const dataTransfer = new DataTransfer();
    if (name) dataTransfer.items.add(new File([text], name, { type }));
    else dataTransfer.items.add(text, "text/uri-list");
    const at = document.querySelector(selector);
    const event = (kind) => new DragEvent(kind, { dataTransfer, bubbles: true, cancelable: true });
    return ["dragover", "drop"].map((kind) => !at.dispatchEvent(event(kind)));
}"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as opened:
        yield opened


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> FakeScene:
    return write_scene(tmp_path_factory.mktemp("hands") / "scene")


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> FakeScene:
    return write_scene(tmp_path_factory.mktemp("table") / "scene", kind="table")


@pytest.fixture
def service(scene: FakeScene) -> Iterator[Service]:
    with serve(PAGE, scene) as running:
        yield running


def picture(scene: FakeScene, z: Any) -> np.ndarray:
    return grey(scene.model.decode(np.asarray(z, np.float32)[None]))[0]


def project(scene: FakeScene, z: np.ndarray) -> np.ndarray:
    return np.array(scene.about["plane"]["axes"]) @ (z - np.array(scene.about["plane"]["center"]))


def view(seen: Visit) -> list[float]:
    return [float(v) for v in seen.place()["view"].split(",")]


def test_a_finger_drags_the_point(browser: Any, service: Service, scene: FakeScene) -> None:
    with visit(browser, service.url, **TOUCH) as seen:
        fingers = Fingers(seen)
        assert fingers.box["width"] <= PHONE["width"]
        assert seen.page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
        fingers.move([(60, 60), (100, 100)])
        first = seen.place()["z"]
        seen.shows(BIG, picture(scene, first))
        fingers.move([(100, 100), (180, 60)])
        second = seen.place()["z"]
        seen.shows(BIG, picture(scene, second))
        moved = project(scene, second) - project(scene, first)
        # Eighty pixels to the right and forty up.
        assert moved[0] == pytest.approx(2 * moved[1], rel=0.02)
        assert moved[0] > 0
        assert "view" not in seen.place()
        seen.page.touchscreen.tap(fingers.box["x"] + 40, fingers.box["y"] + 30)
        seen.shows(BIG, picture(scene, seen.place()["z"]))
        assert (seen.place()["z"] != second).any()


def test_two_fingers_zoom_and_leave_the_point_alone(browser: Any, service: Service) -> None:
    with visit(browser, service.url, **TOUCH) as seen:
        fingers = Fingers(seen)
        fingers.move([(60, 60), (100, 100)])
        start = seen.place()["z"]
        fingers.move([(150, 150), (110, 150)], [(190, 150), (230, 150)])
        across = view(seen)[2]
        np.testing.assert_array_equal(seen.place()["z"], start)
        fingers.move([(150, 150), (110, 150)], [(190, 150), (230, 150)])
        # From 40 pixels apart to 120.
        assert across / view(seen)[2] == pytest.approx(3, rel=0.02)


def test_a_narrow_window_made_wide_again_shows_what_it_showed(browser: Any, service: Service) -> None:
    with visit(browser, service.url) as seen:

        def there_and_back() -> None:
            for width in (700, 1000, 700, DESKTOP["width"]):
                seen.page.set_viewport_size({"width": width, "height": DESKTOP["height"]})
                seen.page.wait_for_timeout(100)

        there_and_back()
        seen.drag((300, 300), (310, 300))
        assert "view" not in seen.place(), "nobody zoomed"
        seen.page.locator("#zoom-in").click()
        before = view(seen)
        there_and_back()
        seen.page.locator("#zoom-in").click()
        after = view(seen)
        assert after[:2] == pytest.approx(before[:2], rel=1e-4)
        assert after[2] == pytest.approx(before[2] / 1.5, rel=1e-4)


def test_a_line_that_is_not_drawn_can_be_left(browser: Any, service: Service) -> None:
    with visit(browser, service.url) as seen:
        ground, draw = seen.page.locator("#map"), seen.page.get_by_role("button", name="Draw around them").first

        def begin() -> None:
            draw.click()
            assert ground.get_attribute("data-tool") == "lasso"
            assert draw.get_attribute("aria-pressed") == "true"

        def ended() -> None:
            assert ground.get_attribute("data-tool") == "move"
            assert draw.get_attribute("aria-pressed") == "false"
            assert seen.page.locator("#groups-controls output").first.inner_text() == "no rows"

        begin()
        seen.page.keyboard.press("Escape")
        ended()
        begin()
        seen.page.get_by_role("radio", name="Move point").click()  # which is chosen already
        ended()
        begin()
        draw.click()
        ended()
        begin()
        box = ground.bounding_box()
        assert box is not None
        seen.page.mouse.click(box["x"] + 200, box["y"] + 200)
        ended()
        seen.page.get_by_role("radio", name="Move map").click()
        draw.click()
        seen.page.keyboard.press("Escape")
        assert ground.get_attribute("data-tool") == "pan"


def test_what_was_chosen_is_in_the_address(browser: Any, service: Service, scene: FakeScene) -> None:
    with visit(browser, service.url) as seen:
        seen.page.get_by_role("button", name="Draw around them").first.click()
        box = seen.page.locator("#map").bounding_box()
        assert box is not None
        mouse = seen.page.mouse
        middle, radius = np.array([box["x"] + box["width"] / 2, box["y"] + box["height"] / 2]), 0.3 * box["height"]
        for k in range(61):
            mouse.move(*(middle + radius * np.array([np.cos(k / 10), np.sin(k / 10)])))
            if not k:
                mouse.down()
        mouse.up()
        seen.page.locator("#rows-b").fill("test 3-5, 9")
        seen.page.locator("#rows-b").press("Tab")
        counts = seen.page.locator("#groups-controls output").all_inner_texts()[:2]
        assert 0 < int(counts[0].split()[0]) < 240
        seen.page.get_by_role("button", name="cat").click()
        seen.page.locator("#temperature").fill("0.6")
        seen.page.locator("#draw").click()
        seen.page.wait_for_timeout(300)
        drawn = [seen.pixels(f"#samples li:nth-child({k}) canvas") for k in (1, 7)]
        seen.drag((300, 300), (340, 300))
        link = f"{service.url}#{seen.page.evaluate('location.hash.slice(1)')}"
        place = seen.place()
        assert (place["like"], place["lit"], place["seed"], place["heat"]) == ("rows:test 3-5, 9", "2", "2", "0.6")
        assert place["away"].startswith("line:")
        assert len(link) < 2000
    with visit(browser, link) as again:
        assert again.page.locator("#groups-controls output").all_inner_texts()[:2] == counts
        assert again.page.locator("#rows-b").input_value() == "test 3-5, 9"
        assert again.page.locator("#strength").is_enabled()
        assert again.page.get_by_role("button", name="cat").get_attribute("aria-pressed") == "true"
        for k, pixels in zip((1, 7), drawn, strict=True):
            again.shows(f"#samples li:nth-child({k}) canvas", pixels)


@pytest.mark.parametrize("at", ["#map", "#picture", "body"])
def test_a_file_dropped_anywhere_is_taken_or_refused_in_words(browser: Any, table: FakeScene, at: str) -> None:
    with serve(PAGE, table) as service, visit(browser, service.url) as seen:
        toast = seen.page.locator("#said")
        for name, text, kind, said in (
            ("a.png", "\0\1\2", "image/png", "“a.png” is no text"),
            ("b.csv", "x,y\n1,2", "text/csv", "names none of this run's columns, which are age, income, member, …"),
            ("", "http://127.0.0.1/", "", "That was a link"),
        ):
            assert seen.page.evaluate(DROP, [at, name, text, kind]) == [True, True]
            seen.page.wait_for_function("(said) => document.getElementById('said').textContent.includes(said)", arg=said)
        assert not [what for what, _ in service.asked if what == "encode"]
        csv = 'town;age;income;member\nBonn;44;"2,500.50";maybe\n'
        assert seen.page.evaluate(DROP, [at, "row.csv", csv, "text/csv"]) == [True, True]
        seen.page.locator("#own-answer").wait_for()
        (row,) = next(body["rows"] for what, body in service.asked if what == "encode")
        assert row == {"age": "44", "income": "2,500.50", "member": None, "town": "Bonn"}
        assert seen.page.locator("#own-0").input_value() == "44"
        told = seen.page.locator("#own-input [role=status]").inner_text()
        assert "The row is filled in." in told
        assert "member: “maybe” is a state that no training row has" in told
        assert toast.inner_text().startswith("Encoded.")


def test_a_row_is_pasted_and_a_cell_stays_a_cell(browser: Any, table: FakeScene) -> None:
    with serve(PAGE, table) as service, visit(browser, service.url) as seen:

        def paste(text: str, into: str) -> None:
            seen.page.evaluate("(text) => navigator.clipboard.writeText(text)", text)
            seen.page.locator(into).focus()
            seen.page.keyboard.press("Control+V")

        paste("51", "#own-0")
        assert seen.page.locator("#own-0").input_value() == "51"
        assert not [what for what, _ in service.asked if what == "encode"]
        paste('{"age": 37, "town": "Aachen", "member": "yes"}', "#own-0")
        seen.page.locator("#own-answer").wait_for()
        (row,) = next(body["rows"] for what, body in service.asked if what == "encode")
        assert row == {"age": "37", "income": None, "member": "yes", "town": "Aachen"}
        assert "with 3 of 4 columns" in seen.page.locator("#own-input [role=status]").inner_text()
        paste("train 1\ntrain 2", "#rows-a")
        assert "train 1" in seen.page.locator("#rows-a").input_value()


@pytest.mark.parametrize("kind", ["image", "other"])
def test_where_nothing_can_be_taken_in_a_drop_says_so(browser: Any, tmp_path: Path, kind: str) -> None:
    scene = write_scene(tmp_path / "scene", kind=kind)
    about = scene.folder / "scene.json"
    about.write_text(about.read_text().replace('"encodes": true', '"encodes": false'))
    with serve(PAGE, scene) as service, visit(browser, service.url) as seen:
        assert seen.page.evaluate(DROP, ["#map", "a.png", "\0", "image/png"]) == [True, True]
        assert "no posterior that answers" in seen.page.locator("#said").inner_text()


def test_a_page_that_cannot_be_opened_keeps_saying_why(browser: Any, tmp_path: Path) -> None:
    scene = write_scene(tmp_path / "scene", rows=0)
    (scene.folder / "codes.bin").write_bytes(b"1234")
    about = scene.folder / "scene.json"
    about.write_text(about.read_text().replace('"rows": 0', '"rows": 3'))
    with serve(PAGE, scene) as service:
        context = browser.new_context(viewport=DESKTOP)
        page = context.new_page()
        page.clock.install()
        page.goto(service.url)
        page.locator("#trouble").wait_for()
        page.clock.fast_forward(60_000)
        assert page.locator("#trouble").is_visible()
        assert "The scene says 3 rows of 6 latents, but its files hold" in page.locator("#trouble").inner_text()
        assert page.locator("#lead").inner_text() == "This page could not be opened."
        assert not page.locator("#copy-link").is_visible()
        context.close()


def test_a_sheet_of_pictures_that_could_not_be_read_is_tried_again(browser: Any, service: Service, scene: FakeScene) -> None:
    with visit(browser, service.url) as seen:

        def go(row: int) -> None:
            place = f"test row {row - 120}"
            seen.page.evaluate("(z) => { location.hash = `z=${z}`; }", scene.codes[row].tolist())
            seen.page.wait_for_function("(p) => document.getElementById('status').textContent.includes(`(${p})`)", arg=place)

        # Rows 200 and up are on the third sheet.
        seen.page.route("**/thumbs-2.png", lambda route: route.abort())
        go(210)
        seen.page.wait_for_timeout(200)
        assert len(seen.complaints) == 1, "the browser itself notes what it could not read"
        seen.complaints.clear()
        seen.page.unroute("**/thumbs-2.png")
        go(220)
        seen.shows("#nearest canvas", picture(scene, scene.codes[220]))


@pytest.mark.parametrize("file", ["/ort.js", "/ort/ort-wasm-simd-threaded.wasm.gz", "/scene/decoder.onnx"])
def test_a_part_of_the_model_that_could_not_be_read_is_tried_again(browser: Any, tmp_path: Path, file: str) -> None:
    scene = write_scene(tmp_path / "scene", backend="onnx")
    with serve(PAGE, scene, model=False) as service:
        service.missing.add(file)
        with visit(browser, service.url) as seen:
            seen.page.locator("#trouble").wait_for()
            seen.complaints.clear()
            service.missing.clear()
            seen.drag((300, 300), (360, 240))
            seen.shows(BIG, picture(scene, seen.place()["z"]))
