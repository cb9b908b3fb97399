"""The explorer in Chromium for runs of bits, colours and flattened pictures, and without rows; served, and as files."""

import struct
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
import pytest
from PIL import Image

from helpers.browsing import Visit, chromium, hosted, png, visit
from helpers.explored import a_run, pictures
from helpers.served import serving
from latentia import Run
from latentia.data import load_data
from latentia.data.reading.image_files import brought
from latentia.web.scene import export_page, write_scene

pytest.importorskip("playwright.sync_api")

BIG, GIVEN = "#picture canvas", "#own-input .given canvas"
TOLERANCE = 1e-4
HOW = ("served", "hosted")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as opened:
        yield opened


Open = Callable[[Run, str], str]


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Open]:
    """Where a run is shown, by a service or as files; once for each."""
    known: dict[tuple[int, str], str] = {}
    with ExitStack() as stack:

        def of(run: Run, how: str) -> str:
            if (id(run), how) not in known:
                folder = tmp_path_factory.mktemp(how) / "page"
                if how == "served":
                    port = stack.enter_context(serving(run, write_scene(run, folder).folder))
                    known[id(run), how] = f"http://127.0.0.1:{port}/"
                else:
                    export_page(run, folder)
                    known[id(run), how] = stack.enter_context(hosted(folder))
            return known[id(run), how]

        yield of


@pytest.fixture(scope="module")
def bits() -> Run:
    return a_run(pictures(binarize="dynamic"))


@pytest.fixture(scope="module")
def colour() -> Run:
    return a_run(pictures(colour=True))


@pytest.fixture(scope="module")
def flat() -> Run:
    """Digits as vectors, which the page shows as the pictures that they were."""
    return a_run(load_data("digits", "none", flatten=True), section={"name": "digits", "binarize": "none", "flatten": True})


