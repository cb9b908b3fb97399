"""Every phase of wake and sleep against sums over all states, and where sleep by itself ends."""

from collections.abc import Callable
from itertools import product

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from helpers.chance import assert_mean_is
from helpers.oracles import log_bits
from latentia.core import Batch
from latentia.data import from_arrays
from latentia.families import Bernoulli, DiagonalNormal, Normal
from latentia.learners import LearningRate, Phases, ReweightedWakeSleep, Sleep, WakeSleep
from latentia.models import Decoded, SigmoidBeliefNetwork
from latentia.networks import MLP
from latentia.posteriors import Amortized, Layered
from latentia.priors import StandardNormal, VampPrior
from latentia.training import train

LAYERS, N_STEPS, COPIES = [2, 1], 150, 200
STILL = LearningRate(1e-300)
ROWS = torch.tensor([[1.0, 0.0], [1.0, 1.0]], dtype=torch.float64)
Numbers = dict[str, Tensor]


def every(n: int) -> Tensor:
    return torch.tensor(list(product([0.0, 1.0], repeat=n)), dtype=torch.float64)


class Tiny:
    """Two bits of x below two and one; a recognition network that misses; both written out."""

    def __init__(self) -> None:
        self.model, self.q = SigmoidBeliefNetwork(2, LAYERS).double(), Layered(2, LAYERS).double()
        with torch.no_grad():
            for p in [*self.model.parameters(), *self.q.parameters()]:
                p.copy_(torch.randn_like(p))

    def log_joint(self, x: Tensor, z: Tensor) -> Tensor:
        low, high = z[..., :2], z[..., 2:]
        top = log_bits(high, self.model.logits)
        return top + log_bits(low, linear(self.model.between[0], high)) + log_bits(x, linear(self.model.network, low))

    def log_q(self, x: Tensor, z: Tensor) -> Tensor:
        low, high = z[..., :2], z[..., 2:]
        return log_bits(low, linear(self.q.bottom.network, x)) + log_bits(high, linear(self.q.between[0], low))

    def wake(self, n_draws: int, weighted: bool) -> tuple[Tensor, Tensor]:
        """E sum_k share_k log p(x, z_k) and the same of log q, over every tuple of draws; mean over the rows."""
        z = every(3)
        joint, log_q = (f(ROWS.unsqueeze(1), z) for f in (self.log_joint, self.log_q))  # (rows, 8)
        tuples = torch.cartesian_prod(*[torch.arange(8)] * n_draws).reshape(-1, n_draws)
        chance = log_q.detach()[:, tuples].sum(-1).exp()
        w = (joint - log_q).detach()[:, tuples]
        share = w.softmax(-1) if weighted else torch.full_like(w, 1 / n_draws)
        return tuple((chance * (share * term[:, tuples]).sum(-1)).sum(-1).mean() for term in (joint, log_q))  # pyright: ignore[reportReturnType]  two

    def sleep(self) -> Tensor:
        """E_p(z, x) log q(z | x)."""
        z, x = every(3).repeat_interleave(4, 0), every(2).repeat(8, 1)
        return (self.log_joint(x, z).detach().exp() * self.log_q(x, z)).sum()

    def slopes(self, theta: Tensor | None, phi: Tensor | None) -> Numbers:
        """By name; zero where nothing leads."""
        found = {}
        for half, value, module in (("model", theta, self.model), ("posterior", phi, self.q)):
            names, parameters = zip(*module.named_parameters(), strict=True)
            grads = [torch.zeros_like(p) for p in parameters]
            if value is not None:
                grads = torch.autograd.grad(value, parameters, retain_graph=True)
            found |= {f"{half}.{name}": grad for name, grad in zip(names, grads, strict=True)}
        return found


def linear(network: object, z: Tensor) -> Tensor:
    assert isinstance(network, MLP)
    return z @ network.last.weight.T + network.last.bias


