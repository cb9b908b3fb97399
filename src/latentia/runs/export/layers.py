"""Networks as lists of plain steps over named tensors, so that a program in any language can walk through them."""

from collections.abc import Callable
from typing import Any

from torch import nn

from latentia.networks import ACTIVATIONS, MLP, ConvDecoder, ConvEncoder, Network, TopicDecoder, TopicEncoder

Step = dict[str, Any]
NORMS = (nn.LayerNorm, nn.BatchNorm1d, nn.GroupNorm)

# What a step does to the rows h, axes (rows, ...); weights are named as in the file of tensors.
STEPS = {
    "flatten": "h to (rows, values), the last axis fastest",
    "linear": "h times the transpose of weight, plus bias where there is one",
    "conv2d": "cross-correlation with weight (out, in, height, width), stride and zero padding as said, plus bias",
    "conv-transpose2d": "its transpose, weight (in, out, height, width), to height and width `to`, plus bias",
    "layer-norm": "less the mean of the row's values, over the root of their variance plus epsilon; times weight, plus bias",
    "group-norm": "the same within each of `groups` runs of channels, all pixels together; weight and bias are by channel",
    "batch-norm": "(h - mean) / sqrt(variance + epsilon) * weight + bias, value by value",
    "softmax": "exp(h) over its sum along the last axis",
    "reshape": "h to (rows, *to)",
    "add": "plus the tensor",
    "keep": "remember h",
    "add-kept": "plus what was remembered last",
    "relu, tanh, ...": "that function of every value: leaky-relu has slope 0.01 below 0, gelu is x times the normal's cdf",
}


def steps_of(network: Network, prefix: str) -> list[Step] | None:
    """What the network does, in order; the last h has per_value * out_shape values a row. None for networks of one's own.

    Args:
        network: it.
        prefix: of its tensors' names, with the dot.
    """
    write = _WRITERS.get(type(network))
    return None if write is None else [step for step in write(network, prefix) if step["do"] != "identity"]


def _mlp(network: MLP, prefix: str) -> list[Step]:
    steps: list[Step] = [{"do": "flatten"}]
    for k, layer in enumerate(network.layers):
        assert isinstance(layer, nn.Sequential)
        linear = layer[0]
        assert isinstance(linear, nn.Linear)
        inner = _sequence(layer, f"{prefix}layers.{k}.")
        kept = network.residual and linear.in_features == linear.out_features
        steps += [{"do": "keep"}, *inner, {"do": "add-kept"}] if kept else inner
    return [*steps, *_module(network.last, f"{prefix}last")]


def _conv_encoder(network: ConvEncoder, prefix: str) -> list[Step]:
    levels = [step for k, level in enumerate(network.levels) for step in _sequence(level, f"{prefix}levels.{k}.")]
    head = _sequence(network.head, f"{prefix}head.")
    return [*levels, {"do": "flatten"}, *head, *_module(network.last, f"{prefix}last")]


def _conv_decoder(network: ConvDecoder, prefix: str) -> list[Step]:
    steps = [{"do": "flatten"}, *_sequence(network.head, f"{prefix}head."), {"do": "reshape", "to": list(network.grid)}]
    for k, (between, up) in enumerate(zip(network.between, network.ups, strict=True)):
        (step,) = _module(up, f"{prefix}ups.{k}")
        steps += [*_sequence(between, f"{prefix}between.{k}."), {**step, "to": list(network.sizes[-2 - k])}]
    return [*steps, {"do": "add", "tensor": f"{prefix}pixel_bias"}]


def _topic_encoder(network: TopicEncoder, prefix: str) -> list[Step]:
    inner = [step for k, layer in enumerate(network.layers) for step in _any(layer, f"{prefix}layers.{k}")]
    return [{"do": "flatten"}, *inner, *_module(network.last, f"{prefix}last"), *_module(network.norm, f"{prefix}norm")]


def _topic_decoder(network: TopicDecoder, prefix: str) -> list[Step]:
    topics = _module(network.topics, f"{prefix}topics")
    return [{"do": "flatten"}, {"do": "softmax"}, *topics, *_module(network.norm, f"{prefix}norm")]


_WRITERS: dict[type[Network], Callable[[Any, str], list[Step]]] = {
    MLP: _mlp,
    ConvEncoder: _conv_encoder,
    ConvDecoder: _conv_decoder,
    TopicEncoder: _topic_encoder,
    TopicDecoder: _topic_decoder,
}


def _sequence(modules: nn.Module, prefix: str) -> list[Step]:
    return [step for name, module in modules.named_children() for step in _any(module, f"{prefix}{name}")]


def _any(module: nn.Module, name: str) -> list[Step]:
    return _sequence(module, f"{name}.") if isinstance(module, nn.Sequential) else _module(module, name)


def _module(module: nn.Module, name: str) -> list[Step]:
    """One of torch's own modules; nothing for what does nothing outside of training."""
    if isinstance(module, nn.Identity | nn.Dropout):
        return []
    activation = next((key for key, cls in ACTIVATIONS.items() if type(module) is cls), None)
    if activation is not None:
        return [{"do": activation}]
    weights = {part: f"{name}.{part}" for part in ("weight", "bias") if getattr(module, part, None) is not None}
    if isinstance(module, nn.Linear):
        return [{"do": "linear", **weights}]
    if isinstance(module, nn.ConvTranspose2d | nn.Conv2d):
        kind = "conv2d" if isinstance(module, nn.Conv2d) else "conv-transpose2d"
        return [{"do": kind, **weights, "stride": module.stride[0], "padding": module.padding[0]}]  # pyright: ignore[reportIndexIssue]
    assert isinstance(module, NORMS), type(module).__name__
    step: Step = {**weights, "epsilon": module.eps}
    if isinstance(module, nn.BatchNorm1d):
        return [{"do": "batch-norm", **step, "mean": f"{name}.running_mean", "variance": f"{name}.running_var"}]
    if isinstance(module, nn.GroupNorm):
        return [{"do": "group-norm", **step, "groups": module.num_groups}]
    return [{"do": "layer-norm", **step}]
