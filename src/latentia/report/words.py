"""A recipe in words. Whatever the recipe does not say is left out, and a name that is not known here is said as it is."""

from collections.abc import Callable, Mapping
from typing import Any

from latentia.data import Dataset
from latentia.report.figures import TIMES, count, listed, plain

NAMES = {
    "bayes-net": "Bayesian network",
    "noisy-or": "noisy-OR network",
    "sigmoid-belief": "sigmoid belief network",
    "one-hot": "one-hot code",
    "mlp": "multilayer perceptron",
    "conv": "convolutional network",
    "standard-normal": "standard normal",
    "vamp": "VampPrior",
    "elbo": "evidence lower bound (ELBO)",
    "iwae": "importance-weighted bound (IWAE)",
    "renyi": "Rényi bound",
    "analytic-kl": "analytic-KL",
    "bernoulli": "Bernoulli",
    "continuous-bernoulli": "continuous Bernoulli",
    "laplace": "Laplace",
    "ppca": "probabilistic PCA",
    "relu": "ReLU",
    "gelu": "GELU",
    "silu": "SiLU",
    "elu": "ELU",
}
BINARIZED = {
    "static": "read as bits that were drawn once",
    "dynamic": "read as probabilities of bits, drawn anew for every training batch and once for held-out rows",
}


# A list of more values is left to the whole recipe.
LONGEST_LIST = 8
TEACHINGS = {
    "wake-sleep": "Wake-sleep: the model learns from the posterior's draws for rows, the posterior from the model's draws",
    "reweighted-wake-sleep": "Reweighted wake-sleep: both learn from the posterior's draws for rows, weighted by the model, "
    "and the posterior from the model's draws, too",
    "sleep": "The model stays as it is; the posterior learns what z was from the model's own draws of z and x",
}


def _noisy_or(own: Mapping[str, Any]) -> str:
    causes, effects, edges = (_length(own.get(key)) for key in ("causes", "effects", "edges"))
    said = options({key: own[key] for key in ("base_rate", "leak") if isinstance(own.get(key), int | float)})
    return (
        f"A row is {count(effects, 'effect')} of {count(causes, 'cause')}, each of which brings effects about by itself: a "
        f"noisy-OR network of {count(edges, 'edge')}{said}."
    )


def _bayes_net(own: Mapping[str, Any]) -> str:
    return f"A row shows some of {count(_length(own.get('variables')), 'variable')} of a Bayesian network; z is all of them."


def _sigmoid_belief(own: Mapping[str, Any]) -> str:
    layers = [int(width) for width in own.get("layers") or [] if isinstance(width, int)]
    within = f" in layers of {listed([f'{width:,}' for width in layers])}" if len(layers) > 1 else ""
    sentence = f"A row is explained by {count(sum(layers), 'bit')}{within}, a sigmoid belief network"
    return f"{sentence}{options({'hidden': own.get('hidden')})}."


def _seen(own: Mapping[str, Any]) -> str:
    """Options of a learner, the shares of a row's values that are seen as a person would say them."""
    rest = options({key: value for key, value in own.items() if key != "observed"})
    shares = own.get("observed")
    if not (isinstance(shares, list | tuple) and len(shares) == 2):
        return rest
    return f"{rest}, with {plain(100 * shares[0])} to {plain(100 * shares[1])} % of a row's values seen"


def _length(value: Any) -> int:
    return len(value) if isinstance(value, list | tuple) else 0


KNOWN_WORDS: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "noisy-or": _noisy_or,
    "bayes-net": _bayes_net,
    "sigmoid-belief": _sigmoid_belief,
}


def describe(recipe: Mapping[str, Any], data: Dataset | None) -> list[str]:
    """Sentences: the data, what generates a row, who infers its latents, how both were fitted.

    >>> describe({"latents": 2, "model": {"name": "decoded", "prior": "standard-normal"}}, None)
    ['A row is explained by 2 latents with a standard normal prior.']
    """
    sentences = (_data(recipe, data), _model(recipe), _posterior(recipe), _fit(recipe))
    return [sentence for sentence in sentences if sentence]


def part(recipe: Mapping[str, Any], key: str) -> tuple[str, dict[str, Any]]:
    """(name, options) of a component, which may be a mapping with a name, a bare name, or missing."""
    value = recipe.get(key)
    if isinstance(value, Mapping):
        return str(value.get("name") or ""), {k: v for k, v in value.items() if k != "name"}
    return (value, {}) if isinstance(value, str) else ("", {})


def spoken(name: str) -> str:
    """A registered name as one would say it.

    >>> spoken("mlp"), spoken("full-rank-normal")
    ('multilayer perceptron', 'full rank normal')
    """
    return NAMES.get(name, name.replace("-", " ").replace("_", " "))


def with_article(words: str) -> str:
    """Words after "a" or "an".

    >>> with_article("encoder"), with_article("row")
    ('an encoder', 'a row')
    """
    return ("an " if words[:1].lower() in "aeiou" else "a ") + words


def options(values: Mapping[str, Any]) -> str:
    """Options in brackets, nothing where there are none that a sentence can hold.

    >>> options({"hidden": [256, 256], "activation": "relu", "norm": "none", "residual": False})
    ' (hidden 256 and 256, activation ReLU)'
    """
    said = [f"{key.replace('_', ' ')} {_value(value)}" for key, value in values.items() if _sayable(value)]
    return f" ({', '.join(said)})" if said else ""


