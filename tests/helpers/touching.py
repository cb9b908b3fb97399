"""Fingers on the page, by Chromium's own protocol: Playwright itself only taps."""

from collections.abc import Sequence
from typing import Any

from helpers.browsing import Visit

Place = tuple[float, float]


class Fingers:
    """Fingers over the map, whose places are pixels from its corner.

    Args:
        seen: a page in a context that has touch.
    """

    def __init__(self, seen: Visit) -> None:
        self._sent = seen.page.context.new_cdp_session(seen.page)
        box = seen.page.locator("#map").bounding_box()
        assert box is not None
        self.box = box

    def move(self, *ways: Sequence[Place], steps: int = 8) -> None:
        """Put down a finger for each way, from its first place to its last, and lift them all."""
        self._tell("touchStart", [way[0] for way in ways])
        for k in range(1, steps + 1):
            self._tell("touchMove", [_between(way[0], way[-1], k / steps) for way in ways])
        self._tell("touchEnd", [])

    def _tell(self, kind: str, places: list[Place]) -> None:
        points: list[dict[str, Any]] = [
            {"x": self.box["x"] + x, "y": self.box["y"] + y, "id": k} for k, (x, y) in enumerate(places)
        ]
        self._sent.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})


def _between(a: Place, b: Place, t: float) -> Place:
    return a[0] + t * (b[0] - a[0]), a[1] + t * (b[1] - a[1])
