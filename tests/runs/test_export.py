"""What is exported answers as the run does: in another runtime, and from the JSON and the tensors alone."""

import json
import logging
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from helpers.walk import raw_by_steps, scale
from latentia.cli import main
from latentia.core.errors import LatentiaError, RunError
from latentia.data import Dataset, from_arrays
from latentia.recipe import build, describe_model, describe_posterior, parse_recipe
from latentia.runs import Run
from latentia.runs.export import DECODER, ENCODER, MANIFEST, TENSORS, folder, onnx_file
from latentia.runs.export.graphs import Decoder, encoder_of
from latentia.training import History

N = 140
SMALL = {"name": "mlp", "hidden": [24]}


def images(masked: bool = False, flat: bool = False) -> Dataset:
    """Grey images of 7 x 6 pixels, some of which were not seen."""
    rng = np.random.default_rng(1)
    x = rng.integers(0, 256, (N, 7, 6), dtype=np.uint8)
    mask = rng.random((N, 7, 6)) < 0.7 if masked else None
    return from_arrays(x.reshape(N, -1) if flat else x, mask=mask, labels=np.arange(N) % 3, splits=(0.4, 0.1, 0.5))


def a_run(data: Dataset, latents: int = 3, **parts: Any) -> Run:
    """A run whose every weight is away from where it starts, as after a long fit."""
    recipe = parse_recipe({"name": "away", "latents": latents, "x_shape": tuple(data.x_shape), **parts}, "a test")
    model, posterior = build(recipe, tuple(data.x_shape), data.levels)
    model.start_at(data.split("train").values())
    posterior.start_at(data.split("train").values())
    with torch.no_grad():
        for part in (model, posterior):
            for p in part.parameters():
                p.add_(0.2 * torch.randn_like(p))
            for name, buffer in part.named_buffers():
                if name.endswith("running_var"):
                    buffer.mul_(torch.rand_like(buffer) + 0.5)
                elif name.endswith("running_mean"):
                    buffer.add_(0.3 * torch.randn_like(buffer))
    model.eval()
    posterior.eval()
    whole = {"model": describe_model(model), "posterior": describe_posterior(posterior)}
    return Run(model, posterior, recipe.model_copy(update=whole), History(), {}, data)


CASES: dict[str, tuple[Dataset, dict[str, Any]]] = {
    "mlp": (
        images(),
        {"model": {"name": "decoded", "network": SMALL}, "posterior": {"name": "amortized", "network": SMALL}},
    ),
    "conv": (
        images(),
        {
            "model": {"name": "decoded", "network": {"name": "conv", "norm": "group"}, "family": {"name": "normal"}},
            "posterior": {"name": "amortized", "network": {"name": "conv", "norm": "group"}},
        },
    ),
    "masked": (
        images(masked=True),
        {
            "model": {"name": "decoded", "network": SMALL, "family": {"name": "continuous-bernoulli"}},
            "posterior": {"name": "amortized", "network": SMALL, "see_mask": True},
        },
    ),
}


def ask(path: Path, **given: Tensor | None) -> dict[str, Tensor]:
    """A file's answers by name."""
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    names = [port.name for port in session.get_outputs()]
    fed = {name: value.numpy() for name, value in given.items() if value is not None}
    return dict(zip(names, map(torch.from_numpy, session.run(names, fed)), strict=True))


def off(got: Tensor, want: Tensor) -> float:
    assert got.shape == want.shape
    return float((got - want).abs().max())


