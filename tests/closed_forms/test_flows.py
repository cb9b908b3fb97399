"""Flow families: densities against autograd's Jacobian and an integral, and the draw that remembers its own."""

import copy
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.distributions import Independent, Normal
from torch.testing import assert_close

from latentia.bounds import Elbo
from latentia.core import Batch
from latentia.core.errors import LatentiaError, ShapeError
from latentia.families import FAMILIES, ContinuousFlow, Family, Flow, InverseAutoregressive
from latentia.families.conditioned import Moved
from latentia.gradients import DoublyReparameterized, Reparameterized
from latentia.models import PPCA

FLOWS = ["flow", "inverse-autoregressive", "continuous-flow"]
# How well the way back must meet the way there in float64: what integrates in steps has the steps' error.
AGREES = {"flow": (0.0, 1e-9), "inverse-autoregressive": (0.0, 1e-9), "continuous-flow": (1e-4, 1e-5)}
every_flow = pytest.mark.parametrize("name", FLOWS)
B = 3


def bent(name: str, n_latents: int, by: float = 10.0, **options: Any) -> Family:
    """A flow whose last layers, made small for the start of training, are large again."""
    family: Any = FAMILIES[name](n_latents, **options)  # pyright: ignore[reportCallIssue]  a flow's first argument
    with torch.no_grad():
        for parameter, value in family.named_parameters():
            if parameter.endswith(("2.weight", "2.bias", "outward.weight", "outward.bias")):
                value.mul_(by)
    return family.double()


def moved(family: Family, raw: Tensor) -> Moved:
    q = family.distribution(raw)
    assert isinstance(q, Moved)
    return q


def raw_for(family: Family, *lead: int) -> Tensor:
    n_latents: Any = family.n_latents
    return torch.randn(*lead, family.raw_per_value, n_latents, dtype=torch.float64).requires_grad_()


def grads(of: Tensor, family: Family, raw: Tensor) -> list[Tensor]:
    return list(torch.autograd.grad(of.sum(), [raw, *family.parameters()], retain_graph=True, materialize_grads=True))


def assert_agrees(name: str, found: Tensor, truth: Tensor) -> None:
    rtol, atol = AGREES[name]
    assert_close(found, truth, rtol=rtol, atol=atol)


@every_flow
def test_the_density_is_the_noise_s_over_the_jacobian_s_determinant(name: str) -> None:
    family = bent(name, 4)
    q = moved(family, raw_for(family).detach())
    for _ in range(5):
        u = torch.randn(4, dtype=torch.float64)

        def there(u: Tensor) -> Tensor:
            return q.loc + q.scale * q.there(u)[0]

        jacobian = torch.autograd.functional.jacobian(there, u)
        assert isinstance(jacobian, Tensor)
        truth = Normal(0.0, 1.0).log_prob(u).sum() - torch.linalg.slogdet(jacobian).logabsdet
        off = jacobian - jacobian.diag().diag()
        assert float(off.abs().max()) > 1e-2, "a map that mixes nothing would show no wrong determinant"
        assert_agrees(name, q.log_prob(there(u)), truth)


@every_flow
def test_a_bent_density_integrates_to_one(name: str) -> None:
    family = bent(name, 2, hidden=16)
    q = family.distribution(raw_for(family).detach())
    z = q.sample((2_000,))
    low, high = (3 * z.amin(0) - z.amax(0)) / 2, (3 * z.amax(0) - z.amin(0)) / 2
    sides = [torch.linspace(float(a), float(b), 200, dtype=torch.float64) for a, b in zip(low, high, strict=True)]
    with torch.no_grad():
        mass = (
            q.log_prob(torch.cartesian_prod(*sides)).exp().sum() * (sides[0][1] - sides[0][0]) * (sides[1][1] - sides[1][0])
        )
    assert_close(mass, torch.ones_like(mass), rtol=0, atol=2e-4)


