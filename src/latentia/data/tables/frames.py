"""A pandas frame from whatever is a table: pandas, polars, pyarrow, a mapping of columns."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from latentia.core.errors import DataError

if TYPE_CHECKING:
    import pandas as pd


def is_table(data: Any) -> bool:
    """Whether it is a frame of pandas or polars, or a pyarrow table; nothing is imported to find out."""
    kind = type(data)
    home = kind.__module__.split(".")[0]
    return (home in ("pandas", "polars") and kind.__name__ == "DataFrame") or (
        home == "pyarrow" and kind.__name__ == "Table"
    )


def as_frame(data: Any) -> "pd.DataFrame":
    """A frame with text headers, all different.

    Raises:
        DataError: no table, or two columns of one name.
    """
    import pandas as pd

    if isinstance(data, pd.DataFrame):
        frame = data
    elif is_table(data):
        frame = _converted(data)
    elif isinstance(data, Mapping):
        try:
            frame = pd.DataFrame(dict(data))
        except (ValueError, TypeError) as error:
            raise DataError(
                f"the columns do not make one table ({str(error).splitlines()[0]}); give each as many cells."
            ) from None
    else:
        raise DataError(f"this is a {type(data).__name__}, wanted a pandas or polars DataFrame; give a table.")
    headers = [str(name) for name in frame.columns]
    if len(set(headers)) < len(headers):
        twice = next(name for name in headers if headers.count(name) > 1)
        raise DataError(f"two columns are called {twice!r}; rename one.")
    if headers != list(frame.columns):
        frame = frame.set_axis(headers, axis=1)
    for name in headers:
        _check_cells(name, frame[name])
    return frame


def _check_cells(name: str, series: Any) -> None:
    """Refuse lists, arrays and mappings in cells, by the first that holds something."""
    if series.dtype != object or (first := series.first_valid_index()) is None:
        return
    cell = series[first]
    cell = cell.iloc[0] if type(cell).__name__ == "Series" else cell
    if type(cell).__hash__ is None:
        raise DataError(
            f"column {name!r} holds a {type(cell).__name__} in a cell, wanted one number or name; make columns of its "
            "parts, or leave it out."
        )


def _converted(data: Any) -> "pd.DataFrame":
    """Through pyarrow where polars has it, else by plain lists."""
    import pandas as pd

    try:
        return data.to_pandas()
    except (ImportError, ModuleNotFoundError):
        return pd.DataFrame({name: data[name].to_list() for name in data.columns})
