"""How smooth the explorer's page is: from a hand's move to the pixels, and frames while 100,000 points are moved.

    python -m benchmarks.explorer_page            both, with a service that answers at once
    python -m benchmarks.explorer_page URL        hand to pixels on a page that runs somewhere

Both are medians and worst cases of one browser on this machine; its WebGL is computed, not drawn by a card.
"""

import sys
import tempfile
from importlib.resources import files
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from helpers.browsing import chromium, visit  # pyright: ignore[reportMissingImports]
from helpers.fake_explorer import write_scene  # pyright: ignore[reportMissingImports]
from helpers.fake_service import serve  # pyright: ignore[reportMissingImports]

PAGE = Path(str(files("latentia.web"))) / "page"
MANY = 100_000
FRAMES = """() => new Promise((done) => {
    const gaps = [];
    let last = performance.now();
    const tick = (now) => {
        gaps.push(now - last);
        last = now;
        if (gaps.length < 90) requestAnimationFrame(tick);
        else done(gaps.slice(2));
    };
    requestAnimationFrame(tick);
})"""


def hand_to_pixels(seen: Any, moves: int = 120) -> list[float]:
    """Milliseconds from each move of the mouse that led to a picture."""
    box = seen.page.locator("#map").bounding_box()
    mouse = seen.page.mouse
    mouse.move(box["x"] + 100, box["y"] + 100)
    mouse.down()
    for k in range(moves):
        mouse.move(box["x"] + 100 + 3 * k % 400, box["y"] + 100 + 2 * k % 300)
        seen.page.wait_for_timeout(16)
    mouse.up()
    seen.page.wait_for_timeout(300)
    return list(seen.page.evaluate("[...window.latentia.times]"))


def frames_while_moved(seen: Any) -> list[float]:
    """Milliseconds between frames while the map of many points is moved by its keys' repeat."""
    seen.page.locator("#map").focus()
    script = f"""async () => {{
        const map = document.getElementById("map");
        let k = 0;
        const push = setInterval(() => {{
            const key = (k++ >> 4) % 2 ? "ArrowLeft" : "ArrowRight";
            map.dispatchEvent(new KeyboardEvent("keydown", {{ key, altKey: true, bubbles: true, cancelable: true }}));
        }}, 16);
        const gaps = await ({FRAMES})();
        clearInterval(push);
        return gaps;
    }}"""
    return list(seen.page.evaluate(script))


def told(what: str, values: list[float]) -> None:
    ordered = sorted(values)
    p95 = ordered[int(0.95 * (len(ordered) - 1))]
    print(f"{what}: median {median(ordered):.1f} ms, 95 % {p95:.1f} ms, most {ordered[-1]:.1f} ms, of {len(ordered)}")


def main() -> None:
    with chromium() as browser:
        if len(sys.argv) > 1:
            with visit(browser, sys.argv[1]) as seen:
                told("hand to pixels", hand_to_pixels(seen))
            return
        with tempfile.TemporaryDirectory() as folder:
            small, large = write_scene(Path(folder) / "small"), write_scene(Path(folder) / "large", rows=MANY)
            with serve(PAGE, small) as service, visit(browser, service.url) as seen:
                told("hand to pixels", hand_to_pixels(seen))
            with serve(PAGE, large) as service, visit(browser, service.url) as seen:
                seen.page.wait_for_timeout(500)
                told(f"hand to pixels, {MANY:,} points", hand_to_pixels(seen))
                told(f"frames of {MANY:,} points", frames_while_moved(seen))


if __name__ == "__main__":
    main()
