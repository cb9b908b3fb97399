"""The explorer as a user has it: a fitted run, the command, and Chromium; served, and as files on a plain host."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from helpers import browsing
from helpers.browsing import chromium, visit
from helpers.expected import TOLERANCE, expected
from latentia import Run, fit_recipe, load
from latentia.web.scene import export_page

pytest.importorskip("playwright.sync_api")

BIG = "#picture canvas"
DECODED = """async ([z, n, shape]) => {
    const ort = await import(new URL("./ort.js", document.baseURI).href);
    const graph = await (await fetch("./scene/decoder.onnx")).arrayBuffer();
    const session = await ort.InferenceSession.create(graph, { executionProviders: ["wasm"] });
    const feeds = { [session.inputNames[0]]: new ort.Tensor("float32", Float32Array.from(z), [n, ...shape]) };
    return [...(await session.run(feeds))[session.outputNames[0]].data];
}"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as opened:
        yield opened


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    to = tmp_path_factory.mktemp("explored") / "run"
    fit_recipe("digits-2d", ["epochs=3"], progress=False).save(to)
    return to


@pytest.fixture(scope="module")
def run(folder: Path) -> Run:
    return load(folder)


@pytest.fixture(scope="module")
def served(folder: Path) -> Iterator[str]:
    command = [sys.executable, "-m", "latentia", "explore", str(folder), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process.stdout.readline().split()[0] + "/"
        process.terminate()
        assert process.wait(20) == 0


@pytest.fixture(scope="module")
def hosted(run: Run, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    files = tmp_path_factory.mktemp("hosted") / "page"
    export_page(run, files)
    with browsing.hosted(files) as address:
        yield address


def ink(run: Run, z: np.ndarray) -> np.ndarray:
    """(height, width) bytes of the decoded z (2,); the style sheet makes ink on paper of light on dark."""
    x = run.decode(np.asarray(z, np.float32)[None])[0, 0].numpy()
    return np.rint(255 * x).astype(np.uint8)


@pytest.mark.parametrize("how", ["served", "hosted"])
def test_what_is_drawn_is_what_torch_decodes(how: str, browser: Any, run: Run, request: pytest.FixtureRequest) -> None:
    with visit(browser, request.getfixturevalue(how)) as seen:
        for k in range(4):
            seen.drag((300, 300), (340 + 30 * k, 220 + 40 * k))
            seen.shows(BIG, ink(run, seen.place()["z"]))


@pytest.mark.parametrize("how", ["served", "hosted"])
def test_a_row_of_ones_own_lies_where_torch_puts_it(
    how: str, browser: Any, run: Run, request: pytest.FixtureRequest
) -> None:
    """Drawn with the mouse on the page's own sheet."""
    with visit(browser, request.getfixturevalue(how)) as seen:
        pad = seen.page.locator(".pad")
        pad.scroll_into_view_if_needed()
        pad.hover(position={"x": 60, "y": 30})
        seen.page.mouse.down()
        box = pad.bounding_box()
        assert box is not None
        seen.page.mouse.move(box["x"] + 60, box["y"] + 120, steps=6)
        seen.page.mouse.up()
        seen.page.locator("#own-answer").wait_for()
        seen.page.wait_for_timeout(400)
        given = seen.pixels("#own-input .given canvas") / 255
        wanted = run.encode(given[None, None].astype(np.float32))[0].numpy()
        np.testing.assert_allclose(seen.place()["z"], wanted, atol=2e-2)  # the sheet is shown in 256 steps


def test_the_exported_decoder_is_torchs(hosted: str, browser: Any, run: Run) -> None:
    known = expected(run, 8)
    with visit(browser, hosted) as seen:
        seen.drag((300, 300), (360, 240))
        seen.shows(BIG, ink(run, seen.place()["z"]))  # the runtime is there
        z = np.array(known["z"])
        found = seen.page.evaluate(DECODED, [z.ravel().tolist(), len(z), list(z.shape[1:])])
    worst = np.abs(np.array(found).reshape(len(z), -1) - np.array(known["x"])).max()
    assert worst < TOLERANCE


def test_a_shared_address_opens_the_same_view(served: str, hosted: str, browser: Any, run: Run) -> None:
    with visit(browser, served) as seen:
        seen.drag((300, 300), (420, 200))
        place = seen.place()["z"]
        shared = seen.page.evaluate("location.hash")
    for host in (served, hosted):
        with visit(browser, host + shared) as seen:
            seen.shows(BIG, ink(run, place))
