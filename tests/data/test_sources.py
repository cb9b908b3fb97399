"""Where files are looked for, what is downloaded, and what is said when neither helps."""

import hashlib
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from latentia.core.errors import DataError
from latentia.data import no_downloads, sources
from latentia.data.sources import File, locate

CONTENT = b"rows and rows of numbers"
SHA256 = hashlib.sha256(CONTENT).hexdigest()
Refused = Callable[..., Any]


@dataclass
class Server:
    """A web server on this machine that knows one file."""

    url: str
    asked: list[str] = field(default_factory=list)


@pytest.fixture
def server(real_download: None) -> Iterator[Server]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found.asked.append(self.path)
            known = self.path == "/file.bin"
            self.send_response(200 if known else 404)
            self.send_header("Content-Length", str(len(CONTENT) if known else 0))
            self.end_headers()
            self.wfile.write(CONTENT if known else b"")

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the name in http.server
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as http:
        found = Server(f"http://127.0.0.1:{http.server_port}")
        thread = threading.Thread(target=http.serve_forever)
        thread.start()
        yield found
        http.shutdown()
        thread.join()


def put(path: Path, content: bytes = CONTENT) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def test_a_download_is_kept_in_the_cache_and_not_repeated(server: Server, cache: Path) -> None:
    file = File("file.bin", f"{server.url}/file.bin", SHA256)
    for _ in range(2):
        assert locate("mine", [(file,)]) == {"file.bin": cache / "mine" / "file.bin"}
    assert (cache / "mine" / "file.bin").read_bytes() == CONTENT
    assert server.asked == ["/file.bin"]


def test_a_folder_replaces_the_cache(server: Server, cache: Path, tmp_path: Path) -> None:
    file = File("file.bin", f"{server.url}/file.bin", SHA256)
    assert locate("mine", [(file,)], tmp_path / "kept") == {"file.bin": tmp_path / "kept" / "mine" / "file.bin"}
    assert not cache.exists()


def test_another_checksum_is_refused_after_one_more_try(server: Server, cache: Path, refused: Refused) -> None:
    file = File("file.bin", f"{server.url}/file.bin", "0" * 64)
    with refused(
        f"'mine' needs file.bin, not found on this machine and not to be downloaded (what came has another sha256); get it "
        f"from {server.url}/file.bin and put it at $LATENTIA_DATA/mine/file.bin (LATENTIA_DATA is not set)."
    ):
        locate("mine", [(file,)])
    assert len(server.asked) == 1 + sources.RETRIES
    assert list((cache / "mine").iterdir()) == []


def test_an_address_without_the_file_is_named(server: Server, own: Path, refused: Refused) -> None:
    file = File("gone.bin", f"{server.url}/gone.bin", SHA256)
    with refused(
        f"'mine' needs gone.bin, not found on this machine and not to be downloaded (HTTP 404); get it from "
        f"{server.url}/gone.bin and put it at $LATENTIA_DATA/mine/gone.bin (LATENTIA_DATA is {own})."
    ):
        locate("mine", [(file,)])


def test_a_silent_server_does_not_hang(real_download: None, monkeypatch: pytest.MonkeyPatch, refused: Refused) -> None:
    monkeypatch.setattr(sources, "TIMEOUT", 0.2)
    monkeypatch.setattr(sources, "RETRIES", 0)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/file.bin"
        with refused(
            f"'mine' needs file.bin, not found on this machine and not to be downloaded (ReadTimeout); get it from {url} "
            "and put it at $LATENTIA_DATA/mine/file.bin (LATENTIA_DATA is not set)."
        ):
            locate("mine", [(File("file.bin", url, SHA256),)])


def test_the_time_allowed_is_short() -> None:
    assert sources.TIMEOUT <= 10
    assert sources.RETRIES <= 2


def test_offline_every_missing_file_is_named(own: Path, refused: Refused) -> None:
    put(own / "mine" / "a.bin")
    form = tuple(File(name, f"https://example.org/data/{name}", SHA256) for name in ("a.bin", "b.bin", "c.bin"))
    with refused(
        "'mine' needs b.bin, c.bin, not found on this machine and not to be downloaded (ConnectionError); get each from "
        f"https://example.org/data/<file> and put it at $LATENTIA_DATA/mine/<file> (LATENTIA_DATA is {own})."
    ):
        locate("mine", [form])


