"""From names to objects: the one place where strings become parts, each built by its registry's class."""

import inspect
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast, get_type_hints

from pydantic import ConfigDict, TypeAdapter, ValidationError

from latentia.bounds import BOUNDS, Bound
from latentia.core.errors import RecipeError, nearest
from latentia.data import Schema
from latentia.families import FAMILIES, Family
from latentia.gradients import GRADIENTS, Gradient
from latentia.learners import LEARNERS, Learner
from latentia.models import MODELS, Decoded, GenerativeModel
from latentia.networks import NETWORKS, Network
from latentia.posteriors import POSTERIORS, Amortized, Iterative, Posterior
from latentia.priors import PRIORS, Prior, VampPrior
from latentia.recipe.defaults import default_family, default_posterior_family, family_columns
from latentia.recipe.schema import Component, Recipe
from latentia.recipe.sizes import check_size
from latentia.recipe.source import with_source

# Constructor arguments that follow from the data and the latents; a recipe neither needs nor may set them.
FROM_CONTEXT = ("n_latents", "n_values", "x_shape", "z_shape", "in_shape", "out_shape", "per_value", "encode")
# What a posterior, and what its family, takes from the model where a recipe leaves it out.
POSTERIOR_FROM_MODEL, FAMILY_FROM_MODEL = ("layers",), ("sizes",)
# What a required option is where a recipe does not say.
IF_MISSING = {"hidden": [256, 256]}
# More characters of a value than this are left out of a message.
LONG = 80


@dataclass(frozen=True)
class Context:
    """What parts must know that no recipe says.

    Attributes:
        fixed: values for arguments named in ``FROM_CONTEXT``.
        defaults: values for options that a recipe leaves out, where the data know better than the constructor.
    """

    fixed: Mapping[str, Any]
    defaults: Mapping[str, Any] = field(default_factory=dict)

    def with_fixed(self, **more: Any) -> "Context":
        """The same with more fixed arguments."""
        return Context({**self.fixed, **more}, self.defaults)


def build(recipe: Recipe, x_shape: tuple[int, ...], levels: int | None = None) -> tuple[GenerativeModel, Posterior]:
    """The recipe's model and posterior, with fresh weights from torch's current random state.

    Args:
        recipe: what to build.
        x_shape: shape of one row.
        levels: grey levels of the data, for families that ask.

    Raises:
        RecipeError: an unknown name or option (with the nearest), a value of the wrong kind.
    """
    model = build_model(recipe.model, x_shape, recipe.latents, levels, recipe.data.schema_)
    posterior = build_posterior(recipe.posterior, model)
    attach(model, posterior)
    return model, posterior


def build_model(
    component: Component,
    x_shape: tuple[int, ...] | None,
    n_latents: int,
    levels: int | None = None,
    schema: Schema | None = None,
    counts: bool = False,
) -> GenerativeModel:
    """A model by itself, for rows of ``x_shape``; raises as ``build``.

    Args:
        component: its name and options, or its source.
        x_shape: shape of one row; None where the model alone knows it.
        n_latents: length of z, for priors that ask.
        levels: grey levels of the data, for families that ask.
        schema: of a table.
        counts: the values count something.

    Raises:
        RecipeError: also where a model has to be told ``x_shape`` and is not.
        DataError: a source that is not to be had.
    """
    name, options = split_component("model", with_source(component))
    wanted = constructor_parameters(lookup("model", name, MODELS))
    if x_shape is None and ("network" in wanted or {"x_shape", "n_values"} & wanted.keys()):
        raise RecipeError(
            f"model {name!r} has to be learned from rows before it can draw any; give it data, or draw from a known model, "
            "such as model.source=asia."
        )
    known: dict[str, Any] = {"levels": levels} if levels else {}
    known |= {"columns": family_columns(schema)} if schema else {}
    context = _context(x_shape or (), n_latents, known)
    parts: dict[str, object] = {}
    if wanted.get("prior") is Prior:
        parts["prior"] = make("model.prior", options.pop("prior", {}), PRIORS, context, default="standard-normal")
    if wanted.get("family") is Family:
        default = default_family(levels, schema, counts)
        parts["family"] = make("model.family", options.pop("family", {}), FAMILIES, context, default=default)
    if wanted.get("network") is Network:
        z_shape = cast("Prior", parts["prior"]).z_shape
        per_value = cast("Family", parts["family"]).raw_per_value
        shapes = context.with_fixed(in_shape=z_shape, out_shape=x_shape, per_value=per_value)
        decoders = {key: pair.decoder for key, pair in NETWORKS.items()}
        parts["network"] = make("model.network", options.pop("network", {}), decoders, shapes, default="mlp")
    return cast("GenerativeModel", make("model", {"name": name, **options}, MODELS, context, parts))