def drawn(learner: Phases, batch: Batch) -> Numbers:
    """The gradients of many steps that lead nowhere, (steps, ...) by name."""
    every_step: list[Numbers] = []
    for _ in range(N_STEPS):
        log = learner.step(batch)
        assert not bool(log["skipped"])
        halves = {"model": learner.model, "posterior": learner.posterior}
        every_step.append(
            {
                f"{half}.{name}": torch.zeros_like(p) if p.grad is None else -p.grad.clone()
                for half, module in halves.items()
                for name, p in module.named_parameters()
            }
        )
    return {name: torch.stack([step[name] for step in every_step]) for name in every_step[0]}


def rows(copies: int = COPIES) -> Batch:
    x = ROWS.repeat(copies, 1)
    return Batch(x, torch.arange(len(x)), len(x))


CASES: dict[str, tuple[Callable[[Tiny], Phases], Callable[[Tiny], Numbers]]] = {
    "wake-sleep": (
        lambda t: WakeSleep(t.model, t.q, lr=STILL),
        lambda t: t.slopes(t.wake(1, weighted=False)[0], t.sleep()),
    ),
    "wake-sleep of 3 draws": (
        lambda t: WakeSleep(t.model, t.q, draws=3, lr=STILL),
        lambda t: t.slopes(t.wake(3, weighted=False)[0], t.sleep()),
    ),
    "all phases, reweighted": (
        lambda t: ReweightedWakeSleep(t.model, t.q, draws=2, lr=STILL),
        lambda t: t.slopes(t.wake(2, weighted=True)[0], t.wake(2, weighted=True)[1] + t.sleep()),
    ),
    "awake, reweighted": (
        lambda t: ReweightedWakeSleep(t.model, t.q, draws=3, sleep_phi=False, lr=STILL),
        lambda t: t.slopes(*t.wake(3, weighted=True)),
    ),
    "wake phi alone": (
        lambda t: ReweightedWakeSleep(t.model, t.q, draws=2, sleep_phi=False, wake_theta=False, lr=STILL),
        lambda t: t.slopes(None, t.wake(2, weighted=True)[1]),
    ),
    "asleep": (lambda t: Sleep(t.model, t.q, lr=STILL), lambda t: t.slopes(None, t.sleep())),
}


@pytest.mark.parametrize("case", CASES)
def test_a_phase_s_gradient_is_that_of_the_sum_over_all_states(case: str) -> None:
    """At most a share of about 1e-6 of all seeds fails, for each parameter of each case: 150 means over 400 rows."""
    make, true_slopes = CASES[case]
    tiny = Tiny()
    truth, found = true_slopes(tiny), drawn(make(tiny), rows())
    assert found.keys() == truth.keys()
    size = float(torch.cat([slope.flatten() for slope in truth.values()]).norm())
    for name, slope in truth.items():
        if bool((slope == 0).all()):
            assert bool((found[name] == 0).all()), f"{name} belongs to a half that is held"
        else:
            assert_mean_is(found[name], slope, f"{case}: {name}", size=size)


def test_many_draws_lead_where_the_exact_posterior_does() -> None:
    """With 500 weighted draws theta's gradient is that of log p(x) to 2 %, what bias and noise are good for."""
    tiny = Tiny()
    learner = ReweightedWakeSleep(tiny.model, tiny.q, draws=500, sleep_phi=False, wake_phi=False, lr=STILL)
    learner.step(rows(40))
    evidence = tiny.log_joint(ROWS.unsqueeze(1), every(3)).logsumexp(1).mean()
    parameters = list(tiny.model.parameters())
    for p, slope in zip(parameters, torch.autograd.grad(evidence, parameters), strict=True):
        assert p.grad is not None
        assert_close(-p.grad, slope, rtol=0.02, atol=0.02)


