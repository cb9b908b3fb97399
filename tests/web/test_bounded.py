"""No request takes more memory or time than it may: pieces, few threads, short bodies, few draws."""

import asyncio
import json
import threading
import time
from collections.abc import Callable
from io import BytesIO
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch.testing import assert_close

from helpers.served import get, post, refused, unlimited
from helpers.small_table import fitted
from latentia.evaluation import pieces
from latentia.evaluation.footprint import LiveBytes
from latentia.runs import Run
from latentia.web.service import answers
from latentia.web.service.about import about
from latentia.web.service.aside import Aside
from latentia.web.service.asked import Asked
from latentia.web.service.options import Options
from latentia.web.service.questions import questions as types_of
from latentia.web.service.reading import Question

FLOATS = {"accept": "application/octet-stream"}
GREYS = np.random.default_rng(0).integers(0, 256, (60, 1, 8, 8), dtype=np.uint8)


@pytest.fixture(scope="module")
def greys() -> Run:
    """A likelihood over 256 levels, whose mean looks at each of them."""
    from latentia.runs import fit_recipe

    network = {"network": {"hidden": [8]}}
    recipe = {"name": "greys", "latents": 2, "model": network, "posterior": network, "fit": {"epochs": 1, "device": "cpu"}}
    return fit_recipe(recipe, data=GREYS, progress=False)


@pytest.mark.parametrize("what", ["sample", "decode", "reconstruct", "interpolate"])
def test_what_a_request_takes_is_bounded(what: str, greys: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    budget, n = 2 * 2**20, 1000
    monkeypatch.setattr(pieces, "rows_at_once", _with_memory(pieces.rows_at_once, budget))
    asked = Asked(greys, about(greys, Options()))
    z = torch.randn(n, 2)
    ends = [Question({}, z=np.full((1, 2), end, np.float32)) for end in (-1, 1)]
    calls: dict[str, Callable[[], Any]] = {
        "sample": lambda: asked.sample(n, 1.0, True, 0)[1],
        "decode": lambda: asked.decode([z.numpy()])[0],
        "reconstruct": lambda: asked.reconstruct(np.tile(GREYS[:10], (100, 1, 1, 1)).astype(np.float32) / 255)[0],
        "interpolate": lambda: asked.interpolate(ends, n, None)[1],
    }
    with LiveBytes() as seen:
        x = calls[what]()
    # Beside a piece: rows that came, and the answer as parts and put together, twice where it changes hands.
    assert seen.peak < budget + 5 * 4 * n * 64
    assert x.shape == (n, 1, 8, 8)
    if what == "decode":
        with torch.no_grad():
            assert_close(x, greys.model.likelihood(z.unsqueeze(0)).mean.squeeze(0))


def _with_memory(rows_at_once: Any, memory: int) -> Any:
    return lambda model, z, given=None, _=0, how=pieces.point: rows_at_once(model, z, given, memory, how)


def test_a_tables_cells_are_made_for_json_alone_and_beside_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    app, cells, threads = unlimited(fitted(epochs=1)), answers.cells, list[str]()

    def seen(*of: Any) -> dict[str, Any]:
        threads.append(threading.current_thread().name)
        return cells(*of)

    monkeypatch.setattr(answers, "cells", seen)
    z = {"z": [[0.5, -1.0]]}
    assert post(app, "/v1/decode", z, headers=FLOATS).status_code == 200
    assert threads == []
    assert len(post(app, "/v1/decode", z).json()["rows"]) == 1
    assert [name.startswith("aside") for name in threads] == [True]


def test_large_json_is_written_part_by_part() -> None:
    x = torch.randn(9, 3, 1000)
    told = answers.json_of({"x": x, "seed": 3, "labels": None})
    assert json.loads(told) == {"x": x.tolist(), "seed": 3, "labels": None}


def test_few_read_and_write_at_once() -> None:
    now, most = 0, 0
    lock = threading.Lock()

    def work() -> None:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        time.sleep(0.02)
        with lock:
            now -= 1

    async def all_at_once() -> None:
        aside = Aside(2)
        await asyncio.gather(*(aside(work) for _ in range(12)))
        aside.close()

    asyncio.run(all_at_once())
    assert most == 2


def test_json_may_be_shorter_than_other_bodies(run: Run) -> None:
    app = unlimited(run, json=1000, body=4000)
    lists = b'{"z": [' + b"[]," * 400 + b"[]]}"
    sentence = refused(post(app, "/v1/decode", content=lists, headers={"content-type": "application/json"}), 413)
    assert sentence == "the body is larger than 1,000 bytes; ask about fewer rows at once, or send bare float32 numbers."
    floats = np.zeros((400, 2), "<f4").tobytes()
    assert post(app, "/v1/decode", content=floats, headers={"content-type": FLOATS["accept"]}).status_code == 200
    limits = get(app, "/v1/info").json()["limits"]
    assert (limits["body_bytes"], limits["json_bytes"]) == (4000, 1000)


def test_lists_that_no_question_needs_are_not_read(app: Any) -> None:
    headers = {"content-type": "application/json"}
    many = b'{"z": [' + b"[]," * 60_000 + b"[]]}"
    assert refused(post(app, "/v1/decode", content=many, headers=headers), 422) == (
        "the body holds more than 56,000 lists; ask about fewer rows at once."
    ), "50,000, and of each of 1,000 rows six"
    assert post(app, "/v1/encode", {"x": np.zeros((1000, 1, 4, 3)).tolist()}).status_code == 200


def test_draws_of_a_score_are_bounded_over_its_rows(run: Run) -> None:
    app = unlimited(run, scored_draws=200)
    row = np.zeros((1, 4, 3)).tolist()
    assert post(app, "/v1/score", {"x": [row] * 2, "draws": 100}).status_code == 200
    sentence = refused(post(app, "/v1/score", {"x": [row] * 3, "draws": 100}), 422)
    assert sentence == "3 rows by 100 draws are 300 draws, wanted at most 200 at once; ask about fewer."
    assert get(app, "/v1/info").json()["limits"]["scored_draws"] == 200
    assert types_of(about(run, Options()), Options()).score.model_validate({"x": [row] * 20, "draws": 1000})


def test_a_picture_of_too_many_pixels_is_refused(app: Any) -> None:
    for size, status in (((2000, 2000), 200), ((2001, 2000), 422)):
        file = BytesIO()
        Image.new("L", size).save(file, format="png")
        told = post(app, "/v1/encode", content=file.getvalue(), headers={"content-type": "image/png"})
        assert told.status_code == status, told.text
