"""The explorer's page, a scene and a model behind an address on this computer, which a test can hold up or make refuse."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from typing import Any

from helpers.fake_explorer import COLUMNS, FakeScene

# What the service sends beside the page's own policy.
POLICY = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self' blob:; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' blob: data:; connect-src 'self'"
)


@dataclass
class Service:
    """The fake service, while it runs.

    Attributes:
        url: of the page, with the last slash.
        asked: (endpoint, body) of each request to the model.
        refuse: a sentence with which requests to the model are answered instead, or None.
        notes: sentences that come with each encoding.
        gate: requests to the model wait until it is set.
        rows: that may be asked about at once.
        missing: paths of files that are not there for now.
    """

    url: str = ""
    asked: list[tuple[str, Any]] = field(default_factory=list)
    refuse: str | None = None
    notes: list[str] = field(default_factory=list)
    gate: Event = field(default_factory=Event)
    rows: int = 1000
    missing: set[str] = field(default_factory=set)


@contextmanager
def serve(page: Path, scene: FakeScene, model: bool = True) -> Iterator[Service]:
    """The page, the scene and, where ``model`` says so, the two endpoints that the page asks."""
    state = Service()
    state.gate.set()
    handler = partial(_Handler, page=page, scene=scene, state=state, model=model)
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    state.url = f"http://127.0.0.1:{server.server_address[1]}/"
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield state
    finally:
        state.gate.set()
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Or a small answer waits for the acknowledgement of its own headers.
    disable_nagle_algorithm = True

    def __init__(self, *args: Any, page: Path, scene: FakeScene, state: Service, model: bool) -> None:
        self.page, self.scene, self.state, self.model = page, scene, state, model
        super().__init__(*args, directory=str(page))

    def translate_path(self, path: str) -> str:
        plain = path.split("?")[0].lstrip("/")
        if plain.startswith("scene/"):
            return str(self.scene.folder / plain.removeprefix("scene/"))
        return str(self.page / (plain or "index.html"))

    def end_headers(self) -> None:
        self.send_header("Content-Security-Policy", POLICY)
        self.send_header("Cache-Control", "no-store")
        super().end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the base class calls it so
        pass

    def do_GET(self) -> None:
        if self.path in self.state.missing:
            self._answer(404, b"", "text/plain")
            return
        if self.path != "/v1/info" or not self.model:
            super().do_GET()
            return
        limits = {"rows": self.state.rows, "body_bytes": 1 << 20}
        self._answer(200, json.dumps({"limits": limits}).encode(), "application/json")

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        what = self.path.removeprefix("/v1/")
        self.state.asked.append((what, body))
        self.state.gate.wait(10)
        if not self.model or self.state.refuse:
            self._answer(422, json.dumps({"detail": self.state.refuse or "no model here"}).encode(), "application/json")
        elif len(body.get("z", [])) > self.state.rows:
            self._answer(422, json.dumps({"detail": f"at most {self.state.rows} rows."}).encode(), "application/json")
        elif what == "decode":
            self._answer(200, self.scene.model.decode(body["z"]).tobytes(), "application/octet-stream")
        else:
            x = body["x"] if "x" in body else [_values(row) for row in body["rows"]]
            mean, sd = self.scene.model.encode(x)
            said = json.dumps({"mean": mean.tolist(), "sd": sd.tolist(), "notes": self.state.notes})
            self._answer(200, said.encode(), "application/json")

    def _answer(self, status: int, body: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _values(row: dict[str, Any]) -> list[float]:
    """A row's cells in a way of this model's own, which only has to move with the cells."""
    town = [float(row["town"] == state) for state in COLUMNS[3]["states"]]
    return [
        float(row["age"] or 0) / 100,
        float((row["income"] or "0").replace(",", "")) / 1e4,
        float(row["member"] == "yes"),
        *town,
    ]
