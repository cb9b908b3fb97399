"""Members of a registry, built without knowing them: required arguments are filled in by name."""

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import pytest

Options = Mapping[str, Any]


def build(maker: Callable[..., Any], options: Options, known: Options) -> Any:
    """``maker`` with ``options``, and with what it requires beyond them taken from ``known`` by the argument's name."""
    required = [
        name
        for name, parameter in inspect.signature(maker).parameters.items()
        if parameter.default is parameter.empty
        and parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
        and name not in options
    ]
    unknown = [name for name in required if name not in known]
    if unknown:
        name = getattr(maker, "__name__", str(maker))
        raise TypeError(f"the laws have no value for {unknown} of {name}; give it a default or name it in the law's KNOWN.")
    return maker(**{name: known[name] for name in required}, **options)


def cases(registry: Mapping[str, Any], variants: Mapping[str, Sequence[Options]] | None = None) -> list[Any]:
    """One pytest parameter set (name, options) for each member by default, and for each of its variants."""
    return list(_cases(registry, variants or {}))


def _cases(registry: Mapping[str, Any], variants: Mapping[str, Sequence[Options]]) -> Iterator[Any]:
    strangers = set(variants) - set(registry)
    assert not strangers, f"variants of {strangers}, which nobody registered"
    for name in registry:
        yield pytest.param(name, {}, id=name)
        for options in variants.get(name, ()):
            plain = (int, float, str, bool, list)
            told = ",".join(f"{k}={v if isinstance(v, plain) else type(v).__name__}" for k, v in options.items())
            yield pytest.param(name, options, id=f"{name}[{told}]")
