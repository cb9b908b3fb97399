"""The JSON beside the tensors: what each is, what goes in, what comes out, and how to use it without this library."""

import inspect
import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributions import Distribution, Independent, Normal

from latentia.core.errors import LatentiaError, RecipeError
from latentia.data import Dataset
from latentia.distributions import discrete_columns
from latentia.families import (
    Bernoulli,
    Categorical,
    ContinuousBernoulli,
    DiagonalNormal,
    DiscretizedLogistic,
    Family,
    Multinomial,
    OneHot,
)
from latentia.families.base import SMALLEST_SCALE, SOFTPLUS_ONE
from latentia.families.discretized_logistic import WIDTH_AT_ZERO
from latentia.families.location_scale import LocationScale
from latentia.models import GenerativeModel
from latentia.posteriors import Amortized, Clamped
from latentia.posteriors.clamped import CERTAIN
from latentia.recipe import Recipe
from latentia.runs.export.graphs import Decoder, Graph, LinearEncoder, NetworkEncoder
from latentia.runs.export.layers import STEPS, steps_of

FORMAT = 1
# What a tensor of a torch module is; of others, their class says.
ROLES = {
    (nn.Linear, "weight"): "(out, in): y = weight x + bias",
    (nn.Conv2d, "weight"): "(out, in, height, width)",
    (nn.ConvTranspose2d, "weight"): "(in, out, height, width)",
}
SCALE = f"scale(r) = softplus(r + {SOFTPLUS_ONE!r}) + {SMALLEST_SCALE!r}, softplus(r) = log(1 + exp(r))"
# What usual families make of raw[0], raw[1], ..., each of the shape of the event; of others the graph tells.
READS = {
    Bernoulli: {"mean": "1 / (1 + exp(-raw[0]))"},
    DiagonalNormal: {"mean": "raw[0]", "sd": "scale(raw[1])"},
    DiscretizedLogistic: {"location": "raw[0]", "width": f"{WIDTH_AT_ZERO!r} * scale(raw[1])"},
    Categorical: {"logits": "raw, its first axis the classes"},
    ContinuousBernoulli: {"logit": "raw[0]"},
    OneHot: {"mean": "softmax(raw[0]) along its last axis"},
    Multinomial: {"shares": "softmax(raw[0])"},
}


def about_tensors(tensors: Mapping[str, Tensor], whole: nn.Module) -> dict[str, Any]:
    """Shape, type and meaning of each tensor."""
    modules = dict(whole.named_modules())
    out: dict[str, Any] = {}
    for name, tensor in tensors.items():
        path, _, last = name.rpartition(".")
        owner = modules.get(path)
        cls = type(owner)
        role = ROLES.get((cls, last), last.replace("_", " "))
        what = role if owner is None else f"{cls.__name__}, {role}"
        out[name] = {"shape": list(tensor.shape), "dtype": str(tensor.dtype).removeprefix("torch."), "what": what}
    return out


def about_x(model: GenerativeModel, data: Dataset | None, recipe: Recipe | RecipeError) -> dict[str, Any]:
    """What a row is: its shape, its units, the names of its values."""
    shape = list(model.x_shape)
    axes = ["channels", "height", "width"] if len(shape) == 3 and shape[0] in (1, 3, 4) else None
    out: dict[str, Any] = {
        "shape": shape,
        "axes": axes,
        "dtype": "float32",
        "values": "numbers as they were given to the fit",
    }
    schema = getattr(recipe.data, "columns", None) if isinstance(recipe, Recipe) else None
    if schema is not None:
        out |= {"values": "columns of a table, laid side by side", "schema": schema}
    if data is None:
        return out
    out |= {"levels": data.levels, "binarize": data.binarize}
    if data.levels == 2:
        out["values"] = "bits: 0 or 1"
        if data.binarize != "none":
            out["values"] += "; the fit drew each from a grey level in [0, 1], which may be given instead"
    elif data.levels is not None:
        out["values"] = f"grey levels in [0, 1]: a stored level k is given as k / {data.levels - 1}"
    names = {"value_names": data.value_names, "label_names": data.label_names}
    return out | {key: list(value) for key, value in names.items() if value is not None}


def about_z(model: GenerativeModel, recipe: Recipe | RecipeError) -> dict[str, Any]:
    """What a latent is, and the prior to draw one from where it is a product of normals or of bits."""
    out: dict[str, Any] = {
        "shape": list(model.z_shape),
        "prior": recipe.model.get("prior") if isinstance(recipe, Recipe) else None,
    }
    try:
        prior = model.prior()
    except LatentiaError:
        return out
    columns = discrete_columns(prior)
    out["kind"] = "real" if columns is None else columns.kind
    base = prior.base_dist if isinstance(prior, Independent) else prior
    if isinstance(base, Normal):
        out["normal"] = {"mean": base.loc.tolist(), "sd": base.scale.tolist()}
    elif columns is not None and _has_probs(base):
        out["chances"] = base.probs.tolist()  # pyright: ignore[reportAttributeAccessIssue]
    return out


