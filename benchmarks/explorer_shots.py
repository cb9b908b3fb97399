"""The explorer's pictures, made again: each run in light and dark, on a desktop and on a phone.

    latentia fit digits-2d --out runs/digits-2d        and so for frey_faces and adult
    python -m benchmarks.explorer_shots OUT runs/digits-2d runs/frey_faces runs/adult
    python -m benchmarks.explorer_shots docs/images runs/digits-2d --only light-desktop --name explorer

Every run is served by `latentia explore`; a picture is OUT/<run>-<light|dark>-<desktop|phone>.png. Pins and draws stand as
the page opens, so that the same run gives the same picture on one machine.
"""

import argparse
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from helpers.browsing import DESKTOP, PHONE, chromium, visit  # pyright: ignore[reportMissingImports]

VIEWS = {
    f"{scheme}-{device}": {"color_scheme": scheme, "viewport": viewport, **more}
    for scheme in ("light", "dark")
    for device, viewport, more in (
        ("desktop", DESKTOP, {}),
        ("phone", PHONE, {"has_touch": True, "is_mobile": True, "device_scale_factor": 2}),
    )
}
# Of the map, where a hand drags to before the picture is taken.
DRAG = ((0.5, 0.5), (0.58, 0.44))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("runs", nargs="+", type=Path)
    parser.add_argument("--only", choices=VIEWS, help="one of the views")
    parser.add_argument("--name", help="of the file, without its ending; for one run and one view")
    parser.add_argument("--whole", action="store_true", help="the page to its end, not only what a window shows")
    options = parser.parse_args()
    views = [options.only] if options.only else list(VIEWS)
    if options.name and len(views) * len(options.runs) > 1:
        parser.error("--name names one picture; say one run and --only")
    options.out.mkdir(parents=True, exist_ok=True)
    with chromium() as browser:
        for run in options.runs:
            with explored(run) as url:
                for view in views:
                    to = options.out / f"{options.name or f'{run.name}-{view}'}.png"
                    with visit(browser, url, reduced_motion="reduce", **VIEWS[view]) as seen:
                        look_around(seen)
                        seen.page.screenshot(path=str(to), full_page=options.whole)
                    print(to)


def look_around(seen: Any) -> None:
    """A drag, so that the picture shows what moves; then until all is drawn."""
    box = seen.page.locator("#map").bounding_box()
    seen.drag(*((x * box["width"], y * box["height"]) for x, y in DRAG))
    seen.page.mouse.move(0, 0)
    seen.page.wait_for_load_state("networkidle")
    seen.page.wait_for_timeout(1500)


@contextmanager
def explored(run: Path) -> Iterator[str]:
    """The address of a run's page."""
    command = [sys.executable, "-m", "latentia", "explore", str(run), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            raise SystemExit(f"latentia explore {run} did not start")
        try:
            yield line.split()[0] + "/"
        finally:
            process.terminate()
            process.wait(30)


if __name__ == "__main__":
    main()