def drawn(run: Run, z: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """The bytes of a decoded z (D,), (height, width) or (height, width, 3)."""
    x = run.decode(np.asarray(z, np.float32)[None])[0].numpy().reshape(shape)
    return np.rint(255 * np.moveaxis(x, 0, -1)).astype(np.uint8).squeeze()


def encoded(seen: Visit) -> np.ndarray:
    seen.page.locator("#own-answer").wait_for()
    return seen.place()["z"]


def test_greys_become_the_same_bits_whoever_runs_the_model(browser: Any, bits: Run, address: Open) -> None:
    """A picture of the run's size with every step of grey, and one of another shape."""
    random = np.random.default_rng(1)
    own = dark_edged(random.integers(0, 256, (6, 5), dtype=np.uint8))
    own[2, 1:4] = 127, 128, 255
    while True:
        wide = dark_edged(np.repeat(np.repeat(random.integers(0, 256, (7, 12, 3), dtype=np.uint8), 3, 0), 3, 1))
        greys = brought(Image.fromarray(wide), "grey", (6, 5), "crop")
        # Resized twice it may differ by a step of 255.
        if np.abs(greys.astype(int) - 127.5).min() > 2 and (greys > 127).any():
            break
    found: dict[str, list[np.ndarray]] = {}
    for how in HOW:
        with visit(browser, address(bits, how)) as seen:
            for picture in (own, wide):
                seen.give(picture)
                z = encoded(seen)
                shown = seen.pixels(GIVEN)
                assert set(np.unique(shown)) == {0, 255}
                np.testing.assert_allclose(z, bits.encode(shown[None, None] / np.float32(255))[0], atol=TOLERANCE)
                found.setdefault(how, []).append(z)
                if picture is own:
                    np.testing.assert_array_equal(shown == 255, own >= 128)
            assert "bits, 1 from half light on" in seen.page.locator("#own-input").inner_text()
    sent = []
    for picture in (own, wide):
        url, headers = address(bits, "served") + "v1/encode", {"content-type": "image/png"}
        sent.append(np.array(httpx2.post(url, content=png(picture), headers=headers).json()["mean"][0]))
    np.testing.assert_allclose(found["served"], found["hosted"], atol=TOLERANCE)
    np.testing.assert_allclose(found["served"], sent, atol=TOLERANCE)


@pytest.mark.parametrize("how", HOW)
def test_colours_are_drawn_and_read_as_colours(how: str, browser: Any, colour: Run, address: Open) -> None:
    own = np.random.default_rng(4).integers(0, 60, (6, 5, 3), dtype=np.uint8)
    own[2, :, 0] = 240
    with visit(browser, address(colour, how)) as seen:
        seen.drag((300, 300), (340, 240))
        want = drawn(colour, seen.place()["z"], (3, 6, 5))
        assert (want != want[..., :1]).any()
        seen.shows(BIG, want)
        assert not seen.page.locator(".pad").count()
        seen.give(own)
        wanted = colour.encode(np.moveaxis(own, -1, 0)[None] / np.float32(255))[0]
        np.testing.assert_allclose(encoded(seen), wanted, atol=TOLERANCE)
        np.testing.assert_array_equal(seen.colours(GIVEN), own)
        glance = seen.colours("#own-answer .neighbours canvas")
        assert (glance != glance[..., :1]).any()


@pytest.mark.parametrize("how", HOW)
def test_flattened_pictures_are_pictures(how: str, browser: Any, flat: Run, address: Open) -> None:
    own = flat.dataset().split("test").values()[3].numpy().reshape(8, 8)
    with visit(browser, address(flat, how)) as seen:
        seen.drag((300, 300), (340, 240))
        seen.shows(BIG, drawn(flat, seen.place()["z"], (1, 8, 8)))
        seen.give(np.rint(255 * own).astype(np.uint8))
        # Bytes are brought to the seventeen levels of the rows.
        np.testing.assert_allclose(encoded(seen), flat.encode(own.reshape(1, 64))[0], atol=TOLERANCE)


def test_without_rows_there_are_sliders_draws_and_ones_own(browser: Any, colour: Run, tmp_path: Path) -> None:
    assert export_page(colour, tmp_path / "page", tell_rows=False).tells == "nothing of any single row"
    with hosted(tmp_path / "page") as url, visit(browser, url) as seen:
        assert "No rows: they are left out of these files, 3 latents" in seen.page.locator("#lead").inner_text()
        first = seen.page.locator("#sliders input[type=range]").first
        first.focus()
        for _ in range(4):
            seen.page.keyboard.press("ArrowRight")
        seen.shows(BIG, drawn(colour, seen.place()["z"], (3, 6, 5)))
        assert seen.colours("#samples li:nth-child(2) canvas").any()
        seen.give(np.full((6, 5, 3), 30, np.uint8))
        wanted = colour.encode(np.full((1, 3, 6, 5), 30 / 255, np.float32))[0]
        np.testing.assert_allclose(encoded(seen), wanted, atol=TOLERANCE)
        assert not seen.page.locator("#own-answer .neighbours").count()


def dark_edged(picture: np.ndarray) -> np.ndarray:
    """So that nobody takes it for ink on paper."""
    for edge in (picture[0], picture[-1], picture[:, 0], picture[:, -1]):
        edge //= 3
    return picture


SLOW = """const make = createImageBitmap;
let calls = 0;
window.createImageBitmap = async (...given) => {
    calls += 1;
    const slow = calls === 1;
    if (slow) await new Promise((done) => setTimeout(done, 600));
    const made = await make(...given);
    if (slow) window.slowIsThere = true;
    return made;
};"""


def test_of_two_files_the_later_stays_even_where_the_first_is_slow(browser: Any, bits: Run, address: Open) -> None:
    first, second = np.zeros((6, 5), np.uint8), np.zeros((6, 5), np.uint8)
    first[2], second[4] = 255, 255
    with visit(browser, address(bits, "hosted"), init=SLOW) as seen:
        seen.give(first, second)
        seen.page.locator("#own-answer").wait_for()
        seen.page.wait_for_function("() => window.slowIsThere")
        seen.page.wait_for_timeout(300)
        np.testing.assert_array_equal(seen.pixels(GIVEN), second)


def test_a_picture_that_would_take_gigabytes_is_refused_before_it_is_unpacked(
    browser: Any, bits: Run, address: Open
) -> None:
    side = 8000
    with visit(
        browser, address(bits, "hosted"), init="window.createImageBitmap = () => { throw new Error('unpacked'); };"
    ) as seen:
        buffer = empty_png(side)
        assert len(buffer) < 2**20
        seen.page.locator("#own-file").set_input_files({"name": "big.png", "mimeType": "image/png", "buffer": buffer})
        seen.page.locator("#said", has_text="8000 x 8000 pixels").wait_for(state="attached")
        seen.page.locator("#own-file").set_input_files({"name": "no.png", "mimeType": "image/png", "buffer": b"no"})
        seen.page.locator("#said", has_text="no picture").wait_for(state="attached")


def empty_png(side: int) -> bytes:
    """A black picture of side x side pixels, one bit each."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = zlib.compress(bytes((1 + side // 8) * side))
    head = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
