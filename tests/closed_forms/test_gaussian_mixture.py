"""The mixture of normals against scikit-learn's, against a sum over its classes, and against its samples."""

import warnings
from itertools import pairwise

import pytest
import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture as TheirMixture
from torch import Tensor
from torch.distributions import Categorical, MultivariateNormal
from torch.testing import assert_close

from helpers.chance import assert_mean_is
from latentia.core import Batch
from latentia.core.errors import LatentiaError, NoClosedForm, ShapeError, SupportError
from latentia.learners import ExpectationMaximization
from latentia.models import GaussianMixture
from latentia.models.gaussian_mixture import Covariance
from latentia.weights import log_weights

C, V = 3, 4
TINY = 1e-12
both = pytest.mark.parametrize("covariance", ["full", "diagonal"])


def batch_of(x: Tensor) -> Batch:
    return Batch(x, torch.arange(len(x)), len(x))


def random_model(covariance: Covariance, n_components: int = C, n_values: int = V) -> GaussianMixture:
    model = GaussianMixture(n_components, n_values, covariance, variance_floor=TINY).double()
    with torch.no_grad():
        for value in model.parameters():
            value.add_(0.5 * torch.randn_like(value))
    return model


def clusters(n: int = 400) -> Tensor:
    """(n, V): rows of a full mixture with far means."""
    truth = random_model("full")
    with torch.no_grad():
        truth.mean.mul_(3)
    return truth.sample(n)


def their_start(model: GaussianMixture, steps: int) -> TheirMixture:
    """scikit-learn's mixture at our parameters, to run exactly ``steps`` iterations with next to no ridge."""
    root = model.scale_tril.detach()
    full = model.covariance == "full"
    precision = torch.linalg.inv(root @ root.mT) if full else (-2 * model.log_scale.detach()).exp()
    return TheirMixture(
        model.n_components,
        covariance_type="full" if full else "diag",
        reg_covar=0,
        tol=0,
        max_iter=steps,
        weights_init=model.logits.detach().softmax(-1).numpy(),
        means_init=model.mean.detach().clone().numpy(),
        precisions_init=precision.numpy(),
    )


def fitted(theirs: TheirMixture, x: Tensor) -> TheirMixture:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # the iterations are counted, not awaited
        return theirs.fit(x.numpy())


@both
def test_the_likelihood_and_the_responsibilities_are_scikit_learn_s(covariance: Covariance) -> None:
    model, x = random_model(covariance), clusters()
    model.start_at(x)
    learner = ExpectationMaximization(model)
    for _ in range(3):
        learner.step(batch_of(x))
    theirs = fitted(their_start(random_model(covariance), 1), x)
    with torch.no_grad():
        theirs.weights_, theirs.means_ = model.logits.softmax(-1).numpy(), model.mean.numpy()
        root = model.scale_tril
        inverse = torch.linalg.inv(root).mT
        theirs.precisions_cholesky_ = (inverse if covariance == "full" else (-model.log_scale).exp()).numpy()
        ours, q = model.log_marginal(x), model.exact_posterior(batch_of(x))
    assert isinstance(q, Categorical)
    assert_close(ours, torch.from_numpy(theirs.score_samples(x.numpy())), rtol=0, atol=1e-8)
    assert_close(q.probs, torch.from_numpy(theirs.predict_proba(x.numpy())), rtol=0, atol=1e-8)


@both
@pytest.mark.parametrize("steps", [1, 60])
def test_steps_are_scikit_learn_s_iterations_from_the_same_start(covariance: Covariance, steps: int) -> None:
    x, model = clusters(), random_model(covariance)
    model.start_at(x)
    theirs = their_start(model, steps)
    learner = ExpectationMaximization(model)
    for _ in range(steps):
        learner.step(batch_of(x))
    fitted(theirs, x)
    root = model.scale_tril.detach()
    spread = root @ root.mT if covariance == "full" else (2 * model.log_scale.detach()).exp()
    close = {"rtol": 0, "atol": 1e-8 if steps == 1 else 1e-3}
    assert_close(model.logits.detach().softmax(-1), torch.from_numpy(theirs.weights_), **close)
    assert_close(model.mean.detach(), torch.from_numpy(theirs.means_), **close)
    assert_close(spread, torch.from_numpy(theirs.covariances_), **close)
    with torch.no_grad():
        assert float(model.log_marginal(x).mean()) == pytest.approx(
            theirs.score(x.numpy()), abs=1e-8 if steps == 1 else 1e-3
        )


