"""What holds of every network, in both directions: an encoder of images and a decoder to them."""

import inspect
from typing import Any

import pytest
import torch
from torch.testing import assert_close

from helpers.construct import build, cases
from latentia.core.errors import LatentiaError, ShapeError
from latentia.networks import ACTIVATIONS, MLP, NETWORKS, Network
from latentia.networks.base import as_shape

LATENTS, PER_VALUE, ROWS = 6, 2, 16
# Square, oblong, odd, one pixel wide or high, one pixel, colour.
IMAGES = [(1, 28, 28), (1, 28, 20), (1, 13, 7), (1, 5, 1), (2, 1, 9), (1, 1, 1), (3, 9, 8), (3, 33, 2)]
VARIANTS: dict[str, list[dict[str, Any]]] = {
    "mlp": [
        {"hidden": []},
        {"hidden": [8, 8, 5], "residual": True, "activation": "tanh"},
        {"hidden": [8, 8], "norm": "layer", "activation": "gelu"},
        {"hidden": [8], "norm": "batch"},
    ],
    "topics": [{"dropout": 0.0}, {"dropout": 0.5}],
    "conv": [{"channels": [5, 8], "norm": "group", "hidden": 12}, {"channels": [4], "activation": "elu"}],
}
every_network = pytest.mark.parametrize(("name", "options"), cases(NETWORKS, VARIANTS))
every_direction = pytest.mark.parametrize("encoding", [True, False], ids=["encoder", "decoder"])


def make(name: str, options: dict[str, Any], encoding: bool, image: tuple[int, ...]) -> Network:
    vector = (LATENTS,)
    known = {
        "in_shape": image if encoding else vector,
        "out_shape": vector if encoding else image,
        "hidden": [8],
        "per_value": PER_VALUE,
    }
    pair = NETWORKS[name]
    return build(pair.encoder if encoding else pair.decoder, {"per_value": PER_VALUE, **options}, known)


@every_network
@every_direction
@pytest.mark.parametrize("image", IMAGES, ids=str)
def test_raw_output_has_the_stated_shape(name: str, options: dict[str, Any], encoding: bool, image: tuple[int, ...]) -> None:
    network = make(name, options, encoding, image)
    assert network.raw(torch.randn(ROWS, *network.in_shape)).shape == (ROWS, PER_VALUE, *network.out_shape)


@every_network
@every_direction
def test_leading_axes_are_rows_in_another_order(name: str, options: dict[str, Any], encoding: bool) -> None:
    network = make(name, options, encoding, (1, 9, 6)).eval()
    x = torch.randn(3, 4, 2, *network.in_shape)
    flat = network.raw(x.flatten(0, 2))
    assert_close(network.raw(x), flat.reshape(3, 4, 2, *flat.shape[1:]))
    assert_close(network.raw(x[0, 0, 0]), flat[0])


@every_network
@every_direction
@pytest.mark.parametrize("image", [(1, 28, 20), (3, 5, 1), (1, 1, 1)], ids=str)
def test_started_at_a_raw_output_it_gives_that_output(
    name: str, options: dict[str, Any], encoding: bool, image: tuple[int, ...]
) -> None:
    network = make(name, options, encoding, image)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.zero_()
    raw = torch.randn(PER_VALUE, *network.out_shape)
    network.start_at(raw)
    assert_close(network.raw(torch.randn(ROWS, *network.in_shape)), raw.expand(ROWS, *raw.shape))


@every_network
@every_direction
def test_the_output_bias_moves_each_output_by_itself(name: str, options: dict[str, Any], encoding: bool) -> None:
    network = make(name, options, encoding, (2, 6, 5)).eval()
    x, shift = torch.randn(ROWS, *network.in_shape), torch.randn(PER_VALUE, *network.out_shape)
    before = network.raw(x)
    with torch.no_grad():
        network.output_bias.add_(shift.reshape(network.output_bias.shape))
    assert_close(network.raw(x), before + shift, rtol=1e-5, atol=1e-5)


@every_network
@every_direction
@pytest.mark.parametrize("image", [(1, 28, 20), (3, 5, 1), (1, 1, 1)], ids=str)
def test_every_parameter_gets_a_gradient(name: str, options: dict[str, Any], encoding: bool, image: tuple[int, ...]) -> None:
    network = make(name, options, encoding, image)
    network.raw(torch.randn(8 * ROWS, *network.in_shape)).square().sum().backward()
    for parameter, value in network.named_parameters():
        assert value.grad is not None, parameter
        assert bool(torch.isfinite(value.grad).all()), parameter
        assert bool((value.grad != 0).any()), parameter


