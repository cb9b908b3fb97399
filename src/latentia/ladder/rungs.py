"""The rungs by name: which posterior each is, what it needs, and how it is trained if it must be."""

import re
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from functools import cached_property

import torch
from torch.distributions import MultivariateNormal

from latentia.core import Batch
from latentia.core.errors import LatentiaError, RecipeError, nearest
from latentia.families import Bernoulli, DiagonalNormal, Family, FullRankNormal
from latentia.models import GenerativeModel, HasExactPosterior
from latentia.posteriors import (
    POSTERIORS,
    Amortized,
    Clamped,
    Exact,
    Iterative,
    Layered,
    MeanField,
    PerDatum,
    Posterior,
    Refined,
    SemiAmortized,
)
from latentia.recipe import (
    Component,
    build_posterior,
    constructor_parameters,
    default_posterior_family,
    describe_posterior,
)

# The network of an iterative posterior sees slopes and no rows, so that the encoder's would not do.
ITERATIVE: Component = {"name": "mlp", "hidden": [256, 256], "activation": "elu"}


class Scene:
    """What a rung may be made from.

    Args:
        model: p, trained and held still.
        own: the posterior that it was trained with.
        batch: a few rows to look at.
        train: fits a posterior to the model, and says in how many seconds.

    Attributes:
        encoder_seconds: spent on an encoder, where the model came with none.
    """

    def __init__(self, model: GenerativeModel, own: Posterior, batch: Batch, train: Callable[[Posterior], float]) -> None:
        self.model, self.own, self.batch, self.train = model, own, batch, train
        self.encoder_seconds = 0.0

    @property
    def family(self) -> Family:
        """A copy of the run's own, which its encoder has, too; diagonal normals where its posterior has none."""
        return deepcopy(getattr(self.own, "family", None)) or DiagonalNormal()

    @property
    def encoder_component(self) -> Component:
        """How to build another encoder like the model's; nothing is trained to know it."""
        own = self.own.encoder if isinstance(self.own, SemiAmortized) else self.own
        try:
            component = describe_posterior(own)
        except RecipeError:
            component = {}
        wanted = component if isinstance(own, Amortized) else {k: v for k, v in component.items() if k == "family"}
        return {**wanted, "name": "amortized"}

    @cached_property
    def encoder(self) -> Amortized:
        """The model's own encoder, or one trained for it when it is first asked for."""
        if isinstance(self.own, Amortized):
            return self.own
        if isinstance(self.own, SemiAmortized):
            return self.own.encoder
        found = build_posterior(self.encoder_component, self.model)
        assert isinstance(found, Amortized)
        self.encoder_seconds = self.train(found)
        return found


@dataclass(frozen=True)
class RungKind:
    """How to come by a rung.

    Attributes:
        about: a sentence.
        make: the posterior, from the scene; raises ``LatentiaError`` where the rung is not to be had.
        trained: whether parameters have to be learned on training rows, with the model held still.
        searched: whether numbers are searched for at each row.
    """

    about: str
    make: Callable[[Scene], Posterior]
    trained: bool = False
    searched: bool = False


def _exact(scene: Scene) -> Posterior:
    if not isinstance(scene.model, HasExactPosterior):
        raise LatentiaError(f"{type(scene.model).__name__} has no posterior in closed form")
    return Exact()


def _mean_field(scene: Scene) -> Posterior:
    if not isinstance(scene.model, HasExactPosterior) or not isinstance(
        scene.model.exact_posterior(scene.batch), MultivariateNormal
    ):
        raise LatentiaError(f"the factors of {type(scene.model).__name__}'s posterior have no closed form")
    return MeanField()


def _n_latents(scene: Scene) -> int:
    return scene.model.z_shape.numel()


def _like(scene: Scene, changes: Component) -> Posterior:
    """A fresh posterior with networks like the encoder's."""
    component = scene.encoder_component
    # Networks and families serve all; other options are the encoder's own.
    has = constructor_parameters(POSTERIORS[changes.get("name", component["name"])])
    kept = {option: value for option, value in component.items() if option in ("name", *has)}
    return build_posterior({**kept, **changes}, scene.model)


def _semi_amortized(scene: Scene) -> Posterior:
    _check_reals(scene, "a search along slopes")
    if isinstance(scene.own, SemiAmortized):
        return scene.own
    encoder = deepcopy(scene.encoder)
    found = SemiAmortized(
        encoder.network,
        encoder.family,
        see_mask=encoder.see_mask,
        scale_each=encoder.scale_each,
        log_values=encoder.log_values,
    )
    # Whatever the encoder learned of the data's place and spread goes with it.
    found.encoder.load_state_dict(encoder.state_dict())
    found.fresh = False
    return found


def _black_box(scene: Scene) -> Posterior:
    kinds: dict[str, type[Family]] = {"diagonal-normal": DiagonalNormal, "bernoulli": Bernoulli}
    kind = kinds.get(default_posterior_family(scene.model))
    if kind is None:
        raise LatentiaError("the search is over vectors of reals or of bits, and these latents are codes")
    return PerDatum(kind(), _n_latents(scene), steps=500, lr=0.05, draws=64, gradient="score-function")


