"""Noise that all rows share, however a distribution comes by it."""

import pytest
import torch
from torch.distributions import Independent, Normal

from latentia.core.random import CommonNoise, seeded


@pytest.mark.parametrize("how", ["sample", "rsample"])
@pytest.mark.parametrize("rows", [1, 3])
def test_a_normals_draws_are_the_same_in_every_row_and_as_if_it_were_alone(how: str, rows: int) -> None:
    q = Independent(Normal(torch.arange(2.0 * rows).reshape(rows, 2).double(), 2.0), 1)
    with seeded(0), CommonNoise(rows):
        noise = (getattr(q, how)((5,)) - q.mean) / 2
    with seeded(0), CommonNoise(1):
        alone = getattr(Normal(torch.zeros(1, 2).double(), 1.0), how)((5,))
    torch.testing.assert_close(noise, alone.expand_as(noise))
    assert float(noise[:, 0].std()) > 0.3  # draws differ among themselves


def test_numbers_instead_of_tensors_are_left_to_torch() -> None:
    with CommonNoise(3):
        assert torch.normal(0.0, 1.0, (5, 3)).std(1).min() > 0
