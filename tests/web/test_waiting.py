"""Who waits, and for what: nothing for clients that have gone, no more than its share for each, nothing after the deadline;
and the run's own rows, which are told to be elsewhere rather than fetched."""

import asyncio
import json
import threading
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
import pytest
import torch
from starlette.types import Message

from helpers.served import image_run, post, refused, talk, unlimited
from latentia.core.errors import DataError
from latentia.runs import Run
from latentia.runs.likened import stored_levels
from latentia.web.service.about import about
from latentia.web.service.asked import Asked, NotHere
from latentia.web.service.options import Options
from latentia.web.service.worker import Busy, Worker


class Leaving:
    """A client that asks an application and goes before it is answered."""

    def __init__(self, path: str, said: Any) -> None:
        self.body = json.dumps(said).encode()
        self.scope = {
            "type": "http", "method": "POST", "path": path, "raw_path": path.encode(), "query_string": b"", "root_path": "",
            "headers": [(b"host", b"localhost"), (b"content-type", b"application/json"),
                        (b"content-length", str(len(self.body)).encode())],
            "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80), "scheme": "http", "http_version": "1.1",
        }  # fmt: skip
        self.left, self.told = asyncio.Event(), list[Message]()
        self.read = False

    async def receive(self) -> Message:
        if not self.read:
            self.read = True
            return {"type": "http.request", "body": self.body, "more_body": False}
        await self.left.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        self.told.append(message)


def test_what_a_client_asked_that_has_gone_is_never_computed(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    leave, began, asked, sample = threading.Event(), threading.Event(), list[int](), Asked.sample

    def held(self: Asked, n: int, *more: Any) -> Any:
        asked.append(n)
        began.set()
        assert leave.wait(20)
        return sample(self, n, *more)

    monkeypatch.setattr(Asked, "sample", held)
    app = unlimited(run)

    async def ask() -> list[int]:
        clients = [Leaving("/v1/sample", {"n": n}) for n in (1, 2, 3)]
        tasks = []
        for client in clients:
            tasks.append(asyncio.create_task(app(client.scope, client.receive, client.send)))
            await asyncio.to_thread(began.wait, 20)
        await asyncio.sleep(0.1)
        clients[1].left.set()
        await asyncio.wait_for(tasks[1], 5)
        assert not tasks[0].done()
        leave.set()
        await asyncio.wait_for(asyncio.gather(*tasks), 20)
        return [client.told[0]["status"] for client in clients]

    assert asyncio.run(ask()) == [200, 499, 200]
    assert asked == [1, 3]


def test_one_client_cannot_fill_the_queue(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    async def ask() -> list[Any]:
        gate, worker = threading.Event(), Worker(waiting=5, rows=10, each=2)
        begun = threading.Event()
        first = asyncio.create_task(worker.ask(lambda: (begun.set(), gate.wait(20)), "a"))
        await asyncio.to_thread(begun.wait, 20)
        others = [asyncio.create_task(worker.ask(lambda: 1, client)) for client in "aaabbbc"]
        await asyncio.sleep(0.05)
        gate.set()
        told = await asyncio.gather(first, *others, return_exceptions=True)
        worker.close()
        return told

    told = asyncio.run(ask())
    assert [type(one) is Busy for one in told] == [False, False, False, True, False, False, True, False]
    assert "2 requests of this client wait" in str(told[3])


def test_what_is_left_at_the_deadline_is_dropped() -> None:
    begun, gate, done = threading.Event(), threading.Event(), list[int]()

    def slow(k: int) -> None:
        begun.set()
        gate.wait(20)
        done.append(k)

    async def ask() -> int:
        worker = Worker(waiting=9, rows=1)
        sent = [asyncio.create_task(worker.ask(lambda k=k: slow(k))) for k in range(5)]
        await asyncio.to_thread(begun.wait, 20)
        await asyncio.to_thread(worker.close, 0.05)
        left = worker.waiting
        gate.set()
        await asyncio.to_thread(worker.close, 20)
        for one in sent:
            one.cancel()
        return left

    assert asyncio.run(ask()) == 0
    assert done == [0]


def test_levels_of_a_named_set_need_no_rows_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is served reads them when it starts."""
    monkeypatch.setattr("latentia.data.named.load_data", lambda *_, **__: pytest.fail("loaded"))
    alone = image_run()
    alone.recipe = alone.known_recipe().model_copy(update={"data": alone.known_recipe().data.model_copy(
        update={"name": "mnist", "path": None, "levels": None, "fingerprint": None})})  # fmt: skip
    alone.data = None
    monkeypatch.delattr(alone.model.family, "levels", raising=False)  # pyright: ignore[reportAttributeAccessIssue]
    assert stored_levels(alone, np.full(1, 255, np.uint8)) == 256


def test_nothing_is_downloaded_for_neighbors(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.delenv("LATENTIA_DATA", raising=False)
    monkeypatch.setattr("latentia.data.sources.cache_folder", lambda: Path("/nowhere"))

    def fetch(*_: Any) -> None:
        raise AssertionError("a download")

    monkeypatch.setattr("latentia.data.sources.download", fetch)
    alone = image_run()
    section = alone.known_recipe().data.model_copy(update={"name": "mnist", "path": None, "fingerprint": None})
    alone.recipe, alone.data = alone.known_recipe().model_copy(update={"data": section}), None
    app = unlimited(alone)
    for _ in range(2):
        sentence = refused(post(app, "/v1/neighbors", {"z": [[0.5, -1.0]]}), 409)
        assert sentence == "this run's rows are not on this machine, so that none are near; its log says more."
    assert caplog.text.count("nothing is downloaded here, as latentia.load_data('mnist') does") == 1


def test_why_there_are_no_neighbors_is_said(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def empty(_: Any, name: str) -> None:
        raise DataError(f"the {name} split of 'tiny' is empty; give more rows or another split.")

    asked = Asked(run, about(run, Options()))
    monkeypatch.setattr("latentia.data.dataset.Dataset.split", empty)
    for _ in range(2):
        with pytest.raises(NotHere, match="the valid split of 'tiny' is empty"):
            asked.know_some("valid")


def test_a_model_without_an_answer_takes_one_line_of_the_log(
    run: Run, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def wrong(*_: Any) -> None:
        raise ValueError("of torch,\nin lines " + "x" * 1000)

    app = unlimited(run)
    monkeypatch.setattr(run, "decode", wrong)
    refused(post(app, "/v1/decode", {"z": [[0, 0]]}), 422)
    (record,) = [record for record in caplog.records if record.name == "latentia.web"]
    assert record.exc_info is None
    assert record.getMessage().startswith("/v1/decode had no answer: ValueError: of torch, in lines")
    assert len(record.getMessage()) < 300


def test_waiting_is_told_by_client(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    leave, began, decode = threading.Event(), threading.Event(), run.decode

    def held(z: Any) -> torch.Tensor:
        began.set()
        assert leave.wait(20)
        return decode(z)

    monkeypatch.setattr(run, "decode", held)
    app = unlimited(run, waiting_each=2)

    async def ask(client: httpx2.AsyncClient) -> list[int]:
        first = asyncio.create_task(client.post("/v1/decode", json={"z": [[0, 0]]}))
        await asyncio.to_thread(began.wait, 20)
        others = [asyncio.create_task(client.post("/v1/decode", json={"z": [[0, 0]]})) for _ in range(4)]
        await asyncio.sleep(0.1)
        leave.set()
        return sorted(told.status_code for told in await asyncio.gather(first, *others))

    assert talk(app, ask) == [200, 200, 200, 503, 503]
