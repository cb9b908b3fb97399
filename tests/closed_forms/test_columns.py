"""Which columns of a discrete event make one latent."""

import torch
from torch.distributions import Bernoulli, Distribution, Independent, Normal, OneHotCategorical, Poisson
from torch.testing import assert_close

from latentia.distributions import Columns, OneHotBlocks, discrete_columns, layers_of_bits, per_latent


def test_bits_codes_and_blocks_are_told_by_their_support() -> None:
    cases: list[tuple[Distribution, Columns | None]] = [
        (Independent(Bernoulli(torch.full((3,), 0.5)), 1), Columns("bits", (1, 1, 1))),
        (Independent(Bernoulli(torch.full((2, 3), 0.5)), 2), Columns("bits", (1,) * 6)),
        (layers_of_bits(torch.zeros(2), [lambda z: z @ torch.ones(2, 1)], [2, 1], upwards=True), Columns("bits", (1,) * 3)),
        (OneHotCategorical(torch.ones(4)), Columns("codes", (4,))),
        (Independent(OneHotCategorical(torch.ones(2, 3)), 1), Columns("codes", (3, 3))),
        (OneHotBlocks(torch.zeros(5), [2, 3]), Columns("blocks", (2, 3))),
        (Independent(Normal(torch.zeros(3), 1.0), 1), None),
        (Independent(Poisson(torch.ones(3)), 1), None),
    ]
    for distribution, want in cases:
        assert discrete_columns(distribution) == want


def test_numbers_of_columns_are_summed_up_to_one_a_latent() -> None:
    values = torch.arange(10.0).reshape(2, 5)
    assert_close(per_latent(values, Columns("blocks", (2, 3))), torch.tensor([[1.0, 9.0], [11.0, 24.0]]))
    for same in (None, Columns("bits", (1,) * 5)):
        assert per_latent(values, same) is values
