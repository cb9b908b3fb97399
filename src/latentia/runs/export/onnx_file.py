"""A graph as ONNX, held against torch before it is believed: https://onnx.ai. Quiet, offline, no operators of one's own."""

import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from copy import deepcopy
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.distributions import Distribution

from latentia.core.errors import LatentiaError, RunError
from latentia.runs.export.graphs import Graph

# The exporter's own; browsers read up to 20 and more.
OPSET = 18
PACKAGES = ("onnx", "onnxscript", "onnxruntime")
# Absolute below 1, relative above: float32 has seven digits. A sum of large terms keeps fewer, in torch as in any other
# runtime; then so many times what torch itself is off in float32, up to a limit.
TOLERANCE, TIMES_ROUNDING, MOST_ROUNDING = 1e-5, 3.0, 1e-3
BATCHES = (1, 3, 128)
# While torch names what lies between, ports have names that it does not give.
OUTSIDE = ".outside"
# A file of protocol buffers ends at 2 GB.
MOST_BYTES = 1_900_000_000


def check_packages() -> None:
    """Refuse before any work where a package is missing.

    Raises:
        LatentiaError: with the cure.
    """
    for name in PACKAGES:
        try:
            __import__(name)
        except ImportError:
            raise LatentiaError(
                f"ONNX files need {name}, which is not installed; pip install 'latentia[onnx]', or use --format safetensors."
            ) from None


def write_onnx(graph: Graph, path: Path, probes: Sequence[Tensor]) -> dict[str, float]:
    """Write the graph and compare it with torch.

    Args:
        graph: in evaluation mode, on the CPU.
        path: the file, in which all weights are.
        probes: rows for each input, at least as many as the largest batch to be tried.

    Returns:
        for each output, the largest error: absolute below 1, relative above.

    Raises:
        RunError: torch cannot write it, or what it wrote answers otherwise; no file is left then.
    """
    import onnx

    size = sum(t.numel() * t.element_size() for t in graph.state_dict().values())
    if size > MOST_BYTES:
        raise RunError(f"its weights take {size / 1e9:.1f} GB, and an ONNX file holds less than 2")
    proto = _traced(graph, [probe[:3] for probe in probes])
    _strip(proto)
    _name_ports(proto, [port.name for port in (*graph.inputs, *graph.outputs)])
    _check_plain(proto)
    onnx.checker.check_model(proto)
    onnx.save_model(proto, str(path))
    try:
        return compare(graph, path, probes)
    except RunError:
        path.unlink()
        raise