def test_without_a_checksum_nothing_is_downloaded(monkeypatch: pytest.MonkeyPatch, refused: Refused) -> None:
    monkeypatch.setattr(sources, "download", lambda *_: pytest.fail("it was downloaded"))
    with refused(
        "'mine' needs raw.mat, not found on this machine and of no known checksum to download it by; get it from "
        "https://example.org/raw.mat and put it at $LATENTIA_DATA/mine/raw.mat (LATENTIA_DATA is not set)."
    ):
        locate("mine", [(File("packed.npz"),), (File("raw.mat", "https://example.org/raw.mat"),)])


def test_a_file_of_the_users_own_is_taken_as_it_is(own: Path, cache: Path) -> None:
    file = File("file.bin", "https://example.org/file.bin", SHA256)
    mine = put(own / "mine" / "file.bin", b"of my own making")
    put(cache / "mine" / "file.bin")
    assert locate("mine", [(file,)]) == {"file.bin": mine}


def test_the_cache_fills_what_the_user_lacks(own: Path, cache: Path) -> None:
    form = tuple(File(name, f"https://example.org/{name}", SHA256) for name in ("a.bin", "b.bin"))
    mine, kept = put(own / "mine" / "a.bin"), put(cache / "mine" / "b.bin")
    assert locate("mine", [form]) == {"a.bin": mine, "b.bin": kept}


def test_the_first_complete_form_is_taken(own: Path) -> None:
    forms = [(File("packed.npz"),), (File("a.bin"), File("b.bin"))]
    put(own / "mine" / "a.bin")
    put(own / "mine" / "b.bin")
    assert set(locate("mine", forms)) == {"a.bin", "b.bin"}
    put(own / "mine" / "packed.npz")
    assert set(locate("mine", forms)) == {"packed.npz"}


def test_a_changed_file_in_the_cache_is_neither_read_nor_overwritten(cache: Path, refused: Refused) -> None:
    path = put(cache / "mine" / "file.bin", b"something else")
    with refused(
        f"{path} is not the published file.bin, its sha256 differs; delete it to download it again, or move it to "
        "$LATENTIA_DATA/mine/file.bin to read it as it is."
    ):
        locate("mine", [(File("file.bin", "https://example.org/file.bin", SHA256),)])
    assert path.read_bytes() == b"something else"


def test_a_cache_that_cannot_be_written_is_told(tmp_path: Path, real_download: None, refused: Refused) -> None:
    blocked = put(tmp_path / "blocked")
    with refused(
        "'mine' needs file.bin, not found on this machine and not to be downloaded (NotADirectoryError); get it from "
        "https://example.org/file.bin and put it at $LATENTIA_DATA/mine/file.bin (LATENTIA_DATA is not set)."
    ):
        locate("mine", [(File("file.bin", "https://example.org/file.bin", SHA256),)], blocked)


def test_where_nothing_is_to_be_downloaded_what_is_missing_is_told(own: Path, cache: Path, refused: Refused) -> None:
    """Elsewhere, and afterwards, it is downloaded as ever; what is here is read."""
    file = File("file.bin", "https://example.org/file.bin", SHA256)
    with no_downloads():
        with refused(
            "'mine' needs file.bin, not found on this machine and nothing is downloaded here, as "
            "latentia.load_data('mine') does; get it from https://example.org/file.bin and put it at "
            f"$LATENTIA_DATA/mine/file.bin (LATENTIA_DATA is {own})."
        ):
            locate("mine", [(file,)])
        other = list[str]()

        def elsewhere() -> None:
            try:
                locate("mine", [(file,)])
            except DataError as error:
                other.append(str(error))

        thread = threading.Thread(target=elsewhere)
        thread.start()
        thread.join()
        assert not any("nothing is downloaded here" in said for said in other)
        mine = put(own / "mine" / "file.bin")
        assert locate("mine", [(file,)]) == {"file.bin": mine}