def about_graph(graph: Graph, file: str | None, errors: Mapping[str, float] | None) -> dict[str, Any]:
    """Inputs and outputs by name, the steps in between where they can be told, and the check against torch."""
    out: dict[str, Any] = {
        "onnx": file,
        "inputs": [_port(port) for port in graph.inputs],
        "outputs": [_port(port) for port in graph.outputs],
    }
    if errors is not None:
        out["largest_error"] = dict(errors)
    if isinstance(graph, NetworkEncoder):
        out |= _reads(graph.reader.family)
        reader = graph.reader
        out["before"] = _before(reader if isinstance(reader, Amortized) else reader.encoder, graph.prefix)
        out["steps"] = steps_of(reader.network, f"{graph.prefix}network.")
        if isinstance(reader, Clamped):
            out["after"] = f"raw of an entry that was observed is {CERTAIN:g} where x is 1 and {-CERTAIN:g} where it is 0"
    elif isinstance(graph, LinearEncoder):
        out["formula"] = "mean = (x as a vector - encoder.center) encoder.weight + encoder.bias; sd = encoder.sd"
    elif isinstance(graph, Decoder) and graph.family is None:
        out["about_model"] = _about(graph.model)
    elif isinstance(graph, Decoder):
        network: Any = graph.model.network
        assert graph.family is not None
        out |= _reads(graph.family) | {"steps": steps_of(network, "model.network.")}
        if math.prod(graph.model.z_shape) != math.prod(network.in_shape):
            out["before"] = f"the network takes the first {math.prod(network.in_shape)} entries of z alone"
    return out


def how_to(encoder: Mapping[str, Any] | None, decoder: Mapping[str, Any] | None) -> dict[str, list[str]]:
    """Lines that run the ONNX files, in Python and in a browser."""
    python, script = ["import onnxruntime"], ['import * as ort from "onnxruntime-web";']
    for half, prefix in ((encoder, "z"), (decoder, "x")):
        if not half or not half["onnx"]:
            continue
        name = half["onnx"].removesuffix(".onnx")
        inputs = [port["name"] for port in half["inputs"]]
        outputs = ", ".join(f"{prefix}_{port['name']}" for port in half["outputs"])
        fed = ", ".join(f'"{key}": {key}' for key in inputs)
        python += [
            f'{name} = onnxruntime.InferenceSession("{half["onnx"]}")',
            f"{outputs} = {name}.run(None, {{{fed}}})  # float32 arrays; the first axis counts rows",
        ]
        sizes = ", ".join(str(n) for n in half["inputs"][0]["shape"][1:])
        fed = ", ".join(f'{key}: new ort.Tensor("float32", {key}, [n, {sizes}])' for key in inputs)
        script += [
            f'const {name} = await ort.InferenceSession.create("{half["onnx"]}");',
            f"const {name.removesuffix('r')}d = await {name}.run({{ {fed} }});  // {name.removesuffix('r')}d.mean.data",
        ]
    return {"python": python, "javascript": script} if len(python) > 1 else {}


def words() -> dict[str, Any]:
    """What the steps and the scales mean."""
    return {"steps": STEPS, "scale": SCALE}


def _port(port: Any) -> dict[str, Any]:
    return {"name": port.name, "shape": ["batch", *port.shape], "dtype": "float32", "what": port.about}


def _before(reader: Amortized, prefix: str) -> dict[str, Any]:
    """What is done to x on the way to the network; a graph does it itself."""
    logs = getattr(reader, "log_values", None) or []
    logs = logs if isinstance(logs, str) else list(logs)
    first = "each value in log_values becomes log(1 + max(value, 0)); then " if logs else ""
    what = f"{first}(x - center) / spread; a value that was not observed is 0 then"
    if reader.see_mask:
        what += "; behind it, along the first axis, 1 for each value that was observed and 0 for each that was not"
    else:
        what += ", which is what a value at the center is: give that where there is none"
    numbers = {"center": reader.center.tolist(), "spread": reader.spread.tolist()}
    tensors = {"center_tensor": f"{prefix}center", "spread_tensor": f"{prefix}spread"}
    return {"what": what, **numbers, **tensors, "log_values": logs, "see_mask": reader.see_mask}


def _reads(family: Family) -> dict[str, Any]:
    plain = (bool, int, float, str)
    options = {k: v for k, v in vars(family).items() if isinstance(v, plain) and not k.startswith("_") and k != "training"}
    out: dict[str, Any] = {"family": type(family).__name__, "about_raw": _about(family), "options": options}
    if isinstance(family, LocationScale):
        learned = None if family.scale != "learned" else float(family.log_scale.exp())
        scale = "scale(raw[1])" if family.scale == "per-value" else repr(learned or family.scale)
        return out | {"reads": {"location": "raw[0]", "scale": scale}}
    return out | ({"reads": READS[type(family)]} if type(family) in READS else {})


def _about(part: object) -> str:
    """The first paragraph of its class's own words."""
    return " ".join((inspect.getdoc(part) or "").split("\n\n")[0].split())


def _has_probs(base: Distribution) -> bool:
    return isinstance(getattr(base, "probs", None), torch.Tensor)
