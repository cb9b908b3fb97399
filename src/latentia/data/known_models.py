"""Models that others have published with all their numbers, by name or from a file.

Lauritzen & Spiegelhalter (1988) for asia, Spiegelhalter et al. (1993) for child, Beinlich et al. (1989) for alarm, Onisko
(2003) for hepar2; Rotmensch et al. (2017), Learning a Health Knowledge Graph from Electronic Medical Records.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from latentia.core.errors import DataError, nearest
from latentia.data.bif import read_bif
from latentia.data.health_graph import FORMS, read_health_graph
from latentia.data.sources import File, Form, locate

ENDINGS = (".bif", ".bif.gz")


@dataclass(frozen=True)
class KnownModel:
    """A model known by name.

    Attributes:
        model: its name in ``MODELS``.
        about: one line for a list.
        home: the folder of its files.
        forms: the forms in which they are found, best first.
        read: paths by file name -> constructor options.
    """

    model: str
    about: str
    home: str
    forms: tuple[Form, ...]
    read: Callable[[Mapping[str, Path]], dict[str, Any]]


def _network(name: str, about: str) -> KnownModel:
    # No checksum of the published files could be confirmed, so they are read where they are, never downloaded.
    packed = File(f"{name}.bif.gz", f"https://www.bnlearn.com/bnrepository/{name}/{name}.bif.gz")
    forms = ((packed,), (File(f"{name}.bif"),))
    return KnownModel("bayes-net", about, "bayes_nets", forms, _read_network)


def _read_network(paths: Mapping[str, Path]) -> dict[str, Any]:
    (path,) = paths.values()
    return {"variables": read_bif(path)}


KNOWN_MODELS: dict[str, KnownModel] = {
    "asia": _network("asia", "8 variables around a visit to a chest clinic"),
    "child": _network("child", "20 variables of a newborn that may have a heart disease"),
    "alarm": _network("alarm", "37 variables of a patient under anaesthesia"),
    "hepar2": _network("hepar2", "70 variables of liver disorders"),
    "health_knowledge_graph": KnownModel(
        "noisy-or", "156 diseases and 330 symptoms of emergency patients", "health_knowledge_graph", FORMS, read_health_graph
    ),
}


def known_model(source: str, folder: str | Path | None = None) -> tuple[str, dict[str, Any]]:
    """(name in ``MODELS``, constructor options) of a known model, or of a .bif or .bif.gz file.

    Args:
        source: a key of ``KNOWN_MODELS``, or a path that ends in .bif or .bif.gz.
        folder: looked up here in place of the cache, as ``<folder>/bayes_nets/``.

    Raises:
        DataError: there is no such model, or its file is missing or damaged.
    """
    if source in KNOWN_MODELS:
        entry = KNOWN_MODELS[source]
        return entry.model, entry.read(locate(entry.home, entry.forms, folder))
    if source.endswith(ENDINGS):
        path = Path(source).expanduser()
        if not path.is_file():
            raise DataError(f"there is no file {source}; known by name: {', '.join(KNOWN_MODELS)}.")
        return "bayes-net", {"variables": read_bif(path)}
    raise DataError(
        f"there is no model {source!r}; {nearest(source, list(KNOWN_MODELS))} (or a path ending in .bif or .bif.gz)"
    )
