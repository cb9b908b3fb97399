"""Requests that come together are answered together, as if each had come alone; the event loop waits for none of them."""

import asyncio
import threading
import time
from typing import Any

import httpx2
import numpy as np
import pytest
import torch
from torch.testing import assert_close

from helpers.served import PIXELS, image_run, refused, talk, unlimited
from helpers.small_table import fitted, table
from latentia.distributions import has_mean
from latentia.runs import Run
from latentia.web.service.about import about
from latentia.web.service.asked import Asked
from latentia.web.service.options import Options
from latentia.web.service.worker import Busy, Worker

FLOATS = {"accept": "application/octet-stream"}


class Held:
    """A model that waits for leave before it decodes, and counts its calls."""

    def __init__(self, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        self.leave, self.began, self.sizes = threading.Event(), threading.Event(), list[int]()
        decode = run.decode

        def held(z: Any) -> torch.Tensor:
            self.began.set()
            if not self.leave.wait(10):
                self.leave.set()  # the loop that would have given it was waiting here
                raise TimeoutError
            self.sizes.append(len(z))
            return decode(z)

        monkeypatch.setattr(run, "decode", held)


def test_what_gathers_while_the_model_is_at_work_goes_together(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    zs = np.random.default_rng(0).normal(size=(21, 1, 2)).astype(np.float32)
    want = [run.decode(z) for z in zs]
    held, app = Held(run, monkeypatch), unlimited(run)

    async def ask(client: httpx2.AsyncClient) -> list[httpx2.Response]:
        sent = [asyncio.create_task(client.post("/v1/decode", json={"z": z.tolist()}, headers=FLOATS)) for z in zs]
        await asyncio.to_thread(held.began.wait, 20)
        await asyncio.sleep(0.2)
        held.leave.set()
        return await asyncio.gather(*sent)

    told = talk(app, ask)
    assert len(held.sizes) <= 2, "what had come when the model began, and all the rest"
    assert sum(held.sizes) == 21
    for response, x in zip(told, want, strict=True):
        assert_close(torch.frombuffer(bytearray(response.content), dtype=torch.float32).reshape(x.shape), x)


def test_the_loop_answers_while_the_model_is_at_work(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    held, app = Held(run, monkeypatch), unlimited(run)

    async def ask(client: httpx2.AsyncClient) -> tuple[int, bool, int]:
        sent = asyncio.create_task(client.post("/v1/decode", json={"z": [[0, 0]]}))
        await asyncio.to_thread(held.began.wait, 20)
        health = await asyncio.wait_for(client.get("/healthz"), 5)
        under_way = not sent.done()
        held.leave.set()
        return health.status_code, under_way, (await sent).status_code

    assert talk(app, ask) == (200, True, 200)


def test_too_many_that_wait_are_refused(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    held, app = Held(run, monkeypatch), unlimited(run, waiting=3)

    async def ask(client: httpx2.AsyncClient) -> list[httpx2.Response]:
        first = asyncio.create_task(client.post("/v1/decode", json={"z": [[0, 0]]}))
        await asyncio.to_thread(held.began.wait, 20)
        others = [asyncio.create_task(client.post("/v1/decode", json={"z": [[0, 0]]})) for _ in range(5)]
        await asyncio.sleep(0.2)
        held.leave.set()
        return await asyncio.gather(first, *others)

    told = talk(app, ask)
    assert sorted(response.status_code for response in told) == [200] * 4 + [503] * 2
    sentence = refused(next(response for response in told if response.status_code == 503), 503)
    assert "too many requests wait" in sentence


@pytest.mark.parametrize("kind", ["image", "table"])
def test_encoded_together_is_encoded_alone(kind: str, run: Run) -> None:
    """Rows with and without holes, and one that cannot be, which is nobody else's loss."""
    whole = run if kind == "image" else fitted(epochs=2)
    if kind == "image":
        x = PIXELS[:6].astype(np.float32)
        holed = x.copy()
        holed[:, 0, 1, 1] = np.nan
        parts: list[Any] = [x[:1], holed[1:3], x[3:4] + 9, x[4:6], holed[5:6]]
        bad = 2
    else:
        parts = [table(2, seed=k) for k in range(3)] + [table(2)[[]], table(1, holes=0.0)]
        bad = 3
    asked = Asked(whole, about(whole, Options()))
    assert about(whole, Options()).encodes_alone
    together = asked.encode(parts)
    for place, (part, got) in enumerate(zip(parts, together, strict=True)):
        if place == bad:
            assert isinstance(got, ValueError)
            continue
        assert not isinstance(got, Exception)
        mean, sd = whole.encode_with_sd(part)
        assert_close(got.mean, mean)
        assert_close(got.sd, sd)


def test_what_has_to_be_drawn_is_asked_one_by_one() -> None:
    """A flow states no mean: its figure is an average of draws, which depend on a row's place."""
    posterior = {"network": {"hidden": [8]}, "family": {"name": "flow"}}
    run = image_run(posterior=posterior)
    with torch.no_grad():
        q = run.posterior.infer(run.model, next(run.dataset().test.batches(2)))
    assert not has_mean(q)
    told = about(run, Options())
    assert (told.encodes_alone, told.decodes_alone) == (False, True)
    parts = [PIXELS[k : k + 1].astype(np.float32) for k in range(3)]
    for part, got in zip(parts, Asked(run, told).encode(parts), strict=True):
        assert not isinstance(got, Exception)
        assert torch.equal(got.mean, run.encode(part))


def test_one_that_fails_among_others_fails_alone(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    decode = run.decode

    def touchy(z: Any) -> torch.Tensor:
        if bool((torch.as_tensor(z) > 100).any()):
            raise ValueError("far away")
        return decode(z)

    monkeypatch.setattr(run, "decode", touchy)
    asked = Asked(run, about(run, Options()))
    near, far = np.zeros((2, 2), np.float32), np.full((1, 2), 101, np.float32)
    first, failed, last = asked.decode([near, far, near])
    assert isinstance(failed, ValueError)
    for got in (first, last):
        assert isinstance(got, torch.Tensor)
        assert_close(got, decode(near))


def test_a_worker_keeps_the_order_and_joins_no_more_rows_than_it_may() -> None:
    gate, calls = threading.Event(), list[Any]()

    def double(parts: list[int]) -> list[int]:
        calls.append(tuple(parts))
        return [2 * part for part in parts]

    def other(parts: list[int]) -> list[Any]:
        calls.append(tuple(parts))
        return [ValueError(part) if part == 5 else -part for part in parts]

    async def ask() -> list[Any]:
        worker = Worker(waiting=50, rows=10)
        first = asyncio.create_task(worker.ask(lambda: gate.wait(20)))
        await asyncio.sleep(0.05)
        sent = [asyncio.create_task(worker.ask_together(double, part, 4)) for part in (1, 2)]
        sent += [asyncio.create_task(worker.ask_together(other, part, 1)) for part in (5, 6)]
        sent += [asyncio.create_task(worker.ask_together(double, part, rows)) for part, rows in ((3, 4), (4, 1))]
        await asyncio.sleep(0.05)
        gate.set()
        answers = await asyncio.gather(first, *sent, return_exceptions=True)
        worker.close()
        with pytest.raises(Busy):
            await worker.ask(time.time)
        return answers

    answers = asyncio.run(ask())
    assert answers[0] is True
    assert answers[1:3] == [2, 4]
    assert isinstance(answers[3], ValueError)
    assert answers[4:] == [-6, 6, 8]
    assert calls == [(1, 2, 4), (5, 6), (3,)]


def test_closing_finishes_what_waits() -> None:
    done = list[int]()

    async def ask() -> None:
        worker = Worker(waiting=9, rows=1)
        sent = [asyncio.create_task(worker.ask(lambda k=k: done.append(k))) for k in range(5)]
        await asyncio.sleep(0)
        await asyncio.to_thread(worker.close)
        await asyncio.gather(*sent)

    asyncio.run(ask())
    assert done == [0, 1, 2, 3, 4]
