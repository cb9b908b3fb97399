"""What holds of every posterior, on a model whose own is known."""

import inspect
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.distributions import Distribution
from torch.testing import assert_close

from helpers.chance import assert_mean_at_most
from helpers.construct import build
from helpers.quadrature import innermost, support_of
from latentia.bounds import Elbo, Iwae
from latentia.core import Batch
from latentia.core.errors import NoClosedForm, ShapeError
from latentia.families import FAMILIES, DiagonalNormal, Family, Normal
from latentia.gradients import Auto
from latentia.models import PPCA, Decoded, GenerativeModel, SigmoidBeliefNetwork
from latentia.networks import MLP
from latentia.posteriors import (
    POSTERIORS,
    Amortized,
    Clamped,
    Exact,
    Iterative,
    Posterior,
    SemiAmortized,
    VariationalFactor,
)
from latentia.priors import StandardNormal
from latentia.weights import log_weights

D, V, B = 2, 5, 6
# Posteriors over bits, with the model that they answer for.
IN_BITS: dict[str, dict[str, Any]] = {"layered": {"x_shape": (V,), "layers": [D, 1]}}
FAMILY_KNOWN = {"n_latents": D, "x_shape": (D,), "sizes": [D], "columns": [{"kind": "category", "width": D}]}
# Its z shows in x, entry by entry, which a real vector behind a factor model does not; tests/closed_forms/test_clamped.py.
ELSEWHERE = (Clamped,)


def latent_families() -> list[str]:
    """Families that can answer for a real vector."""
    names = []
    for name, maker in FAMILIES.items():
        family: Family = build(maker, {}, FAMILY_KNOWN)
        support = innermost(support_of(family.distribution(torch.zeros(family.raw_per_value, D))))
        if not support.is_discrete and bool(support.check(torch.tensor([-9.0, 0.0, 9.0])).all()):
            names.append(name)
    return names


def posterior_cases() -> list[Any]:
    """Each posterior once, or once for each family that it could have."""
    cases = []
    for name, maker in POSTERIORS.items():
        if maker in ELSEWHERE:
            continue
        families = latent_families() if "family" in inspect.signature(maker).parameters else [None]
        cases += [pytest.param(name, family, id=f"{name}-{family}" if family else name) for family in families]
    return cases


every_posterior = pytest.mark.parametrize(("name", "family_name"), posterior_cases())


class Stated(PPCA):
    """PPCA that states its exact posterior as a factor of a mean-field one, and has no other factor."""

    factors = ()

    def variational_posterior(self, batch: Batch) -> Distribution:
        return self.exact_posterior(batch)

    def update(self, factor: str, batch: Batch, q: Distribution) -> None:
        raise AssertionError("there is none")

    def elbo(self, batch: Batch, q: Distribution) -> Tensor:
        return self.log_marginal(batch.x).sum()


def make(name: str, family_name: str | None) -> tuple[Posterior, GenerativeModel, Batch]:
    in_reals = Stated if name == "variational" else PPCA
    model = SigmoidBeliefNetwork(**IN_BITS[name]).double() if name in IN_BITS else in_reals(D, V).double()
    known: dict[str, Any] = {"model": model, "n_rows": B, "z_shape": (D,), "n_latents": D}
    options = dict(IN_BITS.get(name, {}))
    if family_name is not None:
        family: Family = build(FAMILIES[family_name], {}, FAMILY_KNOWN)
        in_shape, per_value = (V,), family.raw_per_value
        if POSTERIORS[name] is Iterative:
            in_shape, per_value = Iterative.network_shapes(family, (D,))
        known |= {"family": family, "network": MLP(in_shape, [8], D, per_value=per_value, activation="tanh")}
        if POSTERIORS[name] is SemiAmortized and family.differentiable_once:
            options = {"differentiate": False}
    return build(POSTERIORS[name], options, known).double(), model, Batch(model.sample(B), torch.arange(B), B)


def log_marginal(model: GenerativeModel, batch: Batch) -> torch.Tensor:
    """log p(x), (B,): in closed form, or by every state of z."""
    if isinstance(model, PPCA):
        return model.log_marginal(batch.x)
    states = torch.cartesian_prod(*[torch.arange(2.0, dtype=torch.float64)] * model.z_shape[0])
    return model.log_joint(states.unsqueeze(1), batch).logsumexp(0)


