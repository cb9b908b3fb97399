"""Every bad request is a 4xx with one sentence; limits hold; who may not ask is not answered."""

import base64
import json
from collections.abc import AsyncIterator
from io import BytesIO
from typing import Any

import httpx2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from helpers.served import get, post, refused, talk, unlimited
from helpers.small_table import fitted
from latentia.core.errors import LatentiaError
from latentia.runs import Run
from latentia.web.service import Options

Z = [[0.5, -1.0]]
JSON = {"content-type": "application/json"}
ROW = np.zeros((1, 1, 4, 3)).tolist()


MISTAKES: dict[str, tuple[str, Any, str]] = {
    "nothing": ("decode", {}, "z: field required"),
    "a list": ("decode", [1], "the body is a list, wanted an object with z"),
    "text": ("decode", {"z": [["a", "b"]]}, "z.0.0: input should be a valid number"),
    "a text of a number": ("decode", {"z": [["1", 2]]}, "z.0.0: input should be a valid number"),
    "short": ("decode", {"z": [[1]]}, "z.0: list should have at least 2 items"),
    "long": ("decode", {"z": [[1, 2, 3]]}, "z.0: list should have at most 2 items"),
    "none": ("decode", {"z": []}, "z: list should have at least 1 item"),
    "many": ("decode", {"z": Z * 1001}, "z: list should have at most 1000 items"),
    "far": ("decode", {"z": [[1e9, 0]]}, "z.0.0: input should be less than or equal to 1000000"),
    "too far": ("decode", {"z": [[10**400, 0]]}, "z.0.0"),
    "another key": ("decode", {"z": Z, "y": 1}, "'y' is nothing that can be said here; known: z"),
    "two ways": ("encode", {"x": ROW, "png": ["aaaa"]}, "give exactly one of x, png"),
    "no way": ("encode", {}, "give exactly one of x, png"),
    "null": ("encode", {"x": None}, "x: input should be a valid list"),
    "another shape": ("encode", {"x": [[[[0, 0, 0]]]]}, "x.0.0: list should have at least 4 items"),
    "nothing seen": ("encode", {"x": [[[[None] * 3] * 4]]}, "mask is False everywhere"),
    "rows": ("encode", {"rows": [{"a": 1}]}, "'rows' is nothing that can be said here"),
    "no base64": ("encode", {"png": ["!!!!"]}, "png is no base64 text"),
    "no picture": ("encode", {"png": ["aaaa"]}, "the picture is no PNG or JPEG"),
    "no bit": ("score", {"x": (np.array(ROW) + 0.5).tolist()}, "outside the support"),
    "no grey": ("encode", {"x": (np.array(ROW) + 7).tolist()}, "x.0.0.0.0: input should be less than or equal to 1"),
    "a fraction": ("sample", {"n": 1.5}, "n: input should be a valid integer"),
    "hot": ("sample", {"temperature": 9}, "temperature: input should be less than or equal to 4"),
    "nought": ("sample", {"n": 0}, "n: input should be greater than or equal to 1"),
    "seed": ("sample", {"seed": -1}, "seed: input should be greater than or equal to 0"),
    "truth": ("sample", {"n": True}, "n: input should be a valid integer"),
    "steps": ("interpolate", {"a": {"z": Z[0]}, "b": {"z": Z[0]}, "steps": 1}, "steps: input should be greater"),
    "path": ("interpolate", {"a": {"z": Z[0]}, "b": {"z": Z[0]}, "path": "round"}, "path: input should be 'spherical' or"),
    "end": ("interpolate", {"a": {}, "b": {"z": Z[0]}}, "a: give exactly one of z, x, png"),
    "bad end": ("interpolate", {"a": {"png": "aaaa"}, "b": {"z": Z[0]}}, "the picture is no PNG or JPEG"),
    "draws": ("score", {"x": ROW, "draws": 10**6}, "draws: input should be less than or equal to 1000"),
    "scored": ("score", {"x": ROW * 101}, "x: list should have at most 100 items"),
    "k": ("neighbors", {"z": Z, "k": 101}, "k: input should be less than or equal to 100"),
    "more than there are": ("neighbors", {"z": Z, "k": 70}, "70 neighbors were asked for"),
    "split": ("neighbors", {"z": Z, "split": "tset"}, "split: input should be 'train'"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_told_in_a_sentence(name: str, app: Any) -> None:
    path, said, sentence = MISTAKES[name]
    assert sentence in refused(post(app, f"/v1/{path}", said), 422)


def test_what_is_no_json_is_told(app: Any) -> None:
    for body in (b"", b"{", b"\xff", b'{"z": NaN}', b"[" * 5000, b'{"z": "\\ud800"}'):
        assert "the body is not JSON" in refused(post(app, "/v1/decode", content=body, headers=JSON), 400)


def test_a_flood_of_mistakes_costs_one_sentence(app: Any) -> None:
    for body in (
        {f"k{i}": 1 for i in range(200_000)},
        {"x": [[[["a"] * 3] * 4]] * 1000},
        {"x": ["a"] * 200_000},
    ):
        assert len(refused(post(app, "/v1/encode", body), 422)) < 500


def test_other_paths_methods_and_media_types_are_refused_in_the_same_way(app: Any) -> None:
    assert "nothing at this path" in refused(get(app, "/v1/nothing"), 404)
    told = get(app, "/v1/decode")
    assert "takes another method" in refused(told, 405)
    assert told.headers["allow"] == "POST"
    assert "the content-type is missing" in refused(post(app, "/v1/decode", content=b"{}"), 415)
    plain = {"content-type": "text/plain"}
    assert "'text/plain', wanted application/json" in refused(post(app, "/v1/decode", content=b"{}", headers=plain), 415)
    assert "none of which" in refused(post(app, "/v1/decode", {"z": Z}, headers={"accept": "text/html"}), 406)
    assert "none of which" in refused(post(app, "/v1/encode", {"x": ROW}, headers={"accept": "image/png"}), 406)


def test_bare_floats_are_checked_as_well(app: Any) -> None:
    floats = {"content-type": "application/octet-stream"}
    for values, sentence in (
        (b"abc", "the body has 3 bytes, wanted 1 to 1000 rows of 2 float32 numbers"),
        (np.zeros(3, "<f4").tobytes(), "12 bytes"),
        (np.array([0, np.nan], "<f4").tobytes(), "row 0 of z holds a number that is not finite"),
        (np.array([0, 0, 0, 1e9], "<f4").tobytes(), "row 1 of z"),
    ):
        assert sentence in refused(post(app, "/v1/decode", content=values, headers=floats), 422)
    x = np.zeros(12, "<f4")
    x[3] = np.inf
    assert "row 0 of x" in refused(post(app, "/v1/encode", content=x.tobytes(), headers=floats), 422)


def test_pictures_that_are_bombs_or_broken_are_refused(app: Any) -> None:
    file = BytesIO()
    Image.new("1", (6000, 6000)).save(file, format="png")
    bomb = base64.b64encode(file.getvalue()).decode()
    assert "too many; make it smaller" in refused(post(app, "/v1/encode", {"png": [bomb]}), 422)
    small = BytesIO()
    Image.new("L", (1250, 1250)).save(small, format="png")
    each = base64.b64encode(small.getvalue()).decode()
    assert "too many; make it smaller" in refused(post(app, "/v1/encode", {"png": [each] * 3}), 422)
    cut = small.getvalue()[:200]
    headers = {"content-type": "image/png"}
    assert "no PNG or JPEG" in refused(post(app, "/v1/encode", content=cut, headers=headers), 422)
    gif = BytesIO()
    Image.new("L", (4, 4)).save(gif, format="gif")
    assert "no PNG or JPEG" in refused(post(app, "/v1/encode", content=gif.getvalue(), headers=headers), 422)


def test_cells_of_any_kind_are_read_or_refused() -> None:
    app = unlimited(fitted(epochs=1))
    for cell in (10**30, -(10**30), 1e308, "", "x" * 10_000, "2020-99-99", True, "1e999", "-0", "\x00"):
        for name in ("age", "pay", "share", "sex", "job", "visits", "gain"):
            assert post(app, "/v1/encode", {"rows": [{name: cell}]}).status_code == 200, (name, cell)
    for rows in ([{}], [{"age": [1]}], [{"age": {}}], [{"age": "x" * 10_001}], [{"a": 1}], [1], "age"):
        refused(post(app, "/v1/encode", {"rows": rows}), 422)


HEALTHY = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
KEYS = st.sampled_from(["z", "x", "a", "b", "n", "png", "rows"])


@settings(max_examples=40, deadline=None, suppress_health_check=HEALTHY)
@given(st.recursive(LEAVES, lambda some: st.lists(some, max_size=3) | st.dictionaries(KEYS, some), max_leaves=12))
def test_no_json_is_a_mistake_of_the_service(app: Any, said: Any) -> None:
    body = json.dumps(said).encode("utf-8", "surrogatepass")

    async def ask(client: httpx2.AsyncClient) -> list[int]:
        paths = ("decode", "encode", "sample", "interpolate", "score", "neighbors")
        return [(await client.post(f"/v1/{path}", content=body, headers=JSON)).status_code for path in paths]

    assert set(talk(app, ask)) <= {200, 400, 422}


def test_a_body_beyond_the_limit_is_not_read(run: Run) -> None:
    app = unlimited(run, body=1000)
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while True:
            sent += 100
            yield b" " * 100

    told = talk(app, lambda client: client.post("/v1/decode", content=endless(), headers=JSON))
    assert "larger than 1,000 bytes" in refused(told, 413)
    assert sent < 5 * 2**20
    assert "larger than" in refused(post(app, "/v1/decode", content=b" " * 1001, headers=JSON), 413)
    assert post(app, "/v1/decode", {"z": Z}).status_code == 200


def test_bodies_of_all_together_are_limited(run: Run) -> None:
    app = unlimited(run, held=500)
    assert post(app, "/v1/decode", {"z": Z}).status_code == 200
    told = post(app, "/v1/decode", {"z": Z * 100})
    refused(told, 503)
    assert told.headers["retry-after"] == "1"

    async def ask(client: httpx2.AsyncClient) -> set[int]:
        return {(await client.post("/v1/decode", json={"z": Z})).status_code for _ in range(60)}

    assert talk(app, ask) == {200}, "what was held is given back"


def test_a_mistake_of_the_services_own_is_told_without_its_details(
    run: Run, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError("a secret")

    app = unlimited(run)
    monkeypatch.setattr(run, "decode", fail)
    told = post(app, "/v1/decode", {"z": Z})
    assert "secret" not in refused(told, 500)
    assert "a secret" in caplog.text

    def wrong(*_: Any) -> None:
        raise ValueError("of torch")

    monkeypatch.setattr(run, "decode", wrong)
    assert "no answer for these values" in refused(post(app, "/v1/decode", {"z": Z}), 422)


def test_options_that_cannot_be_are_refused() -> None:
    for wrong in ({"rows": 0}, {"rate": -1.0}, {"seconds": float("nan")}, {"port": 70_000}, {"body": -1}):
        with pytest.raises(LatentiaError):
            Options(**wrong)  # pyright: ignore[reportArgumentType]
