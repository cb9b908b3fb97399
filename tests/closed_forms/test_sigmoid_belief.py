"""A sigmoid belief network and its recognition network against sums over all states, and against the parts one layer is."""

import pytest
import torch
from torch import Tensor
from torch.distributions import Bernoulli as Bits
from torch.distributions import Independent
from torch.testing import assert_close

from helpers.chance import assert_mean_is
from helpers.oracles import log_bits
from latentia.core import Batch
from latentia.core.errors import ShapeError
from latentia.data import Split
from latentia.distributions import LayeredBits, closed_kl
from latentia.evaluation import evaluate_split, quick_look
from latentia.families import Bernoulli
from latentia.models import Decoded, SigmoidBeliefNetwork
from latentia.networks import MLP
from latentia.posteriors import Amortized, Layered
from latentia.priors import Prior
from latentia.weights import log_weights, terms

X_SHAPE, LAYERS, K, B = (2, 2), [3, 2, 2], 5, 4


def batch_of(x: Tensor) -> Batch:
    return Batch(x, torch.arange(len(x)), len(x))


def bits(*shape: int) -> Tensor:
    return (torch.rand(*shape) < 0.5).double()


def moved(module: torch.nn.Module) -> None:
    """Weights that are not near zero."""
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(torch.randn_like(parameter))


def network_of(mlp: object, bits: Tensor) -> Tensor:
    assert isinstance(mlp, MLP)
    return bits @ mlp.last.weight.T + mlp.last.bias


def test_the_joint_is_the_product_of_the_layers_from_the_top_down() -> None:
    model = SigmoidBeliefNetwork(X_SHAPE, LAYERS).double()
    moved(model)
    x, z = bits(B, *X_SHAPE), bits(K, B, 7)
    low, middle, high = z[..., :3], z[..., 3:5], z[..., 5:]
    by_hand = (
        log_bits(high, model.logits)
        + log_bits(middle, network_of(model.between[1], high))
        + log_bits(low, network_of(model.between[0], middle))
        + log_bits(x.flatten(1), network_of(model.network, low))
    )
    assert_close(model.log_joint(z, batch_of(x)), by_hand)


def test_the_posterior_is_the_product_of_the_layers_from_the_bottom_up() -> None:
    q, x, z = Layered(X_SHAPE, LAYERS).double(), bits(B, *X_SHAPE), bits(K, B, 7)
    moved(q)
    q.start_at(0.3 + 2 * torch.randn(50, *X_SHAPE).double())
    low, middle, high = z[..., :3], z[..., 3:5], z[..., 5:]
    centered = (x.flatten(1) - q.bottom.center) / q.bottom.spread
    by_hand = log_bits(low, network_of(q.bottom.network, centered)) + log_bits(middle, network_of(q.between[0], low))
    by_hand = by_hand + log_bits(high, network_of(q.between[1], middle))
    assert_close(q.infer(SigmoidBeliefNetwork(X_SHAPE, LAYERS), batch_of(x)).log_prob(z), by_hand)


def test_draws_of_x_have_the_mass_that_all_states_of_z_give_it() -> None:
    """At most a share of 1e-6 of all seeds fails."""
    model = SigmoidBeliefNetwork(X_SHAPE, LAYERS, hidden=[3]).double()
    moved(model)
    every_x = LayeredBits(torch.zeros(4).double()).enumerate_states()
    prior = model.prior()
    assert isinstance(prior, LayeredBits)
    z = prior.enumerate_states().unsqueeze(1)
    mass = model.log_joint(z, batch_of(every_x.reshape(-1, *X_SHAPE))).logsumexp(0).exp().detach()
    assert_close(mass.sum(), torch.ones(()).double())
    drawn = model.sample(20_000).flatten(1)
    place = (drawn * 2 ** torch.arange(3.0, -1, -1)).sum(-1).long()
    assert_mean_is(torch.nn.functional.one_hot(place, 16).double(), mass, "a state of x")


class LearnedBits(Prior):
    """A product of Bernoullis."""

    def __init__(self, logits: torch.nn.Parameter) -> None:
        super().__init__(len(logits))
        self.logits = logits

    def distribution(self, given: Tensor | None = None) -> Independent:
        return Independent(Bits(logits=self.logits), 1)