@every_network
@every_direction
def test_every_output_sees_every_input(name: str, options: dict[str, Any], encoding: bool) -> None:
    pair = NETWORKS[name]
    knows = "activation" in inspect.signature(pair.encoder if encoding else pair.decoder).parameters
    smooth = {"activation": "tanh"} if knows else {}  # relu would hide some
    network = make(name, {**smooth, **options}, encoding, (1, 9, 6)).double().eval()
    x = torch.randn(network.in_shape, dtype=torch.float64)
    jacobian = torch.autograd.functional.jacobian(network.raw, x)
    assert isinstance(jacobian, torch.Tensor)
    assert bool((jacobian.flatten(0, len(network.out_shape)).flatten(1) != 0).all())


@every_network
@every_direction
def test_half_precision_inside_comes_back_whole(name: str, options: dict[str, Any], encoding: bool) -> None:
    network = make(name, options, encoding, (1, 9, 6)).eval()  # the same inputs left out, which is none
    x = torch.randn(ROWS, *network.in_shape)
    exact = network.raw(x)
    with torch.autocast("cpu", torch.bfloat16):
        rounded = network.raw(x)
    assert rounded.dtype == torch.float32, "densities summed over an event need all their digits"
    assert_close(rounded, exact, rtol=0.05, atol=0.05)


@every_network
@every_direction
def test_another_input_shape_is_refused_with_both_shapes(name: str, options: dict[str, Any], encoding: bool) -> None:
    network = make(name, options, encoding, (1, 9, 6))
    wrong = (*network.in_shape[:-1], network.in_shape[-1] + 1)
    with pytest.raises(ShapeError, match=f"given .*{wrong[-1]}"):
        network.raw(torch.zeros(2, *wrong))


@pytest.mark.parametrize("activation", sorted(ACTIVATIONS))
@pytest.mark.parametrize("norm", ["none", "layer", "batch"])
@pytest.mark.parametrize("residual", [False, True])
def test_every_option_of_the_mlp_trains(activation: str, norm: Any, residual: bool) -> None:
    network = MLP((2, 3), [7, 7, 4], 5, PER_VALUE, activation, norm, residual)
    network.raw(torch.randn(128, 2, 3)).square().sum().backward()
    missing = [name for name, value in network.named_parameters() if value.grad is None or not bool(value.grad.any())]
    assert not missing


def test_a_residual_block_that_answers_nothing_passes_its_input_on() -> None:
    network = MLP(4, [4, 4], 3, activation="identity", residual=True)
    with torch.no_grad():
        for layer in network.layers:
            for parameter in layer.parameters():
                parameter.zero_()
    x = torch.randn(ROWS, 4)
    assert_close(network.raw(x).squeeze(1), network.last(x))


def test_without_hidden_layers_the_mlp_is_a_linear_map() -> None:
    network = MLP(4, [], (1, 2), per_value=3).double()
    x, y = torch.randn(2, ROWS, 4, dtype=torch.float64)
    assert_close(network.raw(x + y) + network.raw(torch.zeros_like(x)), network.raw(x) + network.raw(y))


def test_what_a_network_cannot_be_is_refused() -> None:
    with pytest.raises(LatentiaError, match="tanh"):
        MLP(4, [3], 2, activation="tahn")
    with pytest.raises(LatentiaError, match="layer"):
        MLP(4, [3], 2, norm="layers")  # pyright: ignore[reportArgumentType]
    with pytest.raises(LatentiaError, match="positive"):
        MLP(4, [3, 0], 2)
    with pytest.raises(ShapeError, match="positive"):
        as_shape((3, 0))
    with pytest.raises(ShapeError, match="mlp"):
        NETWORKS["conv"].encoder((28, 28), 2, 1)
    with pytest.raises(LatentiaError, match="norm"):
        build(NETWORKS["conv"].decoder, {"norm": "batch"}, {"in_shape": 2, "out_shape": (1, 8, 8)})
    with pytest.raises(LatentiaError, match="channels"):
        build(NETWORKS["conv"].encoder, {"channels": []}, {"in_shape": (1, 8, 8), "out_shape": 2})
