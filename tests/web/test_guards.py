"""Who may ask, how often, under which name, and what can be read at all; on every answer the headers that guard a page."""

from pathlib import Path
from typing import Any

import httpx2
import numpy as np
import pytest

from helpers.served import HOME, get, post, refused, talk, unlimited
from latentia.core.errors import LatentiaError
from latentia.runs import Run
from latentia.web.service import Options, make_app
from latentia.web.service.guards.rate import Rate, client_of

Z = [[0.5, -1.0]]
JSON = {"content-type": "application/json"}
ROW = np.zeros((1, 1, 4, 3)).tolist()


def test_only_those_who_know_the_token_are_answered(run: Run) -> None:
    app = unlimited(run, token="open sesame".replace(" ", "-"))
    right = {"authorization": "Bearer open-sesame"}
    assert get(app, "/v1/info", headers=right).status_code == 200
    assert get(app, "/healthz").status_code == 200
    for wrong in ({}, {"authorization": "Bearer open-sesam"}, {"authorization": "open-sesame"}, {"authorization": "Bearer "},
                  {"authorization": "Basic open-sesame"}, {"authorization": b"Bearer \xff\xfe"}):  # fmt: skip
        for path in ("/v1/info", "/metrics", "/openapi.json", "/nowhere"):
            told = get(app, path, headers=wrong)
            assert "wants its token" in refused(told, 401)
            assert told.headers["www-authenticate"] == "Bearer"
    assert get(app, "/openapi.json", headers=right).json()["security"] == [{"token": []}]
    with pytest.raises(LatentiaError, match="at least 8"):
        Options(token="short")


def test_a_client_that_asks_too_often_waits_and_others_do_not(run: Run) -> None:
    app = make_app(run, Options(rate=0.5, burst=3))
    assert [get(app, "/v1/info").status_code for _ in range(3)] == [200] * 3
    told = get(app, "/v1/info")
    assert "0.5 requests a second" in refused(told, 429)
    assert told.headers["retry-after"] == "2"
    assert get(app, "/healthz").status_code == 200


def test_the_bucket_fills_evenly_and_forgets_the_oldest() -> None:
    now = 0.0
    rate = Rate(None, 2.0, 4, clock=lambda: now)  # pyright: ignore[reportArgumentType]
    assert [rate.take("a") for _ in range(5)] == [0, 0, 0, 0, 0.5]
    now = 0.25
    assert rate.take("a") == pytest.approx(0.25)
    now = 1.0
    assert [rate.take("a") for _ in range(3)] == [0, 0, pytest.approx(0.5)]
    assert rate.take("b") == 0
    now = 1000.0
    assert [rate.take("a") for _ in range(5)][-1] > 0, "no more than a burst is saved up"
    for client in range(10_001):
        rate.take(str(client))
    assert rate.take("a") == 0


def test_a_client_is_an_address_or_half_of_one() -> None:
    known = {"1.2.3.4": "1.2.3.4", "::ffff:1.2.3.4": "1.2.3.4", "unix": "unix"}
    for address, client in known.items():
        assert client_of({"client": (address, 1)}) == client
    assert client_of({"client": ("2001:db8::1", 1)}) == client_of({"client": ("2001:db8::ffff", 9)})
    assert client_of({"client": ("2001:db8::1", 1)}) != client_of({"client": ("2001:db8:0:1::1", 1)})
    assert client_of({"client": None}) == ""


def test_a_service_of_one_machine_answers_to_its_own_name_alone(run: Run) -> None:
    app = unlimited(run, hosts=("models.example",))
    for base in (
        "http://localhost:8000",
        "http://127.0.0.1",
        "http://[::1]:9",
        "https://models.example",
        "http://LOCALHOST",
    ):
        assert talk(app, lambda client: client.get("/v1/info"), base).status_code == 200, base
    for base in ("http://evil.example", "http://localhost.evil.example", "http://127.0.0.1.evil.example:80"):
        refused(talk(app, lambda client: client.get("/v1/info"), base), 421)
    named = unlimited(run, host="0.0.0.0", hosts=("models.example",))
    for base, status in (("https://models.example", 200), ("http://localhost", 200), ("http://evil.example", 421)):
        assert talk(named, lambda client: client.get("/v1/info"), base).status_code == status, base
    for ours in (app, named):
        assert talk(ours, lambda client: client.get("/healthz"), "http://10.0.0.7:8000").status_code == 200
    everywhere = unlimited(run, host="0.0.0.0")
    assert talk(everywhere, lambda client: client.get("/v1/info"), "http://any.example").status_code == 200


def test_every_answer_carries_the_headers_that_keep_a_page_to_itself(run: Run) -> None:
    app = unlimited(run, token="open-sesame")
    for told in (get(app, "/healthz"), get(app, "/v1/info"), talk(app, lambda c: c.get("/"), "http://evil.example")):
        policy = told.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "script-src 'self' 'wasm-unsafe-eval'" in policy
        assert "worker-src 'self' blob:" in policy
        assert told.headers["x-content-type-options"] == "nosniff"
        assert told.headers["referrer-policy"] == "no-referrer"
        assert "access-control-allow-origin" not in told.headers
    assert get(app, "/v1/info").headers["cache-control"] == "no-store"


@pytest.fixture
def explorer(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    from latentia.web.service import app as module

    page, scene = tmp_path / "page", tmp_path / "scene"
    for folder, name in ((page, "index.html"), (scene, "scene.json")):
        folder.mkdir()
        (folder / name).write_text(name)
    (page / "ort").mkdir()
    (page / "ort" / "ort.wasm.gz").write_bytes(b"\x1f\x8b\x08")
    (tmp_path / "secret").write_text("secret")
    (scene / "link").symlink_to(tmp_path / "secret")
    monkeypatch.setattr(module, "PAGE", page)
    return make_app(run, Options(rate=None), scene)


def test_the_explorer_serves_the_page_and_its_scene(explorer: Any) -> None:
    assert get(explorer, "/").text == "index.html"
    assert get(explorer, "/index.html").headers["content-type"].startswith("text/html")
    assert get(explorer, "/scene/scene.json").headers["content-type"] == "application/json"
    packed = get(explorer, "/ort/ort.wasm.gz", headers={"accept-encoding": "identity"})
    assert "content-encoding" not in packed.headers
    assert post(explorer, "/v1/decode", {"z": Z}).status_code == 200
    refused(get(explorer, "/favicon.ico"), 404)


@pytest.mark.parametrize(
    "path",
    ["/scene/../secret", "/scene/%2e%2e/secret", "/..%2fsecret", "/scene/..%2f..%2fsecret", "/scene/link", "/../secret",
     "/scene//secret", "/%2e%2e/%2e%2e/etc/passwd", "//etc/passwd", "/scene/%00", "/scene/..\\secret", "/scene/...//secret"],
)  # fmt: skip
def test_nothing_outside_of_page_and_scene_is_read(path: str, explorer: Any) -> None:
    told = talk(explorer, lambda client: client.send(_as_it_stands(path)))
    assert told.status_code in (404, 405), told.text
    assert "secret" not in told.text.replace(path, "")


def _as_it_stands(path: str) -> httpx2.Request:
    request = httpx2.Request("GET", HOME)
    request.url = request.url.copy_with(raw_path=path.encode())
    return request