@every_flow
def test_a_draw_s_own_density_costs_no_second_pass_and_is_the_density(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    family = bent(name, 3)
    raw = raw_for(family, B)
    q = moved(family, raw)
    z = q.rsample((5,))
    again = q.log_prob(z.clone())
    own_grads, again_grads = grads(q.log_prob(z), family, raw), grads(again, family, raw)
    monkeypatch.setattr(q, "back", lambda _: pytest.fail("went back for a draw it had just made"))
    assert_agrees(name, q.log_prob(z), again)
    for mine, other in zip(own_grads, again_grads, strict=True):
        assert_close(mine, other, rtol=1e-4, atol=1e-4 if name == "continuous-flow" else 1e-8)


@every_flow
def test_another_tensor_another_value_or_another_q_is_scored_anew(name: str) -> None:
    family, other = bent(name, 3), bent(name, 3)
    raw = raw_for(family, B)
    q, second = moved(family, raw), moved(other, raw_for(other, B))
    z = q.rsample((4,))
    fresh = moved(family, raw)
    assert_close(second.log_prob(z), second.log_prob(z.detach().clone()), rtol=0, atol=0)
    assert float((second.log_prob(z) - q.log_prob(z)).detach().abs().min()) > 1e-6
    with torch.no_grad():
        drawn = q.sample((4,))
        before = q.log_prob(drawn)
        drawn += 0.5
        assert_close(q.log_prob(drawn), fresh.log_prob(drawn), rtol=0, atol=0)
        assert float((q.log_prob(drawn) - before).abs().max()) > 1e-3
        old = q.sample((4,))
        q.sample((4,))
        assert_close(q.log_prob(old), fresh.log_prob(old), rtol=0, atol=0)


@every_flow
def test_a_draw_without_a_graph_still_has_a_score(name: str) -> None:
    family = bent(name, 3)
    raw = raw_for(family, B)
    q = moved(family, raw)
    with torch.no_grad():
        z = q.rsample((4,))
    for mine, truth in zip(
        grads(q.log_prob(z), family, raw), grads(moved(family, raw).log_prob(z), family, raw), strict=True
    ):
        assert_close(mine, truth, rtol=0, atol=0)
    assert all(float(g.abs().sum()) > 0 for g in grads(q.log_prob(z), family, raw))


def surrogate_grads(gradient: Any, family: Family, raw: Tensor, remembers: bool) -> list[Tensor]:
    torch.manual_seed(3)
    model = PPCA(3, 6).double()
    batch = Batch(model.sample(B), torch.arange(B), B)
    q = moved(family, raw)
    torch.manual_seed(4)
    if not remembers:
        sample = q.rsample
        q.rsample = lambda sample_shape=(): sample(sample_shape).clone()
    return grads(gradient(Elbo(), model, q, batch, 4).surrogate, family, raw)


@every_flow
@pytest.mark.parametrize("gradient", [Reparameterized(), DoublyReparameterized()])
def test_gradients_are_those_of_a_density_without_memory(name: str, gradient: Any) -> None:
    family = bent(name, 3)
    raw = raw_for(family, B)
    pairs = zip(*(surrogate_grads(gradient, family, raw, remembers) for remembers in (True, False)), strict=True)
    for mine, truth in pairs:
        assert_close(mine, truth, rtol=1e-4, atol=1e-3 if name == "continuous-flow" else 1e-8)


@every_flow
def test_sticking_the_landing_differentiates_the_draw_alone(name: str) -> None:
    """Against a copy of q whose parameters are constants."""
    family = bent(name, 3)
    raw = raw_for(family, B)
    found = surrogate_grads(DoublyReparameterized(), family, raw, remembers=True)
    torch.manual_seed(3)
    model = PPCA(3, 6).double()
    batch = Batch(model.sample(B), torch.arange(B), B)
    still = copy.deepcopy(family).requires_grad_(False)
    torch.manual_seed(4)
    z = moved(family, raw).rsample((4,))
    w = model.log_joint(z, batch) - moved(still, raw.detach()).log_prob(z)
    for mine, truth in zip(found, grads(w.mean(0), family, raw), strict=True):
        assert_close(mine, truth, rtol=1e-6, atol=1e-8)


@every_flow
def test_a_density_can_be_differentiated_twice(name: str) -> None:
    family = bent(name, 2, hidden=8)
    raw, z = raw_for(family), torch.randn(2, dtype=torch.float64).requires_grad_()
    # A coupling network's corners have no second derivative; a draw meets one with probability zero.
    assert torch.autograd.gradgradcheck(lambda raw, z: family.distribution(raw).log_prob(z), (raw, z), atol=1e-4)


@every_flow
def test_a_fresh_flow_is_near_the_diagonal_normal(name: str) -> None:
    family = bent(name, 3, by=1.0)
    raw = torch.zeros(B, family.raw_per_value, 3).double()
    z = torch.randn(50, B, 3).double()
    normal = Independent(Normal(torch.zeros(B, 3).double(), 1.0), 1)
    assert float((family.distribution(raw).log_prob(z) - normal.log_prob(z)).detach().abs().mean()) < 0.5


@every_flow
def test_float32_knows_the_density_of_its_draws(name: str) -> None:
    family = bent(name, 6).float()
    q = family.distribution(raw_for(family, B).detach().float())
    z = q.rsample((20,))
    assert q.log_prob(z).dtype == torch.float32
    assert_close(q.log_prob(z), q.log_prob(z.clone()), rtol=1e-3, atol=1e-3)


def test_what_cannot_flow_is_refused() -> None:
    for flow in (Flow, InverseAutoregressive):
        with pytest.raises(ShapeError, match=f"{flow.__name__} needs at least 2 latents"):
            flow(1)
    with pytest.raises(LatentiaError, match="steps is 0"):
        ContinuousFlow(2, steps=0)
    assert ContinuousFlow(1).distribution(torch.zeros(4, 1)).sample().shape == (1,)


@pytest.mark.parametrize("flow", [Flow, InverseAutoregressive, ContinuousFlow])
def test_a_flow_for_more_rows_is_the_same_flow(flow: type[Family]) -> None:
    family = flow(3).double()  # pyright: ignore[reportCallIssue]
    q = family.distribution(raw_for(family, B).detach().double())
    many = q.expand((3, B))
    z = many.sample((2,))
    assert z.shape == (2, 3, B, 3)
    assert_close(many.log_prob(z.clone()), torch.stack([q.log_prob(part.clone()) for part in z.unbind(1)], 1))