def build_posterior(component: Component, model: GenerativeModel, known: Mapping[str, Any] | None = None) -> Posterior:
    """A posterior for a model's z and x; raises as ``build``.

    Args:
        component: its name and options.
        model: what it knows fills options that are left out.
        known: what the data know, likewise; see ``encoder_options``.
    """
    x_shape, z_shape = tuple(model.x_shape), tuple(model.z_shape)
    own, familys = (
        {name: getattr(model, name) for name in names if hasattr(model, name)}
        for names in (POSTERIOR_FROM_MODEL, FAMILY_FROM_MODEL)
    )
    own |= known or {}
    context = _context(x_shape, z_shape[0], own)
    name, options = split_component("posterior", component)
    kind = lookup("posterior", name, POSTERIORS)
    wanted = constructor_parameters(kind)
    parts: dict[str, object] = {}
    if wanted.get("family") is Family:
        default, shapes = default_posterior_family(model), Context(context.fixed, familys)
        parts["family"] = make("posterior.family", options.pop("family", {}), FAMILIES, shapes, default=default)
    if wanted.get("network") is Network:
        family = cast("Family", parts["family"])
        in_shape, per_value = x_shape, family.raw_per_value
        if "see_mask" in wanted:
            see_mask = _checked("posterior.see_mask", options.get("see_mask", own.get("see_mask", False)), bool)
            in_shape = Amortized.input_shape(x_shape, bool(see_mask))
        if issubclass(cast("type", kind), Iterative):
            in_shape, per_value = Iterative.network_shapes(family, z_shape)
        shapes = context.with_fixed(in_shape=in_shape, out_shape=z_shape, per_value=per_value)
        encoders = {key: pair.encoder for key, pair in NETWORKS.items()}
        parts["network"] = make("posterior.network", options.pop("network", {}), encoders, shapes, default="mlp")
    return cast("Posterior", make("posterior", {"name": name, **options}, POSTERIORS, context, parts))


def build_bound(recipe: Recipe) -> Bound:
    """The recipe's bound."""
    return cast("Bound", make("bound", recipe.bound, BOUNDS, Context({})))


def build_gradient(recipe: Recipe, x_shape: tuple[int, ...], z_shape: tuple[int, ...]) -> Gradient:
    """The recipe's gradient, for rows of ``x_shape`` and a z of ``z_shape``; networks in it have fresh weights."""
    context = Context({"x_shape": x_shape, "z_shape": z_shape})
    return cast("Gradient", make("gradient", recipe.gradient, GRADIENTS, context))


def build_learner(component: Component, offered: Mapping[str, object]) -> Learner:
    """A learner by name, with what it wants of the parts and numbers that are ``offered``.

    Raises:
        RecipeError: an unknown name or option.
        LatentiaError: parts that the learner refuses.
    """
    wanted = learner_parameters(component)
    parts = {key: value for key, value in offered.items() if key in wanted}
    return cast("Learner", make("learner", component, LEARNERS, Context({}), parts))


def learner_parameters(component: Component) -> dict[str, Any]:
    """What a learner's constructor takes, by name; raises as ``build_learner``."""
    name, _ = split_component("learner", component)
    return constructor_parameters(lookup("learner", name, LEARNERS))


def attach(model: GenerativeModel, posterior: Posterior) -> None:
    """Introduce a prior that is made of posteriors to the encoder it is made by.

    Raises:
        RecipeError: there is no encoder.
    """
    if isinstance(model, Decoded) and isinstance(model.p_z, VampPrior):
        if not isinstance(posterior, Amortized):
            raise RecipeError("prior 'vamp' is a mixture of an encoder's answers, so it needs posterior 'amortized'.")
        model.p_z.attach(posterior.encode)


