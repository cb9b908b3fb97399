"""The service on a real port, at its limits: it ends by its deadline, and connections that are too many are told so."""

import json
import threading
from contextlib import ExitStack, suppress
from typing import Any

import httpx2
import pytest
import torch

from helpers.served import answer, connected, head, refused, serving, until
from latentia.cli import main
from latentia.core.errors import LatentiaError
from latentia.runs import Run
from latentia.web.service import Options, connection
from latentia.web.service.worker import Worker

Z = {"z": [[0.5, -1.0]]}


def test_stopping_takes_no_longer_than_grace(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server waits for requests and the application for the model: of one deadline, not one after the other."""
    began, over, sample, close = threading.Event(), threading.Event(), run.model.sample_prior, Worker.close
    left: list[float | None] = []

    def slow(*of: Any) -> torch.Tensor:
        began.set()
        over.wait(20)
        return sample(*of)

    def ask(port: int) -> None:
        with suppress(httpx2.HTTPError):
            httpx2.post(f"http://127.0.0.1:{port}/v1/sample", json={}, timeout=20)

    def closing(worker: Worker, seconds: float | None = None) -> None:
        left.append(seconds)
        close(worker, seconds)

    monkeypatch.setattr(Worker, "close", closing)
    with serving(run, grace=1.0) as port:
        monkeypatch.setattr(run.model, "sample_prior", slow)
        asking = [threading.Thread(target=ask, args=(port,)) for _ in range(3)]
        for thread in asking:
            thread.start()
        assert began.wait(20)
    over.set()
    for thread in asking:
        thread.join(20)
    assert len(left) == 1
    assert left[0] is not None
    assert left[0] < 0.5, "the server has waited for all of it"


def test_connections_beyond_the_limit_are_told_in_a_sentence(run: Run) -> None:
    with serving(run, connections=3) as port, ExitStack() as open_:
        for _ in range(3):
            open_.enter_context(connected(port))
        told = httpx2.get(f"http://127.0.0.1:{port}/v1/info")
        assert refused(told, 503) == "more than 3 connections are open; come again in a moment."
        assert told.headers["retry-after"] == "1"
        assert told.headers["connection"] == "close"
        assert "default-src 'none'" in told.headers["content-security-policy"]
        with connected(port) as sock:
            sock.sendall(head("/v1/decode", 2**30))
            assert json.loads(answer(sock).partition(b"\r\n\r\n")[2])["detail"].startswith("more than 3 connections")
        open_.close()
        until(lambda: httpx2.get(f"http://127.0.0.1:{port}/v1/info").status_code == 200)
        counts = httpx2.get(f"http://127.0.0.1:{port}/metrics").text
        assert 'latentia_requests_total{path="/v1/info",method="GET",status="503"}' in counts


def test_far_more_connections_are_closed_unheard(run: Run) -> None:
    with serving(run, connections=2) as port, ExitStack() as open_:
        for _ in range(2 * connection.HEARD):
            open_.enter_context(connected(port))
        with connected(port) as sock:
            assert answer(sock) == b""


def test_one_client_has_its_share_of_connections(run: Run) -> None:
    sentence = "more than 2 connections of this client are open; close some, and use each for many requests."
    for proxies, status in (((), 503), (("10.0.0.1",), 200)):
        with serving(run, connections=20, connections_each=2, proxies=proxies) as port, ExitStack() as open_:
            for _ in range(2):
                open_.enter_context(connected(port))
            told = httpx2.get(f"http://127.0.0.1:{port}/healthz")
            assert told.status_code == status
            assert status == 200 or refused(told, 503) == sentence
            open_.close()
            until(lambda port=port: httpx2.get(f"http://127.0.0.1:{port}/healthz").status_code == 200)


def test_an_empty_token_lets_nobody_in(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is loaded or served before."""
    for said, variable, sentence in (
        ([], "", "latentia: LATENTIA_TOKEN is empty, wanted a token; unset it to let everyone ask."),
        (["--token", ""], None, "latentia: the token has 0 characters, wanted at least 8"),
    ):
        monkeypatch.delenv("LATENTIA_TOKEN", raising=False)
        if variable is not None:
            monkeypatch.setenv("LATENTIA_TOKEN", variable)
        monkeypatch.setattr("latentia.runs.load", lambda _: pytest.fail("loaded"))
        with pytest.raises(SystemExit) as done:
            main(["serve", "nowhere", *said])
        assert done.value.code == 1
        assert capsys.readouterr().err.startswith(sentence)


@pytest.mark.parametrize("token", ["short", "has a blank", "ein-schlüssel", "line\nbreak", ""])
def test_tokens_that_no_header_carries_are_refused(token: str) -> None:
    with pytest.raises(LatentiaError, match=r"the token has .*openssl rand"):
        Options(token=token)