@both
def test_the_marginal_is_the_sum_over_classes_and_the_posterior_is_bayes_rule(covariance: Covariance) -> None:
    model, x = random_model(covariance), torch.randn(6, V, dtype=torch.float64)
    with torch.no_grad():
        z = torch.arange(C).unsqueeze(-1).expand(C, 6)
        joint = model.log_joint(z, batch_of(x))
        root = model.scale_tril
        by_hand = MultivariateNormal(model.mean, root @ root.mT).log_prob(x.unsqueeze(1)).T
        assert_close(joint, by_hand + model.logits.log_softmax(-1).unsqueeze(-1))
        assert_close(model.log_marginal(x), joint.logsumexp(0))
        assert_close(model.exact_posterior(batch_of(x)).log_prob(z), joint.log_softmax(0))


@both
def test_every_log_weight_under_the_exact_posterior_is_the_log_marginal(covariance: Covariance) -> None:
    model = random_model(covariance)
    batch = batch_of(model.sample(6))
    q = model.exact_posterior(batch)
    assert (q.batch_shape, q.event_shape) == ((6,), model.z_shape)
    z = q.sample((5,))
    for rows in (6, 1):
        likelihood = model.likelihood(z[:, :rows])
        assert (likelihood.batch_shape, likelihood.event_shape) == ((5, rows), model.x_shape)
    w = log_weights(model, q, batch, z)
    assert_close(w, model.log_marginal(batch.x).expand_as(w), rtol=1e-10, atol=0)


@both
def test_every_parameter_gets_the_gradient_of_the_log_marginal(covariance: Covariance) -> None:
    model, x = random_model(covariance, 2, 2), torch.randn(5, 2, dtype=torch.float64)
    names, values = zip(*model.named_parameters(), strict=True)

    def bound(*parameters: Tensor) -> Tensor:
        return torch.func.functional_call(
            _Marginal(model), {f"model.{n}": p for n, p in zip(names, parameters, strict=True)}, x
        )

    assert torch.autograd.gradcheck(bound, tuple(v.detach().requires_grad_() for v in values))


class _Marginal(torch.nn.Module):
    def __init__(self, model: GaussianMixture) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: Tensor) -> Tensor:
        return self.model.log_marginal(x)


@both
def test_samples_have_the_mean_and_covariance_of_the_marginal(covariance: Covariance) -> None:
    """False alarm: 1e-6 over the seed, for each covariance. First and second moments of 50,000 samples of four values."""
    model = random_model(covariance)
    with torch.no_grad():
        pi, root = model.logits.softmax(-1), model.scale_tril
        mean = pi @ model.mean
        apart = model.mean - mean
        spread = torch.einsum("c,cij->ij", pi, root @ root.mT + apart.unsqueeze(-1) * apart.unsqueeze(-2))
        centered = model.sample(50_000) - mean
    products = centered.unsqueeze(-1) * centered.unsqueeze(-2)
    truth = torch.cat([torch.zeros(1, V, dtype=torch.float64), spread])
    assert_mean_is(torch.cat([centered.unsqueeze(1), products], 1), truth, "moments")


