"""The recipe's ``data`` section: a named set, rows drawn from the model, or a file or folder of one's own."""

from collections.abc import Mapping
from pathlib import PurePath
from typing import Annotated, Any

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeInt,
    PositiveInt,
    SerializerFunctionWrapHandler,
    field_validator,
    model_serializer,
    model_validator,
)

from latentia.data import Aspect, Binarize, Colour, Nan, Reader, Schema, Stream, name_of

SIMULATED = "simulated"
"""The name of data that are drawn from the recipe's own model."""
Share = Annotated[float, Field(ge=0, le=1)]
Side = Annotated[int, Field(ge=1, le=4096)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
NOT_OPTIONS = ("name", "path", "fingerprint", "columns", "value_names", "rows", "observed")
# Of every section that is written, whatever was said; the rest only where something was.
ALWAYS = ("name", "binarize", "flatten", "rows", "observed")


class Section(BaseModel):
    """A part of a recipe: known keys alone, and nothing changes afterwards."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=False, protected_namespaces=())


class Mark(Section):
    """By what a file or folder is known again."""

    sha256: Sha256
    size: NonNegativeInt
    files: PositiveInt


class DataSection(Section):
    """Which rows. From ``reader`` to ``levels`` the options of ``latentia.data.Options``, for data of one's own."""

    name: str = "digits"
    binarize: Binarize | None = None
    """None leaves the data set's own default."""
    flatten: bool = False
    """Images as vectors, for models that take no images."""
    rows: PositiveInt | None = None
    """How many to draw, of simulated data alone; None for 20,000."""
    observed: tuple[Share, Share] | None = None
    """Least and largest share of a held-out row's values that are seen, of simulated data alone; None for all of them."""
    path: Annotated[str, Field(min_length=1, max_length=4096)] | None = None
    """A file or folder of one's own, in place of a named set."""
    reader: Reader | None = None
    label: str | None = None
    group: str | None = None
    split: str | None = None
    splits: tuple[Share, Share, Share] | None = None
    split_seed: Annotated[int, Field(ge=0, lt=2**63)] | None = None
    stratify: bool | None = None
    valid: str | None = None
    test: str | None = None
    kinds: dict[str, str] = Field(default_factory=dict)
    missing: list[str] | None = None
    header: bool | list[str] | None = None
    delimiter: str | None = None
    decimal: str | None = None
    array: str | None = None
    size: tuple[Side, Side] | None = None
    aspect: Aspect | None = None
    colour: Colour | None = None
    nan: Nan | None = None
    stream: Stream | None = None
    buffer: PositiveInt | None = None
    levels: Annotated[int, Field(ge=2, le=256)] | None = None
    fingerprint: Mark | None = None
    """Of what was read; filled in when a run is saved."""
    value_names: list[str] | None = None
    """Of an array's values, where they have names; filled in when a run is saved, so that new rows are put in that order."""
    columns: dict[str, Any] | None = None
    """How a table's cells become values; filled in when a run is saved, so that new rows are read alike."""

    @model_validator(mode="before")
    @classmethod
    def _named_by_its_path(cls, values: Any) -> Any:
        if isinstance(values, Mapping) and isinstance(values.get("path"), str) and not values.get("name"):
            return {**values, "name": name_of(PurePath(values["path"]).name)}
        return values

    @field_validator("columns", mode="after")
    @classmethod
    def _of_a_schema(cls, values: dict[str, Any] | None) -> dict[str, Any] | None:
        if values is not None:
            Schema.from_dict(values)
        return values

    @model_validator(mode="after")
    def _of_simulated_data(self) -> "DataSection":
        if self.path is None and self.name != SIMULATED and (self.rows is not None or self.observed is not None):
            raise ValueError(f"rows and observed are of data {SIMULATED!r} alone; leave them out")
        if self.path is not None and (self.rows is not None or self.observed is not None):
            raise ValueError(f"rows and observed are of data {SIMULATED!r} alone; leave them out")
        if self.name == SIMULATED and self.path is None and (self.flatten or self.binarize not in (None, "none")):
            raise ValueError("simulated rows are as the model draws them; leave out flatten and binarize")
        if self.observed is not None and not 0 < self.observed[1] >= self.observed[0]:
            raise ValueError("observed wants two shares, the lower one first and the higher one above 0")
        return self

    @model_serializer(mode="wrap")
    def _without_what_was_not_said(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {key: value for key, value in handler(self).items() if key in ALWAYS or value not in (None, {})}

    @property
    def schema_(self) -> Schema | None:
        """The schema that ``columns`` says."""
        return None if self.columns is None else Schema.from_dict(self.columns)

    def options(self) -> dict[str, Any]:
        """What ``read_data`` is told, without what was left open."""
        said = self.model_dump(exclude=set(NOT_OPTIONS))
        return {key: value for key, value in said.items() if value not in (None, {}, False) or key == "header"}
