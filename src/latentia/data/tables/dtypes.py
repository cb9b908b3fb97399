"""The name of a column's type, as a schema keeps it and ``decode`` restores it."""

from typing import Any

from latentia.core.errors import DataError


def dtype_name(name: str, series: Any) -> str:
    """A name that ``Column.dtype`` takes, of the column's type or its nearest relative.

    Raises:
        DataError: a type that no kind of column holds.
    """
    import pandas as pd

    dtype, kinds = series.dtype, pd.api.types
    if isinstance(dtype, pd.CategoricalDtype):
        return "ordered category" if dtype.ordered else "category"
    if isinstance(dtype, pd.SparseDtype):
        dtype = dtype.subtype
    if kinds.is_complex_dtype(dtype) or isinstance(dtype, pd.PeriodDtype | pd.IntervalDtype):
        raise DataError(f"column {name!r} holds {dtype}, which no kind takes; turn it into numbers or dates, or 'drop' it.")
    is_arrow = isinstance(dtype, pd.ArrowDtype)
    if kinds.is_bool_dtype(dtype):
        return "bool" if str(dtype) == "bool" else "boolean"
    if kinds.is_integer_dtype(dtype):
        return "Int64" if is_arrow else str(dtype)
    if kinds.is_float_dtype(dtype):
        return "Float64" if is_arrow else str(dtype) if str(dtype) != "float128" else "float64"
    if kinds.is_datetime64_any_dtype(dtype) or kinds.is_timedelta64_dtype(dtype):
        short = "datetime64[ns]" if kinds.is_datetime64_any_dtype(dtype) else "timedelta64[ns]"
        return short if is_arrow else str(dtype)
    if isinstance(dtype, pd.StringDtype):
        return "str" if str(dtype) == "str" else "string"
    return "string" if is_arrow else "object"