@both
def test_a_component_on_one_row_stops_at_the_floor_and_the_likelihood_still_never_falls(covariance: Covariance) -> None:
    """The best covariance under a floor keeps the axes and raises the short ones; a ridge added to all of them would not."""
    x = torch.cat([clusters(60), torch.full((1, V), 40.0, dtype=torch.float64)])
    model = GaussianMixture(2, V, covariance, variance_floor=0.01).double()
    with torch.no_grad():
        model.mean.copy_(torch.stack([x[:-1].mean(0), x[-1]]))
        model.log_scale.fill_(1.0)
    learner = ExpectationMaximization(model)
    bounds = [float(learner.step(batch_of(x))["bound"]) for _ in range(15)]
    lone = model.scale_tril.detach()[1]
    assert_close(lone @ lone.T, 0.01 * torch.eye(V).double(), rtol=1e-6, atol=1e-8)
    assert all(after >= before - 1e-10 * abs(before) for before, after in pairwise(bounds))


def test_a_flat_direction_is_widened_to_the_floor_and_the_others_are_left_as_they_are() -> None:
    """One component on rows in a plane: the M step is the covariance of the rows, its zero eigenvalue put on the floor."""
    turn, _ = torch.linalg.qr(torch.randn(3, 3, dtype=torch.float64))
    x = torch.randn(50, 3, dtype=torch.float64) * torch.tensor([2.0, 1.0, 0.0]) @ turn
    model = GaussianMixture(1, 3, variance_floor=1e-3).double()
    ExpectationMaximization(model).step(batch_of(x))
    root = model.scale_tril.detach()[0]
    want = torch.cov(x.T, correction=0) + 1e-3 * torch.outer(turn[2], turn[2])
    assert_close(root @ root.T, want, rtol=1e-9, atol=1e-12)


@both
def test_a_component_that_answers_for_no_row_is_named_and_nothing_moves(covariance: Covariance) -> None:
    model, x = random_model(covariance), clusters()
    with torch.no_grad():
        model.mean[1] = 1e6
    before = {name: value.detach().clone() for name, value in model.named_parameters()}
    with pytest.raises(LatentiaError, match="component 1 of 3 answers for none of 400 rows"):
        ExpectationMaximization(model).step(batch_of(x))
    assert all(torch.equal(before[name], value) for name, value in model.named_parameters())


def test_a_covariance_that_rounding_makes_singular_is_named() -> None:
    x = torch.randn(50, 1, dtype=torch.float64) * torch.tensor([[1e9, 1e9, 1e9]])
    model = GaussianMixture(1, 3, variance_floor=1e-9).double()
    with pytest.raises(LatentiaError, match="component 0 of 1 is singular"):
        ExpectationMaximization(model).step(batch_of(x))


@both
def test_started_at_rows_its_components_stand_on_different_ones(covariance: Covariance) -> None:
    """Six tight, far clusters: k-means++ misses one with probability below 1e-5, by the squares of the gaps."""
    centers = 10 * torch.eye(6, dtype=torch.float64)
    x = centers.repeat_interleave(20, 0) + 1e-3 * torch.randn(120, 6, dtype=torch.float64)
    model = GaussianMixture(6, 6, covariance).double()
    model.start_at(x)
    assert sorted(torch.cdist(model.mean.detach(), centers).argmin(-1).tolist()) == list(range(6))
    same = torch.ones(10, 6, dtype=torch.float64)
    model.start_at(same)
    assert_close(model.mean.detach(), same[:6])


def test_what_cannot_be_is_refused() -> None:
    model, x = random_model("full"), torch.randn(5, V, dtype=torch.float64)
    with pytest.raises(NoClosedForm, match="complete rows"):
        model.exact_posterior(batch_of(x)._replace(mask=torch.ones(5, V, dtype=torch.bool)))
    with pytest.raises(NoClosedForm, match="Categorical"):
        model.maximize(x, MultivariateNormal(x, torch.eye(V).double()))
    with pytest.raises(SupportError, match="class index"):
        model.likelihood(torch.zeros(2, 5))
    with pytest.raises(ShapeError, match="got 0 components"):
        GaussianMixture(0, V)
    with pytest.raises(LatentiaError, match="did you mean 'diagonal'"):
        GaussianMixture(2, V, "diagonale")  # pyright: ignore[reportArgumentType]  that is what is refused
    with pytest.raises(LatentiaError, match="variance_floor"):
        GaussianMixture(2, V, variance_floor=-1.0)
