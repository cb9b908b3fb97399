"""Debian's Chromium on a page of the explorer; whatever it complains of, and whatever it asks of another host, is kept."""

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

import numpy as np
from PIL import Image

from latentia.core.errors import LatentiaError

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
# Without a graphics card WebGL is computed; the rest of the page is not, which would be slower by far.
FLAGS = ["--no-sandbox", "--enable-unsafe-swiftshader"]
DESKTOP, PHONE = {"width": 1400, "height": 900}, {"width": 390, "height": 844}


@contextmanager
def chromium() -> Iterator["Browser"]:
    """A browser without a window.

    Raises:
        LatentiaError: there is no Chromium here.
    """
    from playwright.sync_api import sync_playwright

    if not Path(CHROMIUM).exists():
        raise LatentiaError("these tests want Debian's chromium; apt-get install chromium.")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@dataclass
class Visit:
    """A page that is open.

    Attributes:
        page: Playwright's.
        complaints: errors and warnings of the console, errors of scripts.
        foreign: addresses on other hosts that were asked for.
    """

    page: "Page"
    complaints: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)

    def place(self) -> dict[str, Any]:
        """What the address says, after it came to rest."""
        # By the page's own clock, so that a slow machine waits as long as the page does.
        self.page.evaluate("new Promise((done) => setTimeout(done, 300))")
        said = parse_qs(self.page.evaluate("location.hash.slice(1)"))
        vectors = {k: vector(said[k][0]) for k in ("z", "a", "b") if k in said}
        return {**{k: v[0] for k, v in said.items()}, **vectors}

    def pixels(self, selector: str) -> np.ndarray:
        """The first canvas that is found there: (height, width) grey bytes."""
        colours = self.colours(selector)
        assert (colours == colours[..., :1]).all()
        return colours[..., 0]

    def colours(self, selector: str) -> np.ndarray:
        """The first canvas that is found there: (height, width, 3) bytes."""
        script = """(canvas) => {
            const { width, height } = canvas;
            return [height, width, [...canvas.getContext("2d").getImageData(0, 0, width, height).data]];
        }"""
        rgba = np.zeros((1, 1, 4), np.uint8)
        for _ in range(60):
            height, width, values = self.page.locator(selector).first.evaluate(script)
            rgba = np.array(values, np.uint8).reshape(height, width, 4)
            if rgba[..., 3].any():
                break
            self.page.wait_for_timeout(50)  # nothing was drawn yet
        assert (rgba[..., 3] == 255).all()
        return rgba[..., :3]

    def shows(self, selector: str, wanted: np.ndarray) -> None:
        """Wait until the canvas has these bytes, (height, width) or (height, width, 3); one step is rounding.

        Raises:
            AssertionError: it does not come to have them.
        """
        look = self.pixels if wanted.ndim == 2 else self.colours
        found = look(selector)
        for _ in range(60):
            if found.shape == wanted.shape and np.abs(found.astype(int) - wanted.astype(int)).max() <= 1:
                return
            self.page.wait_for_timeout(50)
            found = look(selector)
        raise AssertionError(f"{selector} differs by {np.abs(found.astype(int) - wanted.astype(int)).max()} of 255")

    def give(self, *pictures: np.ndarray) -> None:
        """Choose pictures as one's own, one after the other: bytes (height, width) or (height, width, 3), as PNG files."""
        for picture in pictures:
            own = self.page.locator("#own-file")
            own.set_input_files({"name": "own.png", "mimeType": "image/png", "buffer": png(picture)})

    def drag(self, start: tuple[float, float], end: tuple[float, float], steps: int = 8) -> None:
        """The mouse over the map, in pixels from its corner."""
        box = self.page.locator("#map").bounding_box()
        assert box is not None
        mouse = self.page.mouse
        mouse.move(box["x"] + start[0], box["y"] + start[1])
        mouse.down()
        mouse.move(box["x"] + end[0], box["y"] + end[1], steps=steps)
        mouse.up()


@contextmanager
def hosted(folder: Path) -> Iterator[str]:
    """The address of a folder's files on a plain host of this machine."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the library's name
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def visit(browser: "Browser", url: str, init: str = "", **context: Any) -> Iterator[Visit]:
    """Open the page, wait until it is ready, and at the end look that it complained of nothing and asked no other host."""
    context.setdefault("viewport", DESKTOP)
    opened = browser.new_context(**context)
    opened.grant_permissions(["clipboard-read", "clipboard-write"])
    page = opened.new_page()
    page.set_default_timeout(8000)
    seen = Visit(page)
    page.on("console", lambda m: seen.complaints.append(m.text) if _is_complaint(m) else None)
    page.on("pageerror", lambda error: seen.complaints.append(str(error)))
    host = re.match(r"\w+://[^/]+/", url)
    assert host is not None
    allowed = (host[0], "data:", "blob:")
    page.on("request", lambda r: None if r.url.startswith(allowed) else seen.foreign.append(r.url))
    if init:
        page.add_init_script(init)
    page.goto(url)
    page.evaluate("window.latentia.ready")
    yield seen
    assert not seen.complaints, seen.complaints
    assert not seen.foreign, seen.foreign
    opened.close()


def _is_complaint(message: Any) -> bool:
    # A test reads pixels more often than the page does, and WebGL that is computed says that it is slow.
    ours = ("willReadFrequently", "GL Driver Message (OpenGL, Performance")
    return message.type in ("error", "warning") and not any(words in message.text for words in ours)


def png(picture: np.ndarray) -> bytes:
    """(height, width) or (height, width, 3) bytes as a file."""
    file = BytesIO()
    Image.fromarray(picture).save(file, "png")
    return file.getvalue()


def vector(text: str) -> np.ndarray:
    """A z of an address."""
    assert not text.startswith("~"), "the tests' scenes are small enough to be read"
    return np.array([float(v) for v in text.split(",")], np.float32)
