"""The service on a real port: it stops without losing a request, and slow, huge and broken clients do not hold it up."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx2
import numpy as np
import pytest
import torch

from helpers.served import answer, connected, head, refused, serving, until
from latentia.cli import main
from latentia.core.errors import DataError, LatentiaError
from latentia.data.mnist import MNIST_FORM
from latentia.data.sources import locate
from latentia.runs import Run
from latentia.web.service import Options, explore, serve, server
from latentia.web.service import app as app_module
from latentia.web.service.metrics import resident
from latentia.web.service.server import listening

Z = {"z": [[0.5, -1.0]]}
LATENTIA = Path(sys.executable).parent / "latentia"


def test_requests_on_one_connection_are_answered(run: Run) -> None:
    with serving(run) as port, httpx2.Client(base_url=f"http://127.0.0.1:{port}") as client:
        want = run.decode(Z["z"])
        for _ in range(3):
            told = client.post("/v1/decode", json=Z, headers={"accept": "application/octet-stream"})
            assert np.allclose(np.frombuffer(told.content, "<f4").reshape(want.shape), want)
            assert "server" not in told.headers
        assert client.get("/metrics").status_code == 200


def test_a_gibibyte_is_refused_after_a_little_of_it(run: Run) -> None:
    with serving(run) as port:
        before, sent, piece = resident(), 0, b" " * 2**20
        with connected(port) as sock:
            sock.sendall(head("/v1/decode", 2**30))
            try:
                while sent < 2**30:
                    sock.sendall(piece)
                    sent += len(piece)
            except ConnectionError:
                pass
        assert sent < 64 * 2**20

        # Without a length it is refused once it is longer than may be; the client is told although it is still sending.
        def pieces() -> Iterator[bytes]:
            nonlocal sent
            sent = 0
            while sent < 2**30:
                sent += len(piece)
                yield piece

        url, headers = f"http://127.0.0.1:{port}/v1/decode", {"content-type": "application/json"}
        with suppress(httpx2.TransportError):
            refused(httpx2.post(url, content=pieces(), headers=headers), 413)
        assert sent < 64 * 2**20
        assert resident() - before < 128 * 2**20
        assert httpx2.post(url, json=Z).status_code == 200


def test_who_waits_with_a_large_body_is_told_at_once(run: Run) -> None:
    with serving(run) as port, connected(port) as sock:
        sock.sendall(head("/v1/decode", 2**30))
        started = time.monotonic()
        told = answer(sock)
        assert told.startswith(b"HTTP/1.1 413 ")
        assert b"connection: close" in told.lower()
        assert json.loads(told.partition(b"\r\n\r\n")[2])["detail"].startswith("the body is larger than")
        assert time.monotonic() - started < 5


def test_clients_that_send_slowly_are_cut_off(run: Run) -> None:
    with serving(run, seconds=0.6) as port:
        for begun, later, want in (
            (b"", b"", b""),
            (b"POST /v1/decode HTTP/1.1\r\nhost: loc", b"a", b""),
            (head("/v1/decode", 100), b" ", b"HTTP/1.1 408 "),
            (head("/v1/decode", 100), b"", b"HTTP/1.1 408 "),
            (head("/healthz", 50_000, "GET"), b" ", b"HTTP/1.1 408 "),
        ):
            with connected(port) as sock:
                started = time.monotonic()
                sock.sendall(begun)
                heard = bytearray()
                listener = threading.Thread(target=lambda heard=heard, sock=sock: heard.extend(answer(sock)))
                listener.start()
                while listener.is_alive() and time.monotonic() - started < 10:
                    try:
                        sock.send(later)
                    except OSError:
                        break
                    listener.join(0.1)
                listener.join(10)
                assert not listener.is_alive(), begun
                assert time.monotonic() - started < 8, begun
                assert bytes(heard).startswith(want), (begun, heard)
        assert httpx2.get(f"http://127.0.0.1:{port}/healthz").status_code == 200


def test_a_client_that_does_not_take_its_answer_is_cut_off(run: Run) -> None:
    with serving(run, seconds=0.5, rows=200_000, values=10_000_000, body=2**24) as port:
        body = np.zeros((150_000, 2), "<f4").tobytes()
        request = (
            f"POST /v1/decode HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/octet-stream\r\n"
            f"accept: application/octet-stream\r\ncontent-length: {len(body)}\r\n\r\n"
        ).encode()
        with socket.socket() as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            sock.settimeout(20)
            sock.connect(("127.0.0.1", port))
            sock.sendall(request + body)
            open_ = f"http://127.0.0.1:{port}"
            time.sleep(3)
            assert len(answer(sock)) < 150_000 * 12 * 4, "it was cut off before the end"
        assert httpx2.get(f"{open_}/healthz").status_code == 200


def test_what_is_no_http_is_told_in_json(run: Run) -> None:
    with serving(run) as port:
        for nonsense in (
            b"\x16\x03\x01\x02\x00\r\n\r\n",
            head("/v1/decode", "-5"),
            b"GET\r\n\r\n",
        ):
            with connected(port) as sock:
                sock.sendall(nonsense)
                told = answer(sock)
                assert told.startswith(b"HTTP/1.1 400 "), told
                assert list(json.loads(told.partition(b"\r\n\r\n")[2])) == ["detail"]


def test_paths_that_lead_out_lead_nowhere(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("scene", "page"):
        (tmp_path / name).mkdir()
    monkeypatch.setattr(app_module, "PAGE", tmp_path / "page")
    (tmp_path / "secret").write_text("secret")
    with serving(run, scene=tmp_path / "scene") as port:
        for path in ("/scene/../secret", "/scene/..%2fsecret", "/scene/%2e%2e/secret", "//etc/passwd", "/../../etc/passwd"):
            with connected(port) as sock:
                sock.sendall(f"GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n".encode())
                told = answer(sock)
                assert told.startswith((b"HTTP/1.1 404 ", b"HTTP/1.1 400 ")), (path, told)
                assert b"secret" not in told.partition(b"\r\n\r\n")[2].replace(path.encode(), b"")


def test_a_wrong_token_is_refused_over_the_wire(run: Run) -> None:
    with serving(run, token="open-sesame") as port:
        with connected(port) as sock:
            sock.sendall(head("/v1/decode", 2**30))
            assert answer(sock).startswith(b"HTTP/1.1 401 ")
        url = f"http://127.0.0.1:{port}/v1/decode"
        assert httpx2.post(url, json=Z, headers={"authorization": "Bearer open-sesame"}).status_code == 200
        refused(httpx2.post(url, json=Z, headers={"authorization": "Bearer open-sesamf"}), 401)


def test_stopping_finishes_what_is_under_way(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    began, decode, told = threading.Event(), run.decode, list[Any]()

    def slow(z: Any) -> torch.Tensor:
        began.set()
        time.sleep(1.0)
        return decode(z)

    monkeypatch.setattr(run, "decode", slow)
    with serving(run) as port:
        url = f"http://127.0.0.1:{port}/v1/decode"
        asking = threading.Thread(target=lambda: told.append(httpx2.post(url, json=Z)))
        asking.start()
        assert began.wait(20)
    asking.join(20)
    assert told[0].status_code == 200
    with pytest.raises(httpx2.ConnectError):
        httpx2.post(url, json=Z)


def test_answers_do_not_wait_for_acknowledgements() -> None:
    """asyncio asks for TCP_NODELAY where a socket says that it is TCP; else each answer in two writes takes 40 ms."""
    for host in ("127.0.0.1", "localhost"):
        with listening(Options(host=host, port=0)) as listener:
            assert listener.proto == socket.IPPROTO_TCP


def test_a_port_that_is_taken_is_told(run: Run) -> None:
    with serving(run) as port, pytest.raises(LatentiaError, match=f"127.0.0.1:{port} cannot be listened at"):
        serve(run, Options(port=port))
    with pytest.raises(LatentiaError, match="cannot be listened at"):
        serve(run, Options(host="no.such.host.invalid", port=0))


def test_the_explorer_shows_a_scene_of_its_own_and_takes_it_away(
    run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What the scene holds is tested where it is made; here it is one file."""
    seen = list[Any]()

    def write_scene(of: Run, folder: Path, where: str | None = None) -> SimpleNamespace:
        folder.mkdir()
        (folder / "scene.json").write_text(f"{of is run} {where}")
        return SimpleNamespace(why_no_rows="its rows are gone")

    def serve_it(listener: socket.socket, of: Run, options: Options, scene: Path, open_: bool) -> None:
        assert listener.getsockname()[1]
        seen.append((of, options, scene, open_, (scene / "scene.json").read_text()))

    monkeypatch.setitem(sys.modules, "latentia.web.scene", SimpleNamespace(write_scene=write_scene))
    monkeypatch.setattr(server, "_answer", serve_it)
    explore(run, 0, True, where="runs/mine")
    ((of, options, scene, open_, told),) = seen
    assert (of, open_, told) == (run, True, "True runs/mine")
    assert options.is_local
    assert (options.port, options.rate) == (0, None)
    assert options.values // (3 * 256 * 256) >= 11, "a walk of large pictures"
    assert not scene.parent.exists()
    laying, empty = capsys.readouterr().err.splitlines()
    assert laying.startswith("laying out the map")
    assert empty == "the map is empty: its rows are gone"


