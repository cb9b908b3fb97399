"""What can be refused before the first step, and what to say when a later one goes wrong."""

import math
from collections import Counter

import torch
from torch.distributions import Distribution

from latentia.core import Batch
from latentia.core.checks import check_finite, check_shape, check_support
from latentia.core.errors import DataError, LatentiaError, NonFinite, ShapeError, SupportError
from latentia.data import Dataset, Split
from latentia.evaluation import quiet
from latentia.gradients.base import plain_draws
from latentia.learners import Learner
from latentia.training.history import History
from latentia.training.matmul import Product, Products
from latentia.weights import terms

ROWS_AT_ONCE, VALUES_AT_ONCE = 10_000, 1 << 22


def check_fit(learner: Learner, data: Dataset, epochs: int, batch_size: int) -> int:
    """Refuse what could only fail or mislead later.

    Returns:
        steps an epoch.

    Raises:
        DataError: no training rows, or a batch size below 1.
        LatentiaError: no epochs, or schedules that do not fit.
        ShapeError: model and data do not fit each other.
    """
    if epochs < 1:
        raise LatentiaError(f"epochs is {epochs}, wanted at least 1: zero steps would leave an untrained model.")
    if batch_size < 1:
        raise DataError(f"the batch size is {batch_size}, wanted at least 1.")
    n = len(data.train)
    if not n:
        raise DataError(f"{data.name!r} has no training rows, so no step could be taken; give it some.")
    cure = "build the model with data.x_shape, or flatten the rows first where it takes vectors."
    check_shape("a row of the data", data.x_shape, learner.model.x_shape, cure=cure)
    if data.train.given is not None:
        raise DataError("these rows come with `given`, which no part here conditions on yet; leave it out.")
    if learner.full_batch and not isinstance(data.train, Split):
        raise DataError(
            f"{type(learner).__name__} takes all training rows in one step, and those of {data.name!r} stay on disk; choose "
            "a learner that takes batches, or give fewer rows."
        )
    steps = -(-n // batch_size)
    learner.check(epochs * steps)
    return steps


@torch.no_grad()
def check_first_batch(learner: Learner, data: Dataset, batch: Batch) -> None:
    """Everything torch would validate at every step, once: support, shapes, finiteness.

    Raises:
        SupportError: values where the likelihood puts no mass.
        ShapeError: a posterior of the wrong shape.
        NonFinite: a first log-weight that is not finite.
    """
    model = learner.model
    z = model.sample_prior(1, None if batch.given is None else batch.given[:1])
    likelihood = model.likelihood(z.reshape(1, 1, *model.z_shape), None if batch.given is None else batch.given[:1])
    name = f"the likelihood {_name(model)}"
    cure = _that_fit(data)
    check_support(name, likelihood, batch.x, cure=cure, mask=batch.mask)
    if not data.train.draw_bits:
        at_once = max(1, min(ROWS_AT_ONCE, VALUES_AT_ONCE // max(1, batch.x[0].numel())))
        for whole in data.train.batches(at_once):
            check_support(name, likelihood, whole.x, cure=cure, mask=whole.mask)
    _check_held_out(name, likelihood, data, cure)
    q = learner.posterior.infer(model, batch)
    if tuple(q.event_shape) != tuple(model.z_shape):
        raise ShapeError(
            f"the posterior is over z of shape {tuple(q.event_shape)}, the model's z has {tuple(model.z_shape)}; "
            "build the encoder for as many latents as the prior has."
        )
    prior = model.prior(batch.given)
    if q.support is not None and prior.support is not None and q.support.is_discrete != prior.support.is_discrete:
        kinds = ("a density", "a mass")
        raise SupportError(
            f"the posterior gives {kinds[q.support.is_discrete]} and the prior {kinds[prior.support.is_discrete]}, so no "
            "KL between them is finite; choose 'diagonal-normal', 'full-rank-normal' or 'flow' for a continuous z."
        )


@torch.no_grad()
def products_of(learner: Learner, batch: Batch) -> Counter[Product]:
    """The products of matrices in a step's pass through posterior and model; random state and training mode stay."""
    with quiet(learner.model, learner.posterior, seed=0), Products() as products:
        q = learner.posterior.infer(learner.model, batch)
        terms(learner.model, q, batch, plain_draws(q, learner.draws))
    return products.seen


@torch.no_grad()
def name_the_culprit(learner: Learner, batch: Batch, step: int) -> NonFinite:
    """The first quantity on the way from data to gradient that is not finite, as an error to raise."""
    rows = batch.row.tolist()
    where = f"at step {step} (rows {', '.join(map(str, rows[:5]))}{', ...' if len(rows) > 5 else ''})"
    cure = f"the learning rate was {learner.lr:g}: try a tenth of it, or clip=10, the gradient's largest norm"
    try:
        for name, parameter in learner.modules.named_parameters():
            check_finite(f"{name} {where}", parameter, cure=cure)
        check_finite(f"x {where}", batch.x, cure="drop or impute those rows", mask=batch.mask)
        why = learner.posterior.diagnose(learner.model, batch)
        if why is not None:
            return NonFinite(f"{why} ({where}).")
        q = learner.posterior.infer(learner.model, batch)
        z = plain_draws(q, 1)
        check_finite(f"z drawn from q {where}", z.squeeze(0), cure=cure)
        drawn = terms(learner.model, q, batch, z)
        for name, value in zip(("log p(x | z)", "log p(z)", "log q(z | x)"), drawn, strict=True):
            check_finite(f"{name} {where}", value.squeeze(0), cure=cure)
    except NonFinite as found:
        return found
    return NonFinite(f"the gradient {where} is not finite though every term of the bound is; {cure}.")


def _check_held_out(name: str, likelihood: Distribution, data: Dataset, cure: str) -> None:
    """What training would not meet, and measuring would answer with minus infinity."""
    for what, split in (("valid", data.valid), ("test", data.test)):
        for batch in split.batches(ROWS_AT_ONCE) if len(split) and not split.draw_bits else ():
            check_support(f"{name} in {what}", likelihood, batch.x, cure=cure, mask=batch.mask)


def _that_fit(data: Dataset) -> str:
    """Which likelihoods hold such values, by the values that were seen."""
    low, high, whole = data.train.value_range()
    fit = ["normal", "laplace"]
    if whole and low >= 0:
        fit = ["bernoulli", *fit] if high <= 1 else ["negative-binomial", "poisson", *fit]
    elif low > 0 and high < 1:
        fit = ["beta", "continuous-bernoulli", *fit]
    elif low >= 0 and high <= 1:
        fit = ["continuous-bernoulli", *fit]
    bits = ", or binarize='dynamic' to make bits of greys" if low >= 0 and high <= 1 and not whole else ""
    return f"the training rows, {low:g} to {high:g}{', all whole' * whole}, fit families {', '.join(fit)}: choose one{bits}."


def _name(model: object) -> str:
    family = getattr(model, "family", None)
    return type(model if family is None else family).__name__


def check_outcome(history: History, lr: float) -> None:
    """Refuse to call a training done that has nothing to show.

    Args:
        history: of all its epochs.
        lr: the learning rate that it came to.

    Raises:
        NonFinite: no epoch that counts ended with a finite bound.
    """
    if history.best_epoch is not None:
        return
    skipped = len(history.skipped_steps)
    if not skipped and history.rows and history.rows[-1]["valid_bound"] == -math.inf:
        raise NonFinite(
            "the bound on the validation rows was -inf after every epoch though every step was finite: the posterior "
            "draws what is impossible under the model, which no learning rate mends; use learner 'sleep', which needs "
            "no such bound, or a model without probabilities of zero."
        )
    raise NonFinite(
        f"no epoch ended with a finite bound ({skipped} steps were skipped); "
        f"the learning rate was {lr:g}: try a tenth of it, or clip=10, the gradient's largest norm."
    )
