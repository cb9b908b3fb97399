"""The page as static files: what it holds, that it decodes as torch does, and that it tells nothing of the machine."""

import getpass
import re
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch

from helpers.expected import TOLERANCE, expected, write_expected
from helpers.explored import a_run, about, pictures, saved
from helpers.small_table import fitted
from latentia.cli import main
from latentia.core.errors import RunError
from latentia.families import DiagonalNormal
from latentia.posteriors import PerDatum
from latentia.runs import Run
from latentia.web.scene import export_page, exporting

# Names of XML dialects, which nobody asks for.
ADDRESS = re.compile(rb"https?://(?!www\.w3\.org/)[\w.-]+")
# What the runtime would print for its developers to read.
SAID = {"ort.js": {b"https://web.dev"}}


@pytest.fixture(scope="module", autouse=True)
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A page of two files, where none is built."""
    with pytest.MonkeyPatch.context() as patch:
        if not (exporting.PAGE / "index.html").is_file():
            built = tmp_path_factory.mktemp("page")
            (built / "ort").mkdir()
            (built / "index.html").write_text("<!doctype html><title>page</title>")
            (built / "ort" / "runtime.wasm.gz").write_bytes(b"\x1f\x8b")
            patch.setattr(exporting, "PAGE", built)
        yield


@pytest.fixture(scope="module")
def run() -> Run:
    return a_run(pictures())


@pytest.fixture(scope="module")
def out(run: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("exported") / "out"
    state = torch.get_rng_state()
    page = export_page(run, folder)
    files = page.files
    assert torch.equal(state, torch.get_rng_state())
    assert page.tells == "120 rows' encodings, places in their split, labels, scores and small pictures"
    assert page.why_no_rows == ""
    assert files[0] == folder / "index.html"
    assert set(files) == {path for path in folder.rglob("*") if path.is_file()}
    assert [path.name for path in folder.parent.iterdir()] == ["out"]
    return folder


def ask(path: Path, given: dict[str, Any], outputs: list[str]) -> list[np.ndarray]:
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return [np.asarray(value) for value in session.run(outputs, given)]


def test_everything_is_there_and_answers_as_torch_does(run: Run, out: Path, tmp_path: Path) -> None:
    scene = out / "scene"
    said, known = about(scene), expected(run)
    assert (said["backend"], said["encodes"]) == ("onnx", True)
    onnx = said["onnx"]
    z = np.array(known["z"], np.float32).reshape(-1, *said["z_shape"])
    (x,) = ask(scene / onnx["decoder"], {onnx["decoder_input"]: z}, [onnx["decoder_output"]])
    assert np.abs(x.reshape(len(z), -1) - np.array(known["x"])).max() < TOLERANCE
    rows = np.array(known["rows"], np.float32).reshape(-1, *said["x_shape"])
    mean, sd = ask(scene / onnx["encoder"], {onnx["encoder_inputs"][0]: rows}, [onnx["encoder_mean"], onnx["encoder_sd"]])
    assert np.abs(mean - np.array(known["mean"])).max() < TOLERANCE
    assert np.abs(sd - np.array(known["sd"])).max() < TOLERANCE
    assert write_expected(run, tmp_path / "expected.json").stat().st_size > 1000


def test_a_tables_encoder_is_asked_with_a_mask(tmp_path: Path) -> None:
    run = fitted(epochs=1)
    page = export_page(run, tmp_path / "out")
    assert page.tells == "240 rows' encodings, places in their split, scores and all cells"
    said = about(tmp_path / "out" / "scene")
    assert said["kind"] == "table"
    assert said["onnx"]["encoder_inputs"] == ["x", "mask"]


def test_nothing_names_another_host_or_this_machine(out: Path) -> None:
    told = [
        str(out.parent),
        str(exporting.PAGE),
        f"{Path.home()}/",
        str(Path.cwd()),
        socket.gethostname(),
        f"/{getpass.getuser()}/",
    ]
    for path in (p for p in out.rglob("*") if p.is_file()):
        data = path.read_bytes()
        found = [name for name in told if len(name) > 4 and name.encode() in data]
        assert not found, f"{path.name} holds {found}"
        addresses = set(ADDRESS.findall(data)) - SAID.get(path.name, set())
        assert not addresses, f"{path.name} holds {sorted(addresses)[:3]}"


def test_the_same_run_gives_the_same_bytes(run: Run, out: Path, tmp_path: Path) -> None:
    torch.manual_seed(5)
    for path in export_page(run, tmp_path / "again").files:
        assert path.read_bytes() == (out / path.relative_to(tmp_path / "again")).read_bytes(), path.name


def test_without_an_encoder_that_a_graph_holds_the_page_says_so_and_decodes(tmp_path: Path) -> None:
    run = a_run(pictures(40), latents=2)
    run.posterior = PerDatum(DiagonalNormal(), 2, steps=5)
    export_page(run, tmp_path / "out")
    said = about(tmp_path / "out" / "scene")
    assert (said["encodes"], said["onnx"]["encoder"]) == (False, None)
    assert "searches at every row" in said["onnx"]["no_encoder"]
    assert said["rows"] == 40
    assert not (tmp_path / "out" / "scene" / "encoder.onnx").exists()


def test_a_decoder_that_is_no_graph_is_one_line_and_leaves_nothing(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(run.model), "shows_latents", True)
    with pytest.raises(RunError, match=r"no page without a server .* copy of z.*use latentia explore alone\.$"):
        export_page(run, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_what_is_there_is_not_overwritten(run: Run, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine").write_text("")
    with pytest.raises(RunError, match="not empty"):
        export_page(run, tmp_path / "out")
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="is a file"):
        export_page(run, tmp_path / "file")


def test_folders_may_be_named_by_dots(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = tmp_path / "above" / "here"
    here.mkdir(parents=True)
    monkeypatch.chdir(here)
    with pytest.raises(RunError, match=r"above is not empty; choose another --export"):
        export_page(run, "..")
    with pytest.raises(RunError, match=r"/ is not empty; choose another --export"):
        export_page(run, "/")
    assert export_page(run, ".").files[0] == here / "index.html"
    assert [path.name for path in here.parent.iterdir()] == ["here"]


@pytest.mark.parametrize("where", [".", "../here/new/.."])
def test_the_folder_one_stands_in_will_do(where: str, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = tmp_path / "here"
    (here / "new" if where.endswith("new/..") else here).mkdir(parents=True)
    monkeypatch.chdir(here)
    if where.endswith(".."):
        with pytest.raises(RunError, match="not empty"):
            export_page(run, where)
        return
    export_page(run, where)
    assert {"index.html", "app.js", "scene"} <= {path.name for path in Path.cwd().iterdir()}
    assert not list(here.glob(".*"))
    assert [path.name for path in tmp_path.iterdir()] == ["here"]


def command(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as status:
        main(["explore", *words])
    out, err = capsys.readouterr()
    return int(status.value.code or 0), out, err


def test_the_command_writes_it_and_says_how(run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder, to = str(saved(run, tmp_path / "run")), tmp_path / "out"
    code, out, err = command(capsys, folder, "--export", str(to))
    assert code == 0
    assert "index.html" in out
    assert "python -m http.server" in out
    # Its rows were an array, which no run keeps.
    assert "can read nothing of any single row\n" in out
    assert err.startswith("the map is empty: ")
    assert about(to / "scene")["rows"] == 0
    code, _, err = command(capsys, folder, "--export", str(to))
    assert (code, err.count("\n")) == (1, 1)


def test_what_the_files_tell_of_rows_is_said_and_can_be_left_out(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = str(saved(run, tmp_path / "run"))
    monkeypatch.setattr("latentia.runs.load", lambda _: run)
    code, out, err = command(capsys, folder, "--export", str(tmp_path / "with"))
    assert (code, err) == (0, "")
    assert "can read 120 rows' encodings, places in their split, labels, scores and small pictures; --no-rows" in out
    code, out, err = command(capsys, folder, "--export", str(tmp_path / "without"), "--no-rows")
    assert (code, err) == (0, "")
    assert "can read nothing of any single row\n" in out
    assert about(tmp_path / "without" / "scene")["rows"] == 0
    code, _, err = command(capsys, folder, "--no-rows")
    assert (code, err.count("\n")) == (1, 1)
    assert "--export" in err