def test_the_explorer_has_its_port_before_it_looks_at_rows(
    run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def write_scene(*_: Any, **__: Any) -> None:
        raise AssertionError("in vain")

    monkeypatch.setitem(sys.modules, "latentia.web.scene", SimpleNamespace(write_scene=write_scene))
    with serving(run) as port, pytest.raises(LatentiaError, match="cannot be listened at"):
        explore(run, port)
    assert capsys.readouterr().err == ""


def test_the_explorer_downloads_nothing(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def write_scene(*_: Any, **__: Any) -> None:
        with pytest.raises(DataError, match="nothing is downloaded here"):
            locate("mnist", (MNIST_FORM,), "/nowhere")
        raise LatentiaError("seen")

    monkeypatch.delenv("LATENTIA_DATA", raising=False)
    monkeypatch.setattr("latentia.data.sources.download", lambda *_: pytest.fail("a download"))
    monkeypatch.setitem(sys.modules, "latentia.web.scene", SimpleNamespace(write_scene=write_scene))
    with pytest.raises(LatentiaError, match="seen"):
        explore(run, 0)


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
def test_the_command_serves_until_it_is_told_to_end(run: Run, tmp_path: Path) -> None:
    run.save(tmp_path / "run")
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "LATENTIA_TOKEN": "open-sesame"}
    command = [str(LATENTIA), "serve", str(tmp_path / "run"), "--port", "0"]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        address = process.stdout.readline().split()[0]
        assert address.startswith("http://127.0.0.1:")
        headers = {"authorization": "Bearer open-sesame"}
        until(lambda: httpx2.get(f"{address}/info", headers=headers).status_code == 200)
        told = httpx2.post(f"{address}/decode", json=Z, headers=headers)
        assert np.allclose(told.json()["x"], run.decode(Z["z"]), atol=1e-6)
        refused(httpx2.post(f"{address}/decode", json=Z), 401)
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
        assert process.stderr is not None
        assert process.stderr.read() == ""
    finally:
        process.kill()
        process.communicate()


def test_the_command_wants_the_packages(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run.save(tmp_path / "run")
    monkeypatch.setitem(sys.modules, "fastapi", None)
    with pytest.raises(SystemExit) as done:
        main(["serve", str(tmp_path / "run"), "--port", "0"])
    assert done.value.code == 1
    said = capsys.readouterr().err
    assert said == "latentia: the service needs fastapi, which is not installed; pip install 'latentia[web]'.\n"
