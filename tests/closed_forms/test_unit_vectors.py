"""Unit vectors in mixed dtypes, and what the distributions over them refuse."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from latentia.core.errors import ShapeError, SupportError
from latentia.distributions.multivariate import HypersphericalUniform, VonMisesFisher


@pytest.mark.parametrize("wide_part", ["value", "value and loc", "value and concentration"])
def test_draws_in_float32_are_unit_vectors_when_read_in_float64(wide_part: str) -> None:
    loc, kappa = F.normalize(torch.tensor([1.0, 2.0, 3.0]).double(), dim=-1), torch.tensor(2.0).double()
    loc, kappa = loc if "loc" in wide_part else loc.float(), kappa if "conc" in wide_part else kappa.float()
    for d in (HypersphericalUniform(3, validate_args=True), VonMisesFisher(loc, kappa, validate_args=True)):
        for each in (d, d.expand((2,))):
            z = each.sample((500,))
            torch.testing.assert_close(each.log_prob(z.double()), each.log_prob(z).double(), rtol=0, atol=1e-5)
        with pytest.raises(SupportError, match="UnitVector"):
            d.log_prob(1.001 * z.double())


def test_a_second_derivative_through_a_draw_raises() -> None:
    loc = F.normalize(torch.ones(2, 3).double(), dim=-1).requires_grad_()
    kappa = torch.tensor([1.0, 5.0]).double().requires_grad_()
    for q in (VonMisesFisher(loc, kappa), VonMisesFisher(loc, kappa.detach()), VonMisesFisher(loc.detach(), kappa)):
        leaves = [each for each in (q.loc, q.concentration) if each.requires_grad]
        for f in (Tensor.sum, lambda z: z.pow(3).sum()):
            for slope in torch.autograd.grad(f(q.rsample()), leaves, create_graph=True):
                with pytest.raises(RuntimeError, match="once_differentiable"):
                    slope.square().sum().backward()
    (slope,) = torch.autograd.grad(VonMisesFisher(loc, kappa).log_prob(loc).sum(), kappa, create_graph=True)
    assert bool(torch.autograd.grad(slope.sum(), kappa)[0].isfinite().all()), "that of the density is left"


def test_what_is_no_dimension_or_no_shape_is_refused() -> None:
    for wrong in (0, 3.5):
        with pytest.raises(SupportError, match=f"dim is {wrong}"):
            HypersphericalUniform(wrong)  # pyright: ignore[reportArgumentType]
    with pytest.raises(ShapeError, match="batch_shape is 5"):
        HypersphericalUniform(3, 5)  # pyright: ignore[reportArgumentType]
