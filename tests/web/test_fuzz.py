"""schemathesis asks by the OpenAPI schema, and against it: no case is the service's mistake, every answer is as described.

``LATENTIA_FUZZ=2000 pytest tests/web/test_fuzz.py`` asks that many times in all.
"""

import os
from collections import Counter
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from schemathesis import Case, GenerationMode, openapi
from schemathesis.specs.openapi.checks import positive_data_acceptance

from helpers.served import image_run, unlimited
from helpers.small_table import fitted

CASES = int(os.environ.get("LATENTIA_FUZZ", "96"))
PATHS = ("info", "decode", "encode", "sample", "reconstruct", "interpolate", "score", "neighbors")
# Of two runs, by cases that keep to the schema and by others; of info there are none but one.
KINDS = 2 * 2 * (len(PATHS) - 1)
HEALTHY = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.large_base_example, HealthCheck.data_too_large]
often = settings(max_examples=-(-CASES // KINDS), deadline=None, database=None, suppress_health_check=HEALTHY)


@pytest.fixture(scope="module")
def pictures() -> Any:
    return openapi.from_asgi("/openapi.json", unlimited(image_run(), host="0.0.0.0"))


@pytest.fixture(scope="module")
def cells() -> Any:
    return openapi.from_asgi("/openapi.json", unlimited(fitted(epochs=1), host="0.0.0.0"))


@pytest.mark.parametrize("mode", list(GenerationMode))
@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("kind", ["pictures", "cells"])
def test_answers_keep_to_the_schema(kind: str, path: str, mode: GenerationMode, request: pytest.FixtureRequest) -> None:
    schema = request.getfixturevalue(kind)
    method = "GET" if path == "info" else "POST"
    if path == "info" and mode == GenerationMode.NEGATIVE:
        pytest.skip("nothing can be said wrongly where nothing is said")
    # No schema says that pixels are bits or base64 a picture, so that not all that keeps to it can be answered.
    statuses: Counter[int] = Counter()

    @often
    @given(case=schema[f"/v1/{path}"][method].as_strategy(generation_mode=mode))
    def ask(case: Case) -> None:
        response = case.call_and_validate(excluded_checks=[positive_data_acceptance])
        statuses[response.status_code] += 1

    ask()
    print(f"{kind} {path} {mode.value}: {sum(statuses.values())} cases, {dict(statuses)}")