@every_posterior
def test_it_answers_with_one_z_a_row(name: str, family_name: str | None) -> None:
    posterior, model, batch = make(name, family_name)
    q = posterior.infer(model, batch)
    assert q.event_shape == model.z_shape
    assert q.batch_shape in ((B,), ())
    assert q.sample((3,)).dtype == torch.float64


@every_posterior
def test_to_infer_is_not_to_draw(name: str, family_name: str | None) -> None:
    posterior, model, batch = make(name, family_name)
    before = torch.get_rng_state()
    z = torch.zeros(B, *model.z_shape, dtype=torch.float64)
    first, second = (posterior.infer(model, batch).log_prob(z) for _ in range(2))
    assert torch.equal(torch.get_rng_state(), before)
    assert_close(first, second, rtol=0, atol=0)


@every_posterior
def test_what_is_believed_of_a_row_does_not_hang_on_its_neighbours(name: str, family_name: str | None) -> None:
    posterior, model, batch = make(name, family_name)
    q, z = posterior.infer(model, batch), torch.randn(B, *model.z_shape, dtype=torch.float64)
    if q.batch_shape == ():
        pytest.skip("one z for all rows")
    part = torch.tensor([4, 1])
    few = posterior.infer(model, Batch(batch.x[part], batch.row[part], B))
    assert_close(few.log_prob(z[part]), q.log_prob(z)[part])


@every_posterior
def test_every_parameter_gets_a_gradient(name: str, family_name: str | None) -> None:
    posterior, model, batch = make(name, family_name)
    Auto()(Elbo(), model, posterior.infer(model, batch), batch, 4).surrogate.sum().backward()
    for part in (posterior, model):
        for parameter, value in part.named_parameters():
            assert value.grad is not None, parameter
            assert bool(torch.isfinite(value.grad).all()), parameter
            assert bool((value.grad != 0).any()), parameter


@every_posterior
@pytest.mark.parametrize("bound", [Elbo(), Iwae()], ids=["elbo", "iwae"])
def test_its_bound_is_at_most_log_p_of_x(name: str, family_name: str | None, bound: Any) -> None:
    """False alarm: 1e-6 over the seed, for each posterior and bound. 4,000 estimates of five draws."""
    posterior, model, batch = make(name, family_name)
    with torch.no_grad():
        q = posterior.infer(model, batch)
        z = q.sample((5 * 4_000,))
        w = log_weights(model, q, batch, z).reshape(5, 4_000 * B)
        assert_mean_at_most(bound(w).reshape(4_000, B), log_marginal(model, batch), f"{name} bound")


@every_posterior
def test_rows_shown_before_training_leave_a_usable_posterior(name: str, family_name: str | None) -> None:
    posterior, model, batch = make(name, family_name)
    for rows in (100 + 50 * batch.x, torch.ones_like(batch.x)):
        posterior.start_at(rows)
        q = posterior.infer(model, batch._replace(x=rows))
        assert bool(torch.isfinite(q.log_prob(q.sample())).all())


def test_the_exact_posterior_s_bound_is_log_p_of_x_on_every_draw() -> None:
    posterior, model, batch = make("exact", None)
    q = posterior.infer(model, batch)
    for bound in (Elbo(), Iwae()):
        w = log_weights(model, q, batch, q.sample((7,)))
        assert_close(bound(w), log_marginal(model, batch), rtol=1e-6, atol=0)


def test_the_exact_posterior_is_refused_where_there_is_none() -> None:
    _, model, batch = make("exact", None)
    decoded = Decoded(StandardNormal(D), MLP(D, [3], V), Normal())
    with pytest.raises(NoClosedForm, match="amortized"):
        Exact().infer(decoded, batch)
    with pytest.raises(NoClosedForm, match="amortized"):
        VariationalFactor().infer(model, batch)
    with pytest.raises(NoClosedForm, match="complete"):
        Exact().infer(model, batch._replace(mask=torch.ones_like(batch.x, dtype=torch.bool)))


def amortized() -> Amortized:
    return Amortized(MLP(V, [8], D, per_value=2), DiagonalNormal()).double()