@pytest.mark.parametrize("hidden", [[], [6]])
def test_one_layer_is_what_the_parts_make(hidden: list[int]) -> None:
    model, q = SigmoidBeliefNetwork(X_SHAPE, [3], hidden).double(), Layered(X_SHAPE, [3], hidden).double()
    moved(model)
    moved(q)
    x, z = bits(B, *X_SHAPE), bits(K, B, 3)
    q.start_at(x)
    same = Decoded(LearnedBits(model.logits), model.network, Bernoulli())
    encoder = Amortized(q.bottom.network, Bernoulli()).double()
    encoder.start_at(x)
    one, other = (
        terms(model, q.infer(model, batch_of(x)), batch_of(x), z),
        terms(same, encoder.infer(same, batch_of(x)), batch_of(x), z),
    )
    for left, right in zip(one, other, strict=True):
        torch.testing.assert_close(left, right, rtol=1e-13, atol=1e-13)  # the parts sum in another order
    kl, same_kl = (closed_kl(answer.infer(p, batch_of(x)), p.prior()) for p, answer in ((model, q), (same, encoder)))
    assert torch.equal(kl, same_kl)
    for rows in (bits(20, *X_SHAPE), bits(20, *X_SHAPE)):
        model.start_at(rows)
        bias = model.network.last.bias.clone()
        same.start_at(rows)
        assert torch.equal(model.network.last.bias, bias)


def test_a_missing_value_enters_the_encoder_at_the_center() -> None:
    q, x = Layered(X_SHAPE, LAYERS).double(), bits(B, *X_SHAPE)
    q.start_at(bits(50, *X_SHAPE))
    mask, z = torch.rand(B, *X_SHAPE) < 0.5, bits(K, B, 7)
    model = SigmoidBeliefNetwork(X_SHAPE, LAYERS).double()
    holed = q.infer(model, batch_of(x)._replace(mask=mask)).log_prob(z)
    filled = q.infer(model, batch_of(torch.where(mask, x, q.bottom.center))).log_prob(z)
    assert_close(holed, filled)


def test_the_start_is_at_the_mean_of_the_data() -> None:
    """With weights that are still small the drawn bits are on about as often as the data's: within 5 %."""
    model = SigmoidBeliefNetwork(X_SHAPE, LAYERS)
    x = (torch.rand(500, *X_SHAPE) < torch.tensor([[0.1, 0.9], [0.5, 0.3]])).float()
    model.start_at(x)
    with torch.no_grad():
        model.network.last.weight.mul_(0.1)
    assert_close(model.sample(20_000).mean(0), x.mean(0), rtol=0, atol=0.05)


def test_importance_weights_average_to_log_p() -> None:
    """At most a share of 1e-6 of all seeds fails."""
    model, q = SigmoidBeliefNetwork(X_SHAPE, LAYERS).double(), Layered(X_SHAPE, LAYERS, hidden=[4]).double()
    moved(model)
    x = bits(B, *X_SHAPE)
    prior = model.prior()
    assert isinstance(prior, LayeredBits)
    with torch.no_grad():
        truth = model.log_joint(prior.enumerate_states().unsqueeze(1), batch_of(x)).logsumexp(0).exp()
        answer = q.infer(model, batch_of(x))
        w = log_weights(model, answer, batch_of(x), answer.sample((20_000,)))
    assert_mean_is(w.exp(), truth, "the mean weight")


def weight_of(mlp: object) -> Tensor:
    assert isinstance(mlp, MLP)
    return mlp.last.weight


def test_active_units_are_counted_by_draws_where_no_mean_is_stated() -> None:
    """The variance of a mean over 500 rows by 16 draws is off by some 0.002 (one sd); none here is within 0.01 of 0.01."""
    model, q = SigmoidBeliefNetwork(X_SHAPE, [3, 2]), Layered(X_SHAPE, [3, 2])
    with torch.no_grad():
        lower, upper = (weight_of(network).zero_() for network in (q.bottom.network, q.between[0]))
        lower[:2, :2] = 8 * torch.eye(2)
        upper[0, 0], upper[1, 2] = 8.0, 8.0
    x = bits(500, *X_SHAPE).float()
    answer = q.infer(model, batch_of(x))
    assert isinstance(answer, LayeredBits)
    with torch.no_grad():
        states = answer.enumerate_states()
        means = answer.log_prob(states.unsqueeze(1)).exp().T @ states
    variance = means.var(0, correction=0)
    assert int((variance > 0.02).sum()) == 3, "z_1's first two, and the bit above the first"
    assert float(variance.sort().values[1]) < 1e-6
    look = quick_look(model, q, Split(x))
    assert look["active_units"] == 3
    assert evaluate_split(model, q, Split(x), draws=2).active_units == 3


@pytest.mark.parametrize("layers", [[], [3, 0]])
@pytest.mark.parametrize("maker", [SigmoidBeliefNetwork, Layered])
def test_a_layer_without_bits_is_refused(maker: type, layers: list[int]) -> None:
    with pytest.raises(ShapeError, match="wanted the bits of each layer"):
        maker(X_SHAPE, layers)