def test_what_is_logged_are_the_bound_at_the_wake_draws_and_the_rate() -> None:
    """At most a share of 1e-6 of all seeds fails, each."""
    tiny = Tiny()
    z = every(3)
    joint, log_q = (f(ROWS.unsqueeze(1), z).detach() for f in (tiny.log_joint, tiny.log_q))
    pairs = torch.cartesian_prod(torch.arange(8), torch.arange(8))
    weight = (joint - log_q)[:, pairs].logsumexp(-1) - torch.tensor(2.0).log()
    prior = log_bits(z[:, 2:], tiny.model.logits) + log_bits(z[:, :2], linear(tiny.model.between[0], z[:, 2:]))
    truths = {
        WakeSleep: (log_q.exp() * (joint - log_q)).sum(1).mean(),
        ReweightedWakeSleep: (log_q[:, pairs].sum(-1).exp() * weight).sum(1).mean(),
    }
    for maker, truth in truths.items():
        learner = maker(tiny.model, tiny.q, draws=2, lr=STILL)
        logs = [learner.step(rows(50)) for _ in range(N_STEPS)]
        assert_mean_is(torch.stack([log["bound"] for log in logs]), truth, "bound")
        rate = (log_q.exp() * (log_q - prior.detach())).sum(1).mean()
        assert_mean_is(torch.stack([log["rate"] for log in logs]), rate, "rate")


def test_one_draw_reweighted_without_its_wake_phi_is_wake_sleep_to_the_bit() -> None:
    ends = []
    for maker, options in ((WakeSleep, {}), (ReweightedWakeSleep, {"draws": 1, "wake_phi": False})):
        torch.manual_seed(2)
        tiny = Tiny()
        learner = maker(tiny.model, tiny.q, **options)
        for _ in range(5):
            learner.step(rows(3))
        ends.append(torch.cat([p.detach().flatten() for p in learner.parameters]))
    assert torch.equal(*ends)


def test_asleep_the_posterior_learns_the_exact_marginals_whichever_values_are_missing() -> None:
    """Within 0.04 for each of nine patterns; 500 steps of 2,048 dreams reach 0.01 to 0.024 by seed."""
    model, q = SigmoidBeliefNetwork(2, [2]), Layered(2, [2], hidden=[16])
    with torch.no_grad():
        for p in model.parameters():
            p.copy_(torch.randn_like(p))
    q.start_at(torch.tensor([[0.0, 1.0]]))
    n, before = 500, [p.clone() for p in model.parameters()]
    learner = Sleep(model, q, observed=(0.0, 1.0), lr=LearningRate(2e-2, total=n))
    batch = Batch(torch.full((2048, 2), torch.nan), torch.arange(2048), 2048)  # no row is looked at
    for _ in range(n):
        learner.step(batch)
    assert all(torch.equal(p, old) for p, old in zip(model.parameters(), before, strict=True))
    states = every(2).float()
    for seen in product([0.0, 1.0, None], repeat=2):
        mask = torch.tensor([[value is not None for value in seen]])
        x = torch.tensor([[value or 0.0 for value in seen]])
        with torch.no_grad():
            row = Batch(x, torch.arange(1), 1, mask=mask)
            share = model.log_joint(states.unsqueeze(1), row).softmax(0)
            assert_close(q.infer(model, row).mean, share.T @ states, rtol=0, atol=0.04)


def test_by_what_sleep_compares_epochs_is_log_q_of_dreams() -> None:
    """Mean of 10,000 dreams: at most a share of 1e-6 of all seeds lies 5 standard errors off. Each look draws the same."""
    torch.manual_seed(4)
    tiny = Tiny()
    model, q = tiny.model.float(), tiny.q.float()
    data = from_arrays(ROWS.repeat(20, 1).bool())
    history = train(Sleep(model, q, lr=LearningRate(1e-12)), data, epochs=2, batch_size=8)
    found = [row["valid_bound"] for row in history.rows]
    assert found[0] == pytest.approx(found[1], abs=1e-6)
    tiny.model.double()
    tiny.q.double()
    z, x = every(3).repeat_interleave(4, 0), every(2).repeat(8, 1)
    with torch.no_grad():
        mass = tiny.log_joint(x, z).exp()
        each = log_bits(z[:, :2], linear(q.bottom.network, (x - q.bottom.center) / q.bottom.spread))
        each = each + log_bits(z[:, 2:], linear(q.between[0], z[:, :2]))
        mean = (mass * each).sum()
        sd = (mass * (each - mean).square()).sum().sqrt()
    assert abs(found[0] - float(mean)) < 5 * float(sd) / 10_000**0.5
    assert history.rows[0]["train_bound"] == pytest.approx(float(mean), abs=5 * float(sd) / len(data.train) ** 0.5)