def _full_rank(scene: Scene) -> Posterior:
    _check_reals(scene, "a covariance")
    return PerDatum(FullRankNormal(_n_latents(scene)), _n_latents(scene), steps=1000, lr=0.05, draws=8)


def _encoder(scene: Scene) -> Posterior:
    """What answers by networks alone; the run's own where it learned one of a kind that no other rung starts from."""
    return scene.own if isinstance(scene.own, Clamped | Layered) else scene.encoder


def _searched(scene: Scene, make: Callable[[], Posterior]) -> Posterior:
    """A posterior that follows slopes in z, which a discrete z has none of; said before an encoder is trained for it."""
    _check_reals(scene, "a search along slopes")
    return make()


def _refined(steps: int) -> Callable[[Scene], Posterior]:
    return lambda scene: _searched(scene, lambda: Refined(scene.encoder, steps))


def _check_reals(scene: Scene, what: str) -> None:
    if default_posterior_family(scene.model) != "diagonal-normal":
        raise LatentiaError(f"{what} is of real latents, and these are discrete")


def _iterative(scene: Scene) -> Posterior:
    _check_reals(scene, "a search along slopes")
    if isinstance(scene.own, Iterative):
        return scene.own
    return _like(scene, {"name": "iterative", "network": ITERATIVE})


def _flow(scene: Scene) -> Posterior:
    _check_reals(scene, "a flow")
    if _n_latents(scene) < 2:
        raise LatentiaError("a flow needs at least two latents")
    found = _like(scene, {"family": {"name": "inverse-autoregressive"}})
    if isinstance(found, Amortized) and isinstance(scene.family, DiagonalNormal):
        _begin_at(found, scene.encoder)
    return found


def _begin_at(flow: Amortized, encoder: Amortized) -> None:
    """Give a flow's network the encoder's weights; of the last layer the rows that say mean and scale.

    Those are a flow's first two raw numbers, too, and an untrained flow bends little, so that it begins near the encoder's
    answer.
    """
    ours, theirs = flow.state_dict(), encoder.state_dict()
    last = flow.network.output_bias.numel(), encoder.network.output_bias.numel()
    with torch.no_grad():
        for name in ours.keys() & theirs.keys():
            mine, given = ours[name], theirs[name]
            if mine.shape == given.shape:
                mine.copy_(given)
            elif mine.shape[1:] == given.shape[1:] and (len(mine), len(given)) == last:
                mine[: len(given)].copy_(given)
    flow.fresh = encoder.fresh


RUNGS: dict[str, RungKind] = {
    "exact": RungKind("the model's own posterior, in closed form", _exact),
    "mean-field": RungKind("coordinate ascent over a product of normals, in closed form", _mean_field),
    "black-box": RungKind(
        "per-datum VI by the score function, in products of normals or bits: 500 steps of 64 draws",
        _black_box,
        searched=True,
    ),
    "per-datum": RungKind(
        "per-datum VI from nothing, in the run's own family: 1,000 reparameterized steps of 8 draws",
        lambda s: _searched(s, lambda: PerDatum(s.family, _n_latents(s), steps=1000, draws=8)),
        searched=True,
    ),
    "full-rank": RungKind(
        "per-datum VI with a full covariance: 1,000 steps of 8 draws",
        _full_rank,
        searched=True,
    ),
    "encoder": RungKind("one network for all rows", _encoder),
    "encoder+5": RungKind("the encoder, then 5 steps of per-datum VI", _refined(5), searched=True),
    "encoder+20": RungKind("the encoder, then 20 steps of per-datum VI", _refined(20), searched=True),
    "encoder+200": RungKind("the encoder, then 200 steps of per-datum VI", _refined(200), searched=True),
    "semi-amortized": RungKind(
        "the encoder trained on, through 5 steps with learned rates", _semi_amortized, trained=True, searched=True
    ),
    "iterative": RungKind("a network that sees the bound's slope, 5 times", _iterative, trained=True, searched=True),
    "flow": RungKind("the encoder trained on, with an inverse autoregressive flow for its family", _flow, trained=True),
}
DEFAULT_RUNGS = tuple(name for name in RUNGS if name not in ("full-rank", "encoder+200"))
_STEPS = re.compile(r"encoder\+([1-9]\d{0,4})")


def rung_kind(name: str) -> RungKind:
    """A rung by name; "encoder+N" for any N.

    Raises:
        LatentiaError: there is no such rung, with the nearest.
    """
    if name in RUNGS:
        return RUNGS[name]
    if steps := _STEPS.fullmatch(name):
        n = int(steps[1])
        return RungKind(f"the encoder, then {n} steps of per-datum VI", _refined(n), searched=True)
    raise LatentiaError(f"there is no rung {name!r}; {nearest(name, list(RUNGS))}")
