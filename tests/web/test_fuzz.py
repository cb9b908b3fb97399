"""schemathesis asks by the OpenAPI schema, and against it: no case is the service's mistake, every answer is as described.

``LATENTIA_FUZZ=2000 pytest tests/web/test_fuzz.py`` asks that many times in all.
"""

import os

import pytest
from hypothesis import HealthCheck, settings

from helpers.served import image_run, unlimited
from helpers.small_table import fitted

schemathesis = pytest.importorskip("schemathesis")
CASES = int(os.environ.get("LATENTIA_FUZZ", "64"))
# Of two runs: paths that take a body, and info, of which there is one case.
PATHS = 14


@pytest.fixture(scope="module")
def pictures() -> object:
    return schemathesis.openapi.from_asgi("/openapi.json", unlimited(image_run(), host="0.0.0.0"))


@pytest.fixture(scope="module")
def cells() -> object:
    return schemathesis.openapi.from_asgi("/openapi.json", unlimited(fitted(epochs=1), host="0.0.0.0"))


of_pictures = schemathesis.pytest.from_fixture("pictures")
of_cells = schemathesis.pytest.from_fixture("cells")
often = settings(max_examples=max(2, -(-CASES // PATHS)), deadline=None, suppress_health_check=list(HealthCheck))


@of_pictures.parametrize()
@often
def test_a_run_on_pictures_keeps_to_its_schema(case: schemathesis.Case) -> None:
    case.call_and_validate()


@of_cells.parametrize()
@often
def test_a_run_on_a_table_keeps_to_its_schema(case: schemathesis.Case) -> None:
    case.call_and_validate()