def test_dreams_are_hidden_where_their_rows_are() -> None:
    tiny, asked = Tiny(), []
    infer = tiny.q.infer
    tiny.q.infer = lambda model, batch: (asked.append(batch), infer(model, batch))[1]  # pyright: ignore[reportAttributeAccessIssue]
    mask = torch.rand(400, 2) < 0.5
    batch = rows()._replace(mask=mask)
    WakeSleep(tiny.model, tiny.q).step(batch._replace(x=batch.x * mask))
    assert torch.equal(asked[1].mask, mask)
    assert not bool((asked[1].x * ~mask).any())
    Sleep(tiny.model, tiny.q, observed=(0.25, 0.25)).step(batch)
    assert not torch.equal(asked[2].mask, mask)
    assert not bool((asked[2].x * ~asked[2].mask).any())
    assert 0.1 < float(asked[2].mask.double().mean()) < 0.4, "800 values, each seen with chance 1/4: sd 0.015"


def test_theta_s_loss_leaves_phi_alone_where_the_prior_is_made_of_posteriors() -> None:
    grads = []
    for frozen in (False, True):
        torch.manual_seed(3)
        q = Amortized(MLP(6, [4], 2, per_value=2, activation="tanh"), DiagonalNormal())
        model = Decoded(VampPrior(2, (6,), components=3, encode=q.encode), MLP(2, [4], 6), Bernoulli())
        model.requires_grad_(not frozen)
        learner = WakeSleep(model, q)
        learner.step(Batch((torch.rand(8, 6) < 0.5).float(), torch.arange(8), 8))
        grads.append(torch.cat([p.grad.flatten() for p in q.parameters() if p.grad is not None]))
    assert torch.equal(*grads)
    assert bool(grads[0].any())


@pytest.mark.parametrize("poison", [torch.nan, torch.inf])
def test_a_bad_row_under_bits_is_skipped_and_does_not_stop_the_draws(poison: float) -> None:
    """torch.bernoulli raises at a chance that is not a number."""
    tiny = Tiny()
    q = Amortized(MLP(2, [], 3), Bernoulli()).double()
    learner = ReweightedWakeSleep(tiny.model, q, draws=2)
    before = [p.clone() for p in learner.parameters]
    assert bool(learner.step(rows()._replace(x=ROWS.repeat(COPIES, 1).index_fill(0, torch.tensor(3), poison)))["skipped"])
    assert all(torch.equal(p, old) for p, old in zip(learner.parameters, before, strict=True))
    assert not bool(learner.step(rows())["skipped"])


def test_a_bad_dream_moves_nothing() -> None:
    model = Decoded(StandardNormal(2), MLP(2, [], 6), Normal(0.5))
    q = Amortized(MLP(6, [4], 2, per_value=2), DiagonalNormal())
    learner, batch = Sleep(model, q), Batch(torch.zeros(8, 6), torch.arange(8), 8)
    bias = model.network.output_bias
    with torch.no_grad():
        bias.fill_(torch.nan)
    before = [p.clone() for p in q.parameters()]
    assert bool(learner.step(batch)["skipped"])
    assert all(torch.equal(p, old) for p, old in zip(q.parameters(), before, strict=True))
    with torch.no_grad():
        bias.fill_(0.0)
    assert not bool(learner.step(batch)["skipped"])
    assert not any(torch.equal(p, old) for p, old in zip(q.parameters(), before, strict=True))
