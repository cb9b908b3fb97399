"""What may be said about one's own data, on the command line, in a recipe or from Python."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal, get_args

from latentia.core.errors import DataError, nearest
from latentia.data.cut import DEFAULT_SHARES, Shares
from latentia.data.dataset import Binarize
from latentia.data.streaming.budget import Stream

Reader = Literal["table", "images", "array", "counts"]
Aspect = Literal["crop", "pad", "stretch"]
Colour = Literal["auto", "grey", "rgb"]
Nan = Literal["refuse", "missing"]


@dataclass(frozen=True)
class Options:
    """How to read a source, and how to cut it.

    Attributes:
        reader: what to take the source for; by its content unless said.
        label: the column (array, key) that names a class, kept out of the rows; "" for none.
        group: the column whose rows stay together in one split.
        split: the column that says train, valid or test.
        splits: shares of train, valid and test.
        split_seed: of the order in which rows are cut.
        stratify: give each class its share of every split; None for where there are labels and no groups.
        valid: a file or folder of validation rows.
        test: likewise of test rows.
        kinds: {column: kind or "drop"} of a table.
        missing: texts that say that a cell is empty, in place of the usual ones.
        header: whether a text table's first line names the columns; or their names; None to look.
        delimiter: of a text table; None to look.
        decimal: "." or "," of a text table; None to look.
        array: which array of a file with several; or which layer of an .h5ad.
        size: (height, width) of every image.
        aspect: how an image of another shape gets there: "crop" its middle, "pad" with black, or "stretch".
        colour: "grey", "rgb", or "auto": grey where every image is.
        nan: what a NaN in an array means: "refuse", or "missing".
        levels: grey levels of an array of bytes; None for 2 where it holds 0 and 1 alone, else 256.
        binarize: see ``Dataset``; None for "none".
        flatten: images as vectors.
        stream: whether training rows stay on disk: "always", "never", or "auto": where they would take more than a quarter
            of the memory that is free, or more than ``LATENTIA_MAX_BYTES``.
        buffer: MiB of rows on disk that are mixed at a time, twice of which are held; None for 256.
    """

    reader: Reader | None = None
    label: str | None = None
    group: str | None = None
    split: str | None = None
    splits: Shares = DEFAULT_SHARES
    split_seed: int = 0
    stratify: bool | None = None
    valid: Any = None
    test: Any = None
    kinds: Mapping[str, str] = field(default_factory=dict)
    missing: tuple[str, ...] | None = None
    header: bool | tuple[str, ...] | None = None
    delimiter: str | None = None
    decimal: str | None = None
    array: str | None = None
    size: tuple[int, int] | None = None
    aspect: Aspect = "crop"
    colour: Colour = "auto"
    nan: Nan = "refuse"
    levels: int | None = None
    binarize: Binarize | None = None
    flatten: bool = False
    stream: Stream = "auto"
    buffer: int | None = None

    def __post_init__(self) -> None:
        kinds = (("reader", Reader), ("aspect", Aspect), ("colour", Colour), ("nan", Nan), ("stream", Stream))
        for name, known in kinds:
            value = getattr(self, name)
            if value not in get_args(known) and not (name == "reader" and value is None):
                raise DataError(f"{name} is {value!r}; {nearest(str(value), list(get_args(known)))}")
        if self.decimal not in (None, ".", ","):
            raise DataError(f"decimal is {self.decimal!r}, wanted '.' or ','.")
        if self.delimiter is not None and (len(self.delimiter) != 1 or self.delimiter in '"\r\n'):
            raise DataError(f"delimiter is {self.delimiter!r}, wanted one character, such as ',' or ';'.")
        if self.size is not None and not (len(self.size) == 2 and all(0 < side <= 4096 for side in self.size)):
            raise DataError(f"size is {self.size!r}, wanted (height, width), each from 1 to 4096.")
        if self.buffer is not None and self.buffer < 1:
            raise DataError(f"buffer is {self.buffer!r}, wanted a number of MiB, at least 1.")
        if not isinstance(self.kinds, Mapping):
            raise DataError(f"kinds is a {type(self.kinds).__name__}, wanted {{column: kind}}.")


def options_from(values: Mapping[str, Any]) -> Options:
    """Options by name; None means that nothing was said.

    Raises:
        DataError: an unknown name, with the nearest; a value that cannot be.
    """
    known = [f.name for f in fields(Options)]
    for name in values:
        if name not in known:
            raise DataError(f"data takes no option {name!r}; {nearest(str(name), known)}")
    said = {name: value for name, value in values.items() if value is not None}
    for name in ("splits", "size", "missing", "header"):
        if name in said and not isinstance(said[name], bool):
            said[name] = tuple(said[name])
    return Options(**said)