@pytest.mark.parametrize("case", CASES)
def test_another_runtime_answers_as_the_run_does(
    case: str, tmp_path: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    data, parts = CASES[case]
    run = a_run(data, **parts)
    state, weights = torch.get_rng_state(), {k: v.clone() for k, v in run.posterior.state_dict().items()}
    done = run.export(tmp_path / "out")
    assert capfd.readouterr() == ("", ""), "torch's exporter was not kept quiet"
    assert not [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert torch.equal(state, torch.get_rng_state())
    assert all(torch.equal(weights[k], v) for k, v in run.posterior.state_dict().items())
    assert not done.left_out
    # No file of weights beside the graphs, and nothing hidden.
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {MANIFEST, ENCODER, DECODER, TENSORS} == {path.name for path in done.files}
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    for half, network in ((ENCODER, run.posterior), (DECODER, run.model)):
        size, numbers = (tmp_path / "out" / half).stat().st_size, sum(p.numel() for p in network.parameters())
        assert 4 * numbers < size < 4 * numbers + 20_000
    for size in (1, 3, 128):
        rows = data.test.batch(torch.randint(len(data.test), (size,)))
        mean, sd = run.encode_with_sd(rows.x, rows.mask)
        # What was not observed is not read, whatever stands there.
        x = rows.x if rows.mask is None else rows.x.masked_fill(~rows.mask, torch.nan)
        got = ask(tmp_path / "out" / ENCODER, x=x, mask=None if rows.mask is None else rows.mask.float())
        assert off(got["mean"], mean) <= 1e-5
        assert off(got["sd"], sd) <= 1e-5
        z = 2 * torch.randn(size, 3)
        back = ask(tmp_path / "out" / DECODER, z=z)
        assert off(back["mean"], run.decode(z)) <= 1e-5
        assert back["raw"].shape[0] == size
    check_plain(tmp_path / "out")


def check_plain(where: Path) -> None:
    """What a browser needs: ONNX's own operators, an old enough version, float32, names as the JSON has them."""
    about = json.loads((where / MANIFEST).read_text())
    for half, name in (("encoder", ENCODER), ("decoder", DECODER)):
        proto = onnx.load(str(where / name), load_external_data=False)
        assert [(o.domain, o.version) for o in proto.opset_import] == [("", about["onnx"]["opset"])]
        assert about["onnx"]["opset"] <= 20
        assert proto.ir_version <= 10
        assert all(node.domain == "" for node in proto.graph.node)
        assert all(not tensor.external_data for tensor in proto.graph.initializer)
        floats = {onnx.TensorProto.DOUBLE, onnx.TensorProto.FLOAT16, onnx.TensorProto.BFLOAT16}
        assert not floats & {tensor.data_type for tensor in proto.graph.initializer}
        for ports, told in ((proto.graph.input, "inputs"), (proto.graph.output, "outputs")):
            shapes = {p.name: [d.dim_param or d.dim_value for d in p.type.tensor_type.shape.dim] for p in ports}
            assert shapes == {p["name"]: p["shape"] for p in about[half][told]}
            assert {p.type.tensor_type.elem_type for p in ports} == {onnx.TensorProto.FLOAT}
        text = (where / name).read_bytes()
        assert b".py" not in text, "paths of the machine that wrote it"


NETWORKS: dict[str, tuple[Dataset, dict[str, Any], dict[str, Any]]] = {
    "plain": (images(), SMALL, {}),
    "deep": (images(), {"name": "mlp", "hidden": [9, 9, 5], "norm": "layer", "residual": True, "activation": "gelu"}, {}),
    "batch norm, mask": (
        images(masked=True),
        {"name": "mlp", "hidden": [9], "norm": "batch", "activation": "leaky-relu"},
        {"see_mask": True},
    ),
    "linear, holes": (images(masked=True), {"name": "mlp", "hidden": []}, {}),
    "conv": (images(), {"name": "conv", "channels": [4, 8], "hidden": 11, "norm": "group"}, {}),
    "plain conv": (images(), {"name": "conv", "channels": [3], "hidden": 5, "activation": "tanh"}, {}),
    "topics": (images(flat=True), {"name": "topics"}, {}),
}


@pytest.mark.parametrize("case", NETWORKS)
def test_the_json_and_the_tensors_are_enough(case: str, tmp_path: Path) -> None:
    data, network, options = NETWORKS[case]
    decoder = network if network["name"] != "topics" else {"name": "topics"}
    model = {"name": "decoded", "network": decoder, "family": {"name": "bernoulli"}}
    run = a_run(data, model=model, posterior={"name": "amortized", "network": network, **options})
    done = run.export(tmp_path / "out", "safetensors")
    assert {path.name for path in done.files} == {MANIFEST, TENSORS}
    about = json.loads((tmp_path / "out" / MANIFEST).read_text())
    rows = data.test.batch(torch.arange(5))
    mean, sd = run.encode_with_sd(rows.x, rows.mask)
    raw = raw_by_steps(tmp_path / "out", "encoder", rows.x, None if rows.mask is None else rows.mask.float())
    assert about["encoder"]["reads"] == {"mean": "raw[0]", "sd": "scale(raw[1])"}
    assert off(raw[:, 0], mean) <= 1e-5
    assert off(scale(raw[:, 1]), sd) <= 1e-5
    z = torch.randn(5, 3)
    assert about["decoder"]["reads"] == {"mean": "1 / (1 + exp(-raw[0]))"}
    assert off(1 / (1 + torch.exp(-raw_by_steps(tmp_path / "out", "decoder", z)[:, 0])), run.decode(z)) <= 1e-5
    tensors = load_file(tmp_path / "out" / TENSORS)
    told = {name: tuple(of["shape"]) for name, of in about["tensors"]["of"].items()}
    assert told == {name: tuple(t.shape) for name, t in tensors.items()}
    for half in ("encoder", "decoder"):
        used = [v for step in about[half]["steps"] for v in step.values() if isinstance(v, str) and "." in v]
        assert used
        assert set(used) <= set(tensors)


def test_the_json_says_what_a_row_is(tmp_path: Path) -> None:
    run = a_run(images(masked=True), model={"name": "decoded", "network": SMALL})
    run.export(tmp_path / "out", "safetensors")
    about = json.loads((tmp_path / "out" / MANIFEST).read_text())
    assert about["x"]["shape"] == [1, 7, 6]
    assert about["x"]["axes"] == ["channels", "height", "width"]
    assert about["x"]["values"] == "grey levels in [0, 1]: a stored level k is given as k / 255"
    assert about["z"]["normal"] == {"mean": [0.0] * 3, "sd": [1.0] * 3}
    assert about["recipe"] == run.known_recipe().model_dump(mode="json") | {"x_shape": [1, 7, 6]}
    before = about["encoder"]["before"]
    assert before["center"] == float(run.posterior.get_buffer("center"))
    assert "give that where there is none" in before["what"]
    # With the center in its place, a value that is missing needs no mask.
    rows = run.dataset().test.batch(torch.arange(4))
    assert rows.mask is not None
    filled = rows.x.masked_fill(~rows.mask, before["center"])
    assert off(run.encode(filled), run.encode(rows.x, rows.mask)) <= 1e-6


@pytest.mark.parametrize("name", ["ppca", "factor-analysis"])
def test_an_exact_linear_posterior_is_a_matrix(name: str, tmp_path: Path) -> None:
    run = a_run(images(flat=True), model={"name": name}, posterior={"name": "exact"})
    graph = encoder_of(run.model, run.posterior)
    rows = run.dataset().test.values()[:128]
    mean, sd = run.encode_with_sd(rows)
    with torch.no_grad():
        got = graph(rows)
    assert off(got[0], mean) <= 1e-4, "float32 systems of equations lose a digit"
    assert off(got[1], sd) <= 1e-5
    run.export(tmp_path / "out", "safetensors")
    t = load_file(tmp_path / "out" / TENSORS)
    assert off((rows - t["encoder.center"]) @ t["encoder.weight"] + t["encoder.bias"], got[0]) <= 1e-6
    if name == "ppca":
        errors = onnx_file.write_onnx(graph.eval(), tmp_path / "encoder.onnx", [rows.repeat(2, 1)[:128]])
        assert max(errors.values()) <= 1e-6
        assert off(ask(tmp_path / "encoder.onnx", x=rows)["mean"], got[0]) <= 1e-5


LEFT_OUT: dict[str, tuple[dict[str, Any], str]] = {
    "flow": ({"posterior": {"name": "amortized", "family": {"name": "flow"}}}, "Flow states no mean"),
    "search": ({"posterior": {"name": "semi-amortized"}}, "SemiAmortized searches at every row"),
    "layers": (
        {"model": {"name": "sigmoid-belief", "layers": [4, 2]}, "posterior": {"name": "layered"}},
        "layers of bits are drawn one from another",
    ),
}


@pytest.mark.parametrize("case", LEFT_OUT)
def test_what_no_graph_can_hold_is_left_out_with_the_reason(case: str, tmp_path: Path) -> None:
    parts, why = LEFT_OUT[case]
    run = a_run(images(), **parts)
    done = run.export(tmp_path / "out", "safetensors")
    assert set(done.left_out) == {"encoder"}
    assert done.left_out["encoder"].startswith(why)
    about = json.loads((tmp_path / "out" / MANIFEST).read_text())
    assert "encoder" not in about
    assert about["decoder"]["reads"]
    assert about["left_out"] == dict(done.left_out)


def test_a_runtime_may_round_and_no_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Off:
        """A runtime that is off by so much."""

        def __init__(self, error: float) -> None:
            self.error = error

        def run(self, names: list[str], fed: dict[str, np.ndarray]) -> list[np.ndarray]:
            with torch.no_grad():
                return [t.numpy() + self.error for t in graph(torch.from_numpy(fed["x"]))]

    run = a_run(images(), posterior={"name": "amortized", "network": {"name": "mlp", "hidden": []}})
    graph = encoder_of(run.model, run.posterior).eval()
    x = run.dataset().test.values().repeat(2, 1, 1, 1)[:128]
    errors = iter((9e-6, 2e-5))
    monkeypatch.setattr(onnxruntime, "InferenceSession", lambda *_, **__: Off(next(errors)))
    assert max(onnx_file.compare(graph, tmp_path, [x]).values()) == pytest.approx(9e-6, rel=0.05)
    with pytest.raises(RunError, match=r"its 'mean' is 2e-05 away from torch's, wanted at most 1e-05"):
        onnx_file.compare(graph, tmp_path, [x])


def test_one_layer_of_bits_has_both_halves() -> None:
    run = a_run(images(), model={"name": "sigmoid-belief", "layers": [4]}, posterior={"name": "layered"})
    rows = run.dataset().test.batch(torch.arange(5))
    with torch.no_grad():
        assert off(encoder_of(run.model, run.posterior)(rows.x)[0], run.encode(rows.x)) <= 1e-6
        assert off(Decoder(run.model)(torch.ones(2, 4))[0], run.decode(torch.ones(2, 4))) <= 1e-6


@pytest.fixture
def small() -> Run:
    return a_run(images(), model={"name": "decoded", "network": SMALL}, posterior={"name": "amortized", "network": SMALL})


def test_a_graph_that_answers_otherwise_is_not_left(small: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    graph = encoder_of(small.model, small.posterior).eval()
    x = small.dataset().test.values().repeat(2, 1, 1, 1)[:128]
    path = tmp_path / "encoder.onnx"
    assert max(onnx_file.write_onnx(graph, path, [x]).values()) <= 1e-5
    with torch.no_grad():
        small.posterior.get_buffer("center").add_(1e-3)
    with pytest.raises(RunError, match=r"its 'mean' is .* away from torch's, wanted at most 1e-05"):
        onnx_file.compare(graph, path, [x])
    with pytest.raises(RunError, match=r"is inf away"):
        onnx_file.compare(graph, path, [x * torch.nan])
    path.unlink()
    monkeypatch.setattr(onnx_file, "TOLERANCE", -1.0)
    monkeypatch.setattr(onnx_file, "TIMES_ROUNDING", -1.0)
    with pytest.raises(RunError, match=r"away from torch's"):
        onnx_file.write_onnx(graph, path, [x])
    assert not list(tmp_path.iterdir())


def test_where_no_graph_is_right_there_is_no_export(small: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(*_: object) -> None:
        raise RunError("it is wrong")

    monkeypatch.setattr(folder, "write_onnx", wrong)
    with pytest.raises(RunError, match=r"no ONNX can be written of this run: it is wrong; it is wrong\."):
        small.export(tmp_path / "out", "onnx")
    assert not list(tmp_path.iterdir()), "nothing half-written is left"
    assert small.export(tmp_path / "out").left_out == {"encoder": "it is wrong", "decoder": "it is wrong"}


def test_wrong_wishes_are_refused_in_one_line(small: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "thesis.txt").write_text("years")
    with pytest.raises(RunError, match=r"is not empty; choose another --out"):
        small.export(tmp_path, "safetensors")
    with pytest.raises(RunError, match=r"is a file; choose another"):
        small.export(tmp_path / "thesis.txt", "safetensors")
    with pytest.raises(RunError, match=r"cannot be written \(Not a directory\)"):
        small.export(tmp_path / "thesis.txt" / "out", "safetensors")
    with pytest.raises(LatentiaError, match=r"there is no format 'onxx'; did you mean 'onnx'\?"):
        small.export(tmp_path / "out", "onxx")  # pyright: ignore[reportArgumentType]
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    with pytest.raises(
        LatentiaError, match=r"ONNX files need onnxscript, .* pip install 'latentia\[onnx\]', or use --format"
    ):
        small.export(tmp_path / "out")
    assert not (tmp_path / "out").exists()
    (tmp_path / "empty").mkdir()
    assert small.export(tmp_path / "empty", "safetensors").files[0].is_file()


def test_the_command_says_what_it_wrote_and_what_it_left_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = a_run(images(), posterior={"name": "amortized", "network": SMALL, "family": {"name": "flow"}})
    run.save(tmp_path / "run")
    with pytest.raises(SystemExit) as done:
        main(["export", str(tmp_path / "run"), "--format", "safetensors"])
    said = capsys.readouterr().out.splitlines()
    assert done.value.code == 0
    assert said[0].startswith(f"wrote {tmp_path / 'run' / 'export' / MANIFEST} (")
    assert said[-1].startswith("no ONNX of the encoder: Flow states no mean")
    with pytest.raises(SystemExit) as done:
        main(["export", str(tmp_path / "run")])
    assert done.value.code == 1
    assert "export is not empty; choose another --out" in capsys.readouterr().err
