"""The MLP and the convolutions in plain JAX, begun as torch begins its own: (init, apply) pairs for ``numpyro.module``."""

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import jax  # pyright: ignore[reportMissingImports]
import jax.numpy as jnp  # pyright: ignore[reportMissingImports]
from jax import Array, lax  # pyright: ignore[reportMissingImports]

from benchmarks.speed.task import PIXELS, Task

CHANNELS, CONV_HIDDEN = (32, 64, 64), 256
ACTIVATIONS: dict[str, Callable[[Array], Array]] = {"relu": jax.nn.relu, "tanh": jnp.tanh}
Pair = tuple[Callable[..., Any], Callable[..., Any]]
# Padding of each transposed convolution: 4 to 7, 7 to 14, 14 to 28.
UP_PADDING = (((1, 1), (1, 1)), ((1, 2), (1, 2)), ((1, 2), (1, 2)))
AXES = ("NHWC", "HWIO", "NHWC")


def encoder(task: Task) -> Pair:
    if task.network == "conv":
        return _conv_encoder(task)
    return _layers([PIXELS, *task.hidden, 2 * task.latents], task)


def decoder(task: Task) -> Pair:
    if task.network == "conv":
        return _conv_decoder(task)
    return _layers([task.latents, *task.hidden[::-1], PIXELS], task)


def _uniform(key: Array, shape: tuple[int, ...], fan_in: int) -> Array:
    bound = 1 / math.sqrt(fan_in)
    return jax.random.uniform(key, shape, minval=-bound, maxval=bound)


def _dense(key: Array, a: int, b: int) -> dict[str, Array]:
    one, two = jax.random.split(key)
    return {"w": _uniform(one, (a, b), a), "b": _uniform(two, (b,), a)}


def _conv(key: Array, a: int, b: int, fan_in: int) -> dict[str, Array]:
    one, two = jax.random.split(key)
    return {"w": _uniform(one, (3, 3, a, b), fan_in), "b": _uniform(two, (b,), fan_in)}


def _through(part: dict[str, Array], x: Array) -> Array:
    return x @ part["w"] + part["b"]


def _layers(widths: list[int], task: Task) -> Pair:
    act = ACTIVATIONS[task.activation]

    def init(key: Array, shape: tuple[int, ...]) -> Any:
        keys = jax.random.split(key, len(widths) - 1)
        return (widths[-1],), [_dense(k, a, b) for k, (a, b) in zip(keys, pairwise(widths), strict=True)]

    def apply(parts: list[dict[str, Array]], x: Array, **_: Any) -> Array:
        for part in parts[:-1]:
            x = act(_through(part, x))
        return _through(parts[-1], x)

    return init, apply


def _conv_encoder(task: Task) -> Pair:
    act = ACTIVATIONS[task.activation]

    def init(key: Array, shape: tuple[int, ...]) -> Any:
        keys = jax.random.split(key, 5)
        convs = [_conv(k, a, b, 9 * a) for k, (a, b) in zip(keys, pairwise((1, *CHANNELS)), strict=False)]
        dense = [_dense(keys[3], CHANNELS[-1] * 16, CONV_HIDDEN), _dense(keys[4], CONV_HIDDEN, 2 * task.latents)]
        return (2 * task.latents,), (convs, dense)

    def apply(parts: Any, x: Array, **_: Any) -> Array:
        convs, (head, last) = parts
        for part in convs:
            down = lax.conv_general_dilated(x, part["w"], (2, 2), ((1, 1), (1, 1)), dimension_numbers=AXES)
            x = act(down + part["b"])
        return _through(last, act(_through(head, x.reshape(len(x), -1))))

    return init, apply


def _conv_decoder(task: Task) -> Pair:
    act, (c1, c2, c3) = ACTIVATIONS[task.activation], CHANNELS

    def init(key: Array, shape: tuple[int, ...]) -> Any:
        keys = jax.random.split(key, 5)
        dense = [_dense(keys[0], task.latents, CONV_HIDDEN), _dense(keys[1], CONV_HIDDEN, c3 * 16)]
        # torch counts a transposed convolution's fan in by its output channels
        convs = [_conv(k, a, b, 9 * b) for k, (a, b) in zip(keys[2:], ((c3, c2), (c2, c1), (c1, 1)), strict=True)]
        convs[-1]["b"] = jnp.zeros((28, 28, 1))  # a bias of its own for every pixel
        return (28, 28, 1), (dense, convs)

    def apply(parts: Any, z: Array, **_: Any) -> Array:
        (head, last), convs = parts
        x = _through(last, act(_through(head, z))).reshape(len(z), 4, 4, c3)
        for part, padding in zip(convs, UP_PADDING, strict=True):
            x = lax.conv_transpose(act(x), part["w"], (2, 2), padding, dimension_numbers=AXES) + part["b"]
        return x

    return init, apply
