"""Diseases and the symptoms they cause, as learned from the records of an emergency department.

Rotmensch et al. (2017), Learning a Health Knowledge Graph from Electronic Medical Records. What is published are the chances
that a disease alone brings a symptom about. How common a disease is, and how often a symptom comes of itself, are not: both
are put in here, and are options of the model.
"""

import csv
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from latentia.core.errors import DataError
from latentia.data.readers import CURE, Array, read_npz
from latentia.data.sources import File

# About three diseases a patient, and one symptom in three patients that none of them brought about.
BASE_RATE, LEAK = 0.02, 0.001
ARRAYS = File("noisy_or.npz")
# No checksum of the published file could be confirmed, so it is read where it is, never downloaded.
TABLE = File(
    "DerivedKnowledgeGraph_final.csv",
    "https://raw.githubusercontent.com/clinicalml/HealthKnowledgeGraph/master/DerivedKnowledgeGraph_final.csv",
)
FORMS = ((ARRAYS,), (TABLE,))
SYMPTOM = re.compile(r"\s*(?P<name>.+?)\s*\((?P<chance>[0-9.]+)\)\s*(?:,|$)")


def read_health_graph(paths: Mapping[str, Path]) -> dict[str, Any]:
    """Options of a noisy-or model: causes, effects, edges, base_rate and leak; files by name.

    Raises:
        DataError: the file is damaged.
    """
    read = _from_arrays if ARRAYS.name in paths else _from_table
    causes, effects, edges = read(*paths.values())
    return {"causes": causes, "effects": effects, "edges": edges, "base_rate": BASE_RATE, "leak": LEAK}


Graph = tuple[list[str], list[str], list[tuple[int, int, float]]]


def _from_arrays(path: Path) -> Graph:
    want = {"activation": Array("numbers", (None, None)), "diseases": Array("text", (None,))}
    arrays = read_npz(path, want | {"symptoms": Array("text", (None,))})
    strength = arrays["activation"]
    causes, effects = arrays["diseases"].tolist(), arrays["symptoms"].tolist()
    if strength.shape != (len(causes), len(effects)):
        raise DataError(f"activation in {path} is {strength.shape}, wanted ({len(causes)}, {len(effects)}); {CURE}")
    if not ((strength >= 0) & (strength <= 1)).all():
        raise DataError(f"activation in {path} holds numbers outside of 0 to 1; {CURE}")
    # Stored in half the digits; written as they were published.
    edges = [(int(i), int(j), float(f"{strength[i, j]:.6g}")) for i, j in np.argwhere(strength > 0)]
    return causes, effects, edges


def _from_table(path: Path) -> Graph:
    found: dict[str, dict[str, float]] = {}
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            rows = list(csv.reader(stream))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path} cannot be read ({type(error).__name__}); {CURE}") from error
    for at, row in enumerate(rows[1:], 2):
        if not row:
            continue
        symptoms = {each["name"]: each["chance"] for each in SYMPTOM.finditer(row[1])} if len(row) == 2 else {}
        if not symptoms or row[0] in found:
            raise DataError(f"{path}, row {at}: wanted a new disease and its symptoms, each with (chance); {CURE}")
        try:
            found[row[0]] = {name: float(chance) for name, chance in symptoms.items()}
        except ValueError:
            raise DataError(f"{path}, row {at}: a chance is no number; {CURE}") from None
    causes = sorted(found)
    effects = sorted({name for symptoms in found.values() for name in symptoms})
    edges = [(i, effects.index(name), w) for i, cause in enumerate(causes) for name, w in found[cause].items()]
    return causes, effects, sorted(edges)
