"""What is refused as rows, labels, conditions and masks, word for word."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.sparse
import torch

from latentia.core.errors import NonFinite
from latentia.data import from_arrays

N = 20


def ramp(*shape: int) -> np.ndarray:
    return np.arange(float(np.prod(shape))).reshape(shape)


nan_row, infinite = ramp(N, 2), ramp(N, 2)
nan_row[3, 1], infinite[0, 0] = np.nan, np.inf
x5 = ramp(N, 5)
REFUSED: dict[str, tuple[tuple[Any, ...], dict[str, Any], str]] = {
    "no rows": ((np.zeros((0, 5)),), {}, "x has shape (0, 5), wanted (rows, ...) with at least one row and one value."),
    "no values": ((np.zeros((5, 0)),), {}, "x has shape (5, 0), wanted (rows, ...) with at least one row and one value."),
    "an empty list": (([],), {}, "x has shape (0,), wanted (rows, ...) with at least one row and one value."),
    "a number": ((3.0,), {}, "x has shape (), wanted (rows, ...) with at least one row and one value."),
    "one axis": ((np.zeros(4),), {}, "x has shape (4,), wanted (rows, ...); for one value a row pass x[:, None]."),
    "strings": (([["a"], ["b"]],), {}, "x holds <U1, wanted numbers; encode text and categories as numbers first."),
    "objects": (
        (np.array([[1], [None], ["b"]], dtype=object),),
        {},
        "x holds object, wanted numbers; encode text and categories as numbers first.",
    ),
    "dates": (
        (np.zeros((3, 2), "M8[s]"),),
        {},
        "x holds datetime64[s], wanted numbers; encode text and categories as numbers first.",
    ),
    "complex": ((x5 + 1j,), {}, "x holds complex128, wanted real numbers; pass its parts side by side."),
    "a complex tensor": (
        (torch.zeros(3, 2, dtype=torch.complex64),),
        {},
        "x holds torch.complex64, wanted real numbers; pass its parts side by side.",
    ),
    "ragged rows": (([[1, 2], [3]],), {}, "x cannot be read as one array; give rows of one shape, as numbers."),
    "a sparse matrix": (
        (scipy.sparse.csr_array(x5),),
        {},
        "x is a sparse matrix, wanted a dense one; pass x.toarray().",
    ),
    "a sparse tensor": (
        (torch.zeros(3, 2).to_sparse(),),
        {},
        "x is a sparse tensor, wanted a dense one; pass x.to_dense().",
    ),
    "a masked array": (
        (np.ma.masked_array(x5, mask=x5 > 3),),
        {},
        "x is a masked array, and its mask would be lost; pass x.filled(0) and mask=~x.mask.",
    ),
    "labels of another length": ((x5,), {"labels": [0, 1]}, "labels has 2 rows, x has 20; give one a row."),
    "a label": ((x5,), {"labels": 1}, "labels has no rows, x has 20; give one a row."),
    "one-hot labels": (
        (x5,),
        {"labels": np.eye(N)},
        "labels has shape (20, 20), wanted (20,); pass labels.argmax(1) for one-hot rows, labels.ravel() for a column.",
    ),
    "labels that are text": (
        (x5,),
        {"labels": ["cat"] * N},
        "labels holds <U3, wanted numbers; encode text and categories as numbers first.",
    ),
    "labels that are not whole": (
        (x5,),
        {"labels": np.arange(N) / 2},
        "labels must be whole numbers, 10 of 20 are not (first 0.5 at row 1); number the classes 0, 1, 2, ..., or pass real "
        "numbers as given=.",
    ),
    "labels that are NaN": (
        (x5,),
        {"labels": [np.nan, np.inf] + [0.0] * (N - 2)},
        "labels must be whole numbers, 2 of 20 are not (first nan at row 0); number the classes 0, 1, 2, ..., or pass real "
        "numbers as given=.",
    ),
    "labels without a name": (
        (x5,),
        {"labels": np.arange(N) % 3, "label_names": ("a", "b")},
        "labels run from 0 to 2, and label_names holds 2; number them from 0 to 1, or name them all.",
    ),
    "values without a name": (
        (x5,),
        {"value_names": ("a", "b")},
        "value_names holds 2, a row has 5 values; name each of them.",
    ),
    "given of another length": ((x5,), {"given": np.zeros((3, 1))}, "given has 3 rows, x has 20; give one a row."),
    "a mask of another length": ((x5,), {"mask": np.ones((3, 5))}, "mask has 3 rows, x has 20; give one a row."),
    "a mask of another shape": (
        (x5,),
        {"mask": np.ones((N, 4), bool)},
        "mask has shape (20, 4), wanted (20, 5) as x, or a leading part of it.",
    ),
    "a mask of numbers": (
        (x5,),
        {"mask": np.full((N, 5), 0.5)},
        "mask must be True or False, found 0.5 at [0, 0]; True marks what was observed.",
    ),
    "a mask that hides all": (
        (x5,),
        {"mask": np.zeros((N, 5), bool)},
        "mask is False everywhere, so nothing was observed; True marks what was observed, try mask=~mask.",
    ),
    "one level": ((x5,), {"levels": 1}, "levels is 1, wanted 2 or more; 256 for bytes, None for real numbers."),
    "bytes above the levels": (
        (np.full((N, 2), 16, np.uint8),),
        {"levels": 16},
        "x reaches 16, and levels=16 ends at 15; use levels=17 or None.",
    ),
    "numbers outside the levels": (
        (x5,),
        {"levels": 256},
        "levels=256 reads values as grey levels in [0, 1], x runs from 0 to 99; divide by the largest level, or use "
        "levels=None.",
    ),
    "two rows": (
        (np.zeros((2, 5)),),
        {},
        "2 rows cannot be cut into 3 parts (train, valid, test); give at least 3, or splits=(1, 0, 0) to train on all.",
    ),
    "one row": (
        (np.zeros((1, 5)),),
        {"splits": (0.5, 0, 0.5)},
        "1 row cannot be cut into 2 parts (train, test); give at least 2, or splits=(1, 0, 0) to train on all.",
    ),
    "shares of more than one": (
        (x5,),
        {"splits": (0.8, 0.1, 0.2)},
        "splits must be three shares that sum to 1, got (0.8, 0.1, 0.2); for example (0.8, 0.1, 0.1).",
    ),
    "a share below zero": (
        (x5,),
        {"splits": (1.5, -0.5, 0.0)},
        "splits must be three shares that sum to 1, got (1.5, -0.5, 0.0); for example (0.8, 0.1, 0.1).",
    ),
    "a share that is no number": (
        (x5,),
        {"splits": (float("nan"), 0.5, 0.5)},
        "splits must be three shares that sum to 1, got (nan, 0.5, 0.5); for example (0.8, 0.1, 0.1).",
    ),
    "two shares": (
        (x5,),
        {"splits": (0.5, 0.5)},
        "splits must be three shares that sum to 1, got (0.5, 0.5); for example (0.8, 0.1, 0.1).",
    ),
    "an unknown binarization": ((x5,), {"binarize": "dynamik"}, "binarize is 'dynamik'; did you mean 'dynamic'?"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_refused_with_the_cure(what: str, refused: Callable[..., Any]) -> None:
    args, options, message = REFUSED[what]
    with refused(message):
        from_arrays(*args, **options)


CURE = "drop or impute those rows, rescale what float32 cannot hold, or pass mask= with False where none was seen."


@pytest.mark.parametrize(
    ("x", "options", "message"),
    [
        (nan_row, {}, f"the data is NaN in 1 of 40 places (1 rows), first at [3, 1]; {CURE}"),
        (infinite, {}, f"the data is infinite in 1 of 40 places (1 rows), first at [0, 0]; {CURE}"),
        (x5 * 1e300, {}, f"the data is infinite in 99 of 100 places (20 rows), first at [0, 1]; {CURE}"),
        (
            x5,
            {"given": nan_row},
            "given is NaN in 1 of 40 places (1 rows), first at [3, 1]; drop or impute those rows; what a model conditions "
            "on must be complete.",
        ),
    ],
)
def test_nan_and_infinity_are_refused(x: Any, options: dict[str, Any], message: str, refused: Callable[..., Any]) -> None:
    with refused(message, NonFinite):
        from_arrays(x, **options)


def test_a_mask_excuses_only_what_it_hides(refused: Callable[..., Any]) -> None:
    x = nan_row.copy()
    mask = ~np.isnan(x)
    from_arrays(x, mask=mask)
    x[7, 0] = np.nan
    with refused(f"the data is NaN in 1 of 40 places (1 rows), first at [7, 0]; {CURE}", NonFinite):
        from_arrays(x, mask=mask)
