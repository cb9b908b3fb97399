"""A refusal says what was wanted, how much of what came was wrong, where first, and what to do; it never prints a tensor."""

import re
import subprocess
import sys
from collections.abc import Callable

import pytest
import torch
from torch.distributions import Bernoulli, ContinuousBernoulli, Independent

from latentia.core import LatentiaError, NonFinite, ShapeError, SupportError
from latentia.core import errors as all_errors
from latentia.core.checks import check_finite, check_shape, check_support, expand_mask
from latentia.core.errors import nearest

CURE = "do this instead"


def spoilt() -> torch.Tensor:
    x = torch.zeros(5, 2, 3)
    x[1, 0, 2] = x[1, 1, 0] = x[4, 0, 0] = torch.nan
    return x


def refusal(attempt: Callable[[], None], kind: type[LatentiaError]) -> str:
    with pytest.raises(kind) as caught:
        attempt()
    message = str(caught.value)
    assert "\n" not in message
    assert "tensor(" not in message
    return message


def test_a_nan_is_counted_and_placed() -> None:
    message = refusal(lambda: check_finite("x", spoilt(), cure=CURE), NonFinite)
    assert message == f"x is NaN in 3 of 30 places (2 rows), first at [1, 0, 2]; {CURE}"


def test_an_infinity_is_called_one() -> None:
    assert "infinite in 1 of 2" in refusal(lambda: check_finite("x", torch.tensor([0, torch.inf]), cure=CURE), NonFinite)
    assert "NaN" in refusal(lambda: check_finite("loss", torch.tensor(torch.nan), cure=CURE), NonFinite)


def test_what_is_finite_passes() -> None:
    check_finite("x", torch.tensor([1e38, -1e38]), cure=CURE)
    check_finite("x", torch.zeros(0, 3), cure=CURE)


def test_a_nan_behind_the_mask_passes_and_one_before_it_does_not() -> None:
    mask = torch.ones(5, 2, dtype=torch.bool)
    mask[1] = mask[4, 0] = False
    check_finite("x", spoilt(), cure=CURE, mask=mask)
    mask[4, 0] = True
    message = refusal(lambda: check_finite("x", spoilt(), cure=CURE, mask=mask), NonFinite)
    assert re.search(r"1 of 30 places \(1 rows\), first at \[4, 0, 0\]", message)


def test_a_mask_over_a_prefix_covers_what_lies_below() -> None:
    mask = torch.tensor([[True, False], [False, True]])
    assert expand_mask(mask, torch.zeros(2, 2, 3)).shape == (2, 2, 1)
    assert expand_mask(mask, torch.zeros(2, 2)).shape == (2, 2)


def test_both_shapes_are_named() -> None:
    check_shape("z", torch.Size((2, 3)), (2, 3), cure=CURE)
    message = refusal(lambda: check_shape("z", (2, 3), (3, 2), cure=CURE), ShapeError)
    assert message == f"z has shape (2, 3), wanted (3, 2); {CURE}"


def test_a_value_without_mass_is_refused_with_the_range_that_came() -> None:
    bits = Independent(Bernoulli(torch.full((2,), 0.5)), 1)
    x = torch.tensor([[0.0, 1.0], [1.0, 0.0], [255.0, 0.0]])
    check_support("bernoulli", bits, x[:2], cure=CURE)
    message = refusal(lambda: check_support("bernoulli", bits, x, cure=CURE), SupportError)
    for said in ("1 of 3 rows", "bernoulli", "from 0 to 255", "row 2", CURE):
        assert said in message


def test_a_value_without_mass_behind_the_mask_passes() -> None:
    greys = Independent(ContinuousBernoulli(torch.full((2,), 0.5)), 1)
    x = torch.tensor([[0.5, torch.nan], [0.5, 7.0]])
    mask = torch.tensor([[True, False], [True, False]])
    check_support("continuous-bernoulli", greys, x, cure=CURE, mask=mask)
    mask[1, 1] = True
    message = refusal(lambda: check_support("continuous-bernoulli", greys, x, cure=CURE, mask=mask), SupportError)
    assert "1 of 2 rows" in message
    assert "nan" not in message, "the range is that of what was observed"


def test_a_misspelt_name_gets_its_neighbour() -> None:
    assert nearest("iwea", ["elbo", "iwae"]) == "did you mean 'iwae'?"
    assert nearest("xyz", ["elbo", "iwae"]) == "known: elbo, iwae"


def test_every_error_of_the_library_is_caught_by_one_name() -> None:
    kinds = [kind for kind in vars(all_errors).values() if isinstance(kind, type) and issubclass(kind, Exception)]
    assert len(kinds) > 5
    assert all(issubclass(kind, LatentiaError) and issubclass(kind, ValueError) for kind in kinds)


def test_importing_the_library_leaves_torchs_checks_as_they_were() -> None:
    code = (
        "import importlib, pkgutil, torch, latentia\n"
        "for module in pkgutil.walk_packages(latentia.__path__, 'latentia.'):\n"
        "    if not module.name.endswith('__main__'): importlib.import_module(module.name)\n"
        "assert torch.distributions.Distribution._validate_args"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)