def _context(x_shape: tuple[int, ...], n_latents: int, defaults: Mapping[str, Any] | None = None) -> Context:
    return Context({"n_latents": n_latents, "n_values": math.prod(x_shape), "x_shape": x_shape}, defaults or {})


def make(
    path: str,
    component: Component | str,
    registry: Mapping[str, Any],
    context: Context,
    parts: Mapping[str, object] | None = None,
    default: str | None = None,
) -> object:
    """One component: its class by name, its options checked against the class's constructor.

    Args:
        path: where it stands in the recipe, for messages.
        component: name and options.
        registry: names to classes.
        context: what follows from the data.
        parts: arguments that are built already.
        default: the name where the component has none.

    Raises:
        RecipeError: an unknown name or option, a value of the wrong kind, one that the constructor refuses.
    """
    name, options = split_component(path, component, default)
    cls = lookup(path, name, registry)
    parameters = constructor_parameters(cls)
    arguments = dict(parts or {})
    settable = [p for p in parameters if p not in FROM_CONTEXT and p not in arguments]
    for option, value in options.items():
        if option not in settable:
            hint = nearest(option, settable) if settable else f"{name!r} has no options"
            raise RecipeError(f"{path}.{option}: unknown option of {name!r}; {hint}")
        arguments[option] = _checked(f"{path}.{option}", value, parameters[option])
    for parameter in parameters:
        if parameter in context.fixed:
            arguments[parameter] = context.fixed[parameter]
        elif parameter in context.defaults and parameter not in arguments:
            arguments[parameter] = context.defaults[parameter]
    for parameter in _required(cls):
        if parameter in arguments:
            continue
        if parameter not in IF_MISSING:
            raise RecipeError(f"{path}.{parameter} is missing; {name!r} cannot be built without it.")
        arguments[parameter] = IF_MISSING[parameter]
    if path.endswith(".network"):
        check_size(path, cls, arguments)
    return cls(**arguments)


def split_component(path: str, component: object, default: str | None = None) -> tuple[str, dict[str, Any]]:
    """(name, options) of {"name": ..., ...}, of a bare name, or of options alone where there is a default."""
    if isinstance(component, str):
        return component, {}
    if isinstance(component, dict) and default is not None:
        component = {"name": default, **component}
    if not isinstance(component, dict) or not isinstance(component.get("name"), str):
        raise RecipeError(f'{path} is {component!r}, wanted a name or {{"name": ..., option: value}}.')
    return component["name"], {k: v for k, v in component.items() if k != "name"}


def lookup(path: str, name: str, registry: Mapping[str, Any]) -> Callable[..., object]:
    """A registry's class by name."""
    if name not in registry:
        raise RecipeError(f"{path}: there is no {name!r}; {nearest(name, list(registry))}")
    return registry[name]


def constructor_parameters(cls: Callable[..., object]) -> dict[str, Any]:
    """A class's constructor arguments and their types; empty where it takes none of its own."""
    signature = inspect.signature(cls)
    named = [p.name for p in signature.parameters.values() if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    hints = get_type_hints(cls.__init__) if named else {}
    return {name: hints.get(name, Any) for name in named}


def _required(cls: Callable[..., object]) -> list[str]:
    parameters = inspect.signature(cls).parameters
    return [name for name in constructor_parameters(cls) if parameters[name].default is inspect.Parameter.empty]


def _checked(path: str, value: object, annotation: Any) -> object:
    try:
        return TypeAdapter(annotation, config=ConfigDict(arbitrary_types_allowed=True)).validate_python(value)
    except ValidationError as error:
        first = error.errors()[0]
        place = "".join(f"[{at}]" for at in first["loc"] if isinstance(at, int))
        shown = repr(first["input"])
        shown = shown if len(shown) <= LONG else f"{shown[:LONG]}..."
        raise RecipeError(f"{path}{place} is {shown}: {first['msg'][0].lower()}{first['msg'][1:]}") from None