def test_an_encoder_sees_a_missing_value_at_the_center() -> None:
    posterior = amortized()
    posterior.start_at(7 + 2 * torch.randn(50, V).double())
    x = 7 + 2 * torch.randn(B, V).double()
    mask = torch.rand(B, V) < 0.5
    z = torch.zeros(B, D).double()
    holed = posterior.encode(x.masked_fill(~mask, torch.nan), mask).log_prob(z)
    filled = posterior.encode(torch.where(mask, x, posterior.center)).log_prob(z)
    assert_close(holed, filled)


def test_an_encoder_s_answer_does_not_change_with_the_units_of_the_data() -> None:
    posterior, rows, z = amortized(), torch.randn(50, V).double(), torch.zeros(50, D).double()
    answers = []
    for shift, scale in ((0.0, 1.0), (-300.0, 255.0)):
        posterior.start_at(shift + scale * rows)
        answers.append(posterior.encode(shift + scale * rows).log_prob(z))
    assert_close(answers[0], answers[1])


def test_an_encoder_that_gives_another_number_of_raw_values_is_refused() -> None:
    with pytest.raises(ShapeError, match="per_value=2"):
        Amortized(MLP(V, [], D), DiagonalNormal())


def seeing(x_shape: tuple[int, ...] = (V,)) -> Amortized:
    network = MLP(Amortized.input_shape(x_shape, see_mask=True), [8], D, per_value=2, activation="tanh")
    return Amortized(network, DiagonalNormal(), see_mask=True).double()


def test_an_encoder_that_sees_the_mask_tells_a_missing_value_from_one_at_the_center() -> None:
    posterior, x = seeing(), torch.randn(B, V).double()
    posterior.start_at(x)
    whole = posterior.encode(x).mean
    assert_close(posterior.encode(x, torch.ones(B, V, dtype=torch.bool)).mean, whole, rtol=0, atol=0)
    for d in range(V):
        mask = torch.ones(B, V, dtype=torch.bool)
        mask[:, d] = False
        at_center = x.clone()
        at_center[:, d] = posterior.center
        holed = posterior.encode(x.masked_fill(~mask, torch.nan), mask).mean
        assert bool((holed - posterior.encode(at_center).mean).abs().gt(1e-4).all()), d
        assert_close(amortized_like(posterior, x, mask), holed)


def amortized_like(posterior: Amortized, x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """What the network says of the scaled values, zero where missing, and the mask behind them."""
    scaled = ((x - posterior.center) / posterior.spread) * mask
    return posterior.network.raw(torch.cat([scaled, mask.double()], 1))[:, 0]


def test_the_mask_of_an_image_is_laid_behind_its_channels() -> None:
    posterior = seeing((3, 2, 2))
    x, mask = torch.randn(B, 3, 2, 2).double(), torch.rand(B, 3) < 0.5
    assert posterior.network.in_shape == (6, 2, 2)
    cells = mask[..., None, None].expand_as(x)
    assert_close(posterior.encode(x, mask).mean, amortized_like(posterior, x, cells))


def test_a_gradient_reaches_every_weight_of_an_encoder_that_sees_the_mask() -> None:
    posterior, model = seeing(), PPCA(D, V).double()
    mask = torch.arange(B).unsqueeze(1) % V != torch.arange(V)  # one value of each row is missing
    batch = Batch(model.sample(B), torch.arange(B), B, mask=mask)
    Auto()(Elbo(), model, posterior.infer(model, batch), batch, 4).surrogate.sum().backward()
    for parameter, value in posterior.named_parameters():
        assert value.grad is not None, parameter
        # Each column of the first layer is one value, or whether it was seen.
        assert bool((value.grad != 0).any(0).all()), parameter


def test_an_encoder_without_room_for_the_mask_is_refused() -> None:
    with pytest.raises(ShapeError, match="input_shape"):
        Amortized(MLP(V, [], D, per_value=2), DiagonalNormal(), see_mask=True)
    with pytest.raises(ShapeError, match="was given"):
        Amortized(MLP(V + 1, [], D, per_value=2), DiagonalNormal(), see_mask=True).encode(torch.zeros(B, V))
