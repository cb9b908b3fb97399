"""Models that others have published with all their numbers, by name or from a file.

Lauritzen & Spiegelhalter (1988) for asia, Spiegelhalter et al. (1993) for child, Beinlich et al. (1989) for alarm, Onisko
(2003) for hepar2; Rotmensch et al. (2017), Learning a Health Knowledge Graph from Electronic Medical Records.
"""

from pathlib import Path
from typing import Any

KNOWN_MODELS: dict[str, str] = {
    "asia": "8 findings and causes around a visit to a chest clinic",
    "child": "20 variables of a newborn with a heart disease",
    "alarm": "37 variables of a monitored patient",
    "hepar2": "70 variables of liver disorders",
    "health_knowledge_graph": "156 diseases and 330 symptoms, a noisy-OR network",
}


def known_model(source: str, folder: str | Path | None = None) -> tuple[str, dict[str, Any]]:
    """(name in ``MODELS``, constructor options) of a known model, or of a .bif or .bif.gz file.

    Args:
        source: a key of ``KNOWN_MODELS``, or a path that ends in .bif or .bif.gz.
        folder: looked up in place of the cache.

    Raises:
        DataError: there is no such model, or its file is missing or damaged.
    """
    raise NotImplementedError