def compare(graph: Graph, path: Path, probes: Sequence[Tensor]) -> dict[str, float]:
    """Errors of a file as ``write_onnx`` gives them, on batches of 1, 3 and 128 rows.

    Raises:
        RunError: one is above 1e-5 and above what float32 rounds off in torch, or an answer is not finite.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    worst, rounding = ({port.name: 0.0 for port in graph.outputs} for _ in range(2))
    exact = deepcopy(graph).double()
    for size in BATCHES:
        given = [probe[:size] for probe in probes]
        fed = {port.name: probe.numpy() for port, probe in zip(graph.inputs, given, strict=True)}
        got = session.run(list(worst), fed)
        with torch.no_grad():
            # The model's own answer where it has one, and the graph's in torch for the rest.
            known, plain = graph.truth(*given), graph(*given)
            want = [*known, *plain[len(known) :]]
            doubles = exact(*(probe.double() for probe in given))
        for name, *values in zip(worst, got, want, plain, doubles, strict=True):
            there, told, here, double = (np.asarray(value) for value in values)
            worst[name] = max(worst[name], _error(there, told))
            rounding[name] = max(rounding[name], _error(here, double))
    for name, error in worst.items():
        allowed = allowed_error(rounding[name])
        if not error <= allowed:
            raise RunError(f"its {name!r} is {error:.2g} away from torch's, wanted at most {allowed:.2g}")
    return worst


def allowed_error(rounding: float) -> float:
    """How far a runtime may be off where torch's float32 is ``rounding`` away from its float64.

    >>> [f"{allowed_error(r):g}" for r in (0.0, 1e-5, 1.0)]
    ['1e-05', '3e-05', '0.001']
    """
    return max(TOLERANCE, min(TIMES_ROUNDING * rounding, MOST_ROUNDING))


def _error(got: np.ndarray, want: np.ndarray) -> float:
    if got.shape != want.shape or not (np.isfinite(got).all() and np.isfinite(want).all()):
        return float("inf")
    return float((np.abs(got - want) / np.maximum(1.0, np.abs(want))).max())


def _traced(graph: Graph, examples: list[Tensor]) -> Any:
    batch = torch.export.Dim("batch", min=1)
    with _quiet(), torch.no_grad():
        try:
            program = torch.onnx.export(
                graph,
                tuple(examples),
                None,
                input_names=[port.name + OUTSIDE for port in graph.inputs],
                output_names=[port.name + OUTSIDE for port in graph.outputs],
                opset_version=OPSET,
                dynamo=True,
                # One tuple, as `forward` takes its inputs.
                dynamic_shapes=(tuple({0: batch} for _ in graph.inputs),),
                external_data=False,
                verbose=False,
            )
        except Exception as error:  # whatever an exporter stumbles over, it is told as its own
            cause: BaseException = error
            while cause.__cause__ is not None:
                cause = cause.__cause__
            text = (str(cause).strip().splitlines() or [""])[0]
            raise RunError(f"torch cannot write it as ONNX ({type(cause).__name__}: {text[:120]})") from None
    assert program is not None
    return program.model_proto


@contextmanager
def _quiet() -> Iterator[None]:
    """Without what the exporter logs, prints and warns of; and without checks of arguments, which no graph can follow."""
    disabled, checks = logging.root.manager.disable, Distribution._validate_args
    logging.disable(logging.WARNING)
    Distribution.set_default_validate_args(False)
    try:
        with warnings.catch_warnings(), redirect_stdout(StringIO()), redirect_stderr(StringIO()):
            for category in (DeprecationWarning, FutureWarning):
                warnings.simplefilter("ignore", category)
            # Two inputs share their batch axis, as they are meant to.
            warnings.filterwarnings("ignore", "# The axis name: batch will not be used", UserWarning)
            yield
    finally:
        logging.disable(disabled)
        Distribution.set_default_validate_args(checks)


def _strip(proto: Any) -> None:
    """Take out what tells of the machine that wrote it: stack traces, by file and line, at every node."""
    proto.doc_string = ""
    del proto.metadata_props[:]
    del proto.graph.metadata_props[:]
    proto.graph.doc_string = ""
    for item in (*proto.graph.node, *proto.graph.value_info, *proto.graph.input, *proto.graph.output):
        item.doc_string = ""
        del item.metadata_props[:]
    for item in proto.graph.initializer:
        item.doc_string = ""
        del item.metadata_props[:]


def _name_ports(proto: Any, ports: Sequence[str]) -> None:
    """Give inputs and outputs their names, and what lies between others where it took them."""
    names = {port: f"{port}.inside" for port in ports} | {port + OUTSIDE: port for port in ports}
    for node in proto.graph.node:
        for values in (node.input, node.output):
            values[:] = [names.get(value, value) for value in values]
    for item in (*proto.graph.value_info, *proto.graph.input, *proto.graph.output, *proto.graph.initializer):
        item.name = names.get(item.name, item.name)


def _check_plain(proto: Any) -> None:
    """Only operators of ONNX itself, and no float but float32: what a browser's runtime takes.

    Raises:
        RunError: with the first thing that is not.
    """
    import onnx

    foreign = [node.domain for node in proto.graph.node if node.domain not in ("", "ai.onnx")]
    if foreign or proto.functions:
        raise RunError(f"it needs operators of {foreign[0] if foreign else 'its own'}, which a browser has not")
    doubles = (onnx.TensorProto.DOUBLE, onnx.TensorProto.FLOAT16, onnx.TensorProto.BFLOAT16)
    values = (*proto.graph.value_info, *proto.graph.input, *proto.graph.output)
    found = [v.name for v in values if v.type.tensor_type.elem_type in doubles]
    found += [t.name for t in proto.graph.initializer if t.data_type in doubles]
    if found:
        raise RunError(f"{found[0]!r} in it is not float32")