def data_kind(data: Dataset) -> str:
    """What one row is: an image of so many pixels, or so many numbers."""
    shape = data.x_shape
    if not data.is_image:
        return f"{f' {TIMES} '.join(map(str, shape))} numbers"
    colour = "a colour" if shape[0] == 3 else "a grey"
    return f"{colour} image of {shape[2]} {TIMES} {shape[1]} pixels"


def _data(recipe: Mapping[str, Any], data: Dataset | None) -> str:
    name, _ = part(recipe, "data")
    if data is None:
        return f"The data are {name}." if name else ""
    rows = [f"{count(len(getattr(data, split)), 'row')} {why}" for split, why in _SPLITS if len(getattr(data, split))]
    kind = data_kind(data)
    if data.binarize in BINARIZED:
        kind += f", {BINARIZED[data.binarize]}"
    elif data.levels is not None and data.is_image:
        kind += f" with {data.levels} levels"
    return f"The data are {data.name}: {listed(rows)}. Each row is {kind}."


_SPLITS = (("train", "to learn from"), ("valid", "to choose by"), ("test", "to report on"))


def _model(recipe: Mapping[str, Any]) -> str:
    name, own = part(recipe, "model")
    if name in KNOWN_WORDS:
        return KNOWN_WORDS[name](own)
    latents = recipe.get("latents")
    (prior, prior_options), (family, family_options) = part(own, "prior"), part(own, "family")
    if not isinstance(latents, int) and not name:
        return ""
    sentence = "A row is explained by " + (count(latents, "latent") if isinstance(latents, int) else "latents")
    if prior:
        sentence += f" with {with_article(spoken(prior))} prior{options(prior_options)}"
    network = _network(own)
    if network or family:
        what = f"{with_article(spoken(family))} distribution of each value" if family else "a distribution of the row"
        what = "a likelihood of its own for each column" if family == "columns" else what
        sentence += f"; a decoder{network} turns them into {what}{options(family_options)}"
    elif name and name != "decoded":
        sentence += f"; the model is {spoken(name)}{options(own)}"
    return sentence + "."


def _posterior(recipe: Mapping[str, Any]) -> str:
    name, own = part(recipe, "posterior")
    family, family_options = part(own, "family")
    if name == "exact":
        return "The posterior over the latents is exact, in closed form."
    if name == "layered":
        inside = options({"hidden": own.get("hidden")})
        return f"An encoder{inside} answers layer by layer: the bits next to the row first, then those of each layer above."
    if name == "clamped":
        return f"What was observed is believed; an encoder{_network(own)} answers for the other variables."
    if name == "amortized":
        reads = "a row, and which of its values were seen," if own.get("see_mask") else "a row"
        answer = f"{with_article(spoken(family))}{options(family_options)}" if family else "a distribution"
        return f"An encoder{_network(own)} reads {reads} and answers with {answer} over its latents."
    return f"The posterior over the latents is {spoken(name)}{options(own)}." if name else ""


def _fit(recipe: Mapping[str, Any]) -> str:
    bound, bound_options = part(recipe, "bound")
    gradient, gradient_options = part(recipe, "gradient")
    _, fit = part(recipe, "fit")
    draws = recipe.get("draws")
    learner, learner_options = part(recipe, "learner")
    if not bound and not fit:
        return ""
    if learner == "em":
        how_long = f" for at most {_value(fit['epochs'])} epochs" if _sayable(fit.get("epochs")) else ""
        return f"Expectation-maximization{options(learner_options)} asks what z is, then moves the model, in turn{how_long}."
    pace = [words.format(_value(fit[key])) for key, words in _PACE.items() if _sayable(fit.get(key))]
    if fit.get("lr_decay") == "cosine":
        pace[-1:] = [f"{last}, falling along a cosine" for last in pace[-1:]]
    how_fast = (f", {listed(pace)}" if pace else "") + "."
    if learner in TEACHINGS:
        k = f", with {count(draws, 'draw')} a row" if isinstance(draws, int) and draws > 1 else ""
        return f"{TEACHINGS[learner]}{_seen(learner_options)}{k}{how_fast}"
    sentence = f"Both raise the {spoken(bound)}{options(bound_options)}" if bound else "Both are fitted"
    if isinstance(draws, int):
        sentence += f" with {count(draws, 'draw')} a row"
    if gradient and gradient != "auto":
        sentence += f" by the {spoken(gradient)} gradient{options(gradient_options)}"
    sentence += how_fast
    beta, rise = fit.get("beta", 1.0), fit.get("kl_warm_up", 0)
    if isinstance(beta, int | float) and beta != 1:
        sentence += f" The KL counts {plain(beta)} times."
    if isinstance(rise, int) and rise > 0:
        sentence += f" Its weight rises over the first {count(rise, 'step')}."
    return sentence


_PACE = {
    "epochs": "for at most {} epochs",
    "batch_size": "in batches of {} rows",
    "lr": "at learning rate {}",
}


def _network(own: Mapping[str, Any]) -> str:
    name, values = part(own, "network")
    return f", {with_article(spoken(name))}{options(values)}," if name else ""


def _sayable(value: Any) -> bool:
    """Whether a sentence should mention a value: what is off, empty or nested is left to the whole recipe."""
    if isinstance(value, list | tuple):
        return 0 < len(value) <= LONGEST_LIST and all(isinstance(v, str | int | float) for v in value)
    return isinstance(value, str | int | float) and value not in ("", "none") and value is not False


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, int | float):
        return plain(value)
    if isinstance(value, list | tuple):
        return listed([_value(v) for v in value])
    return spoken(str(value))
