"""An export walked through by its JSON and its tensors alone, as a program that knows nothing of the library would."""

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor
from torch.nn import functional as F

ACTIVATIONS = {
    "relu": F.relu,
    "tanh": torch.tanh,
    "gelu": F.gelu,
    "silu": F.silu,
    "elu": F.elu,
    "leaky-relu": lambda h: F.leaky_relu(h, 0.01),
    "softplus": F.softplus,
    "sigmoid": torch.sigmoid,
}
# softplus(r + 0.5413...) + 0.0001, as the manifest's "words" say.
SCALES = {"shift": 0.5413248546129181, "least": 1e-4}


def raw_by_steps(folder: Path, half: str, h: Tensor, mask: Tensor | None = None) -> Tensor:
    """The raw numbers of an encoder or a decoder, by the manifest's steps."""
    about = json.loads((folder / "export.json").read_text())
    tensors = load_file(folder / about["tensors"]["file"])
    part = about[half]
    before = part.get("before")
    if isinstance(before, dict):
        h = (h - tensors[before["center_tensor"]]) / tensors[before["spread_tensor"]]
        seen = torch.ones_like(h) if mask is None else mask
        h = torch.where(seen > 0, h, 0.0)
        h = torch.cat([h, seen], 1) if before["see_mask"] else h
    raw = next(port for port in part["outputs"] if port["name"] == "raw")
    return walked(part["steps"], tensors, h).reshape(-1, *raw["shape"][1:])


def walked(steps: list[dict[str, Any]], tensors: dict[str, Tensor], h: Tensor) -> Tensor:
    kept = h
    for step in steps:
        do = step["do"]
        weight, bias = (tensors[step[key]] if key in step else None for key in ("weight", "bias"))
        if do in ACTIVATIONS:
            h = ACTIVATIONS[do](h)
        elif do == "flatten":
            h = h.flatten(1)
        elif do == "reshape":
            h = h.reshape(-1, *step["to"])
        elif do == "keep":
            kept = h
        elif do == "add-kept":
            h = h + kept
        elif do == "add":
            h = h + tensors[step["tensor"]]
        elif do == "softmax":
            h = torch.softmax(h, -1)
        else:
            assert weight is not None
            h = WEIGHTED[do](h, weight, bias, step, tensors)
    return h


def _transposed(h: Tensor, weight: Tensor, bias: Tensor | None, step: dict[str, Any], _: Any) -> Tensor:
    size = [(n - 1) * step["stride"] - 2 * step["padding"] + weight.shape[-1] for n in h.shape[-2:]]
    extra = [want - got for want, got in zip(step["to"], size, strict=True)]
    return F.conv_transpose2d(h, weight, bias, step["stride"], step["padding"], extra)


def _batch_norm(h: Tensor, weight: Tensor, bias: Tensor | None, step: dict[str, Any], tensors: dict[str, Tensor]) -> Tensor:
    assert bias is not None
    return (h - tensors[step["mean"]]) / (tensors[step["variance"]] + step["epsilon"]).sqrt() * weight + bias


WEIGHTED: dict[str, Any] = {
    "linear": lambda h, w, b, _, __: F.linear(h, w, b),
    "conv2d": lambda h, w, b, step, _: F.conv2d(h, w, b, step["stride"], step["padding"]),
    "conv-transpose2d": _transposed,
    "layer-norm": lambda h, w, b, step, _: F.layer_norm(h, w.shape, w, b, step["epsilon"]),
    "group-norm": lambda h, w, b, step, _: F.group_norm(h, step["groups"], w, b, step["epsilon"]),
    "batch-norm": _batch_norm,
}


def scale(raw: Tensor) -> Tensor:
    return F.softplus(raw + SCALES["shift"]) + SCALES["least"]
