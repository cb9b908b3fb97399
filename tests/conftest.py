"""Every test starts from the same random state and, as a worker beside others, on one thread."""

import random

import numpy as np
import pytest
import torch

SEED = 20_140_414


def pytest_configure() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(SEED)  # networks that a module makes while it is collected


@pytest.fixture(autouse=True)
def fixed_seed() -> None:
    """A random test that passes today passes tomorrow; its false-alarm rate speaks of the seed's choice."""
    random.seed(SEED)
    np.random.seed(SEED)  # noqa: NPY002  what is seeded is the global state that libraries draw from
    torch.manual_seed(SEED)
