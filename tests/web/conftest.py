"""What the service is asked about, unless a file has a run of its own."""

from typing import Any

import pytest

from helpers.served import image_run, unlimited
from latentia.runs import Run


@pytest.fixture(scope="module")
def run() -> Run:
    return image_run()


@pytest.fixture(scope="module")
def app(run: Run) -> Any:
    return unlimited(run)
