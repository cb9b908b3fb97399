"""What a recipe may say: sections with typed fields, and components by name with the options of their constructors."""

import json
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    ValidationError,
    ValidationInfo,
    field_validator,
)

from latentia.core.compact import compact_json
from latentia.core.errors import RecipeError, nearest
from latentia.recipe.data_section import DataSection, Section
from latentia.training import Matmul, OnNonFinite

FORMAT = 1
Component = dict[str, Any]
"""{"name": a registry's key, option: value, ...}; an option may itself be a component."""

# A noisy-or over a whole clinic takes a hundredth of it.
LARGEST_JSON = 64 << 20
Decay = Annotated[float, Field(ge=0, lt=1)]


class FitSection(Section):
    """How long and how fast; schedules are in steps, patience in epochs."""

    epochs: PositiveInt = 100
    batch_size: PositiveInt = 128
    lr: PositiveFloat = 1e-3
    lr_decay: Literal["none", "cosine"] = "none"
    lr_warm_up: NonNegativeInt = 0
    beta: NonNegativeFloat = 1.0
    kl_warm_up: NonNegativeInt = 0
    adam_betas: tuple[Decay, Decay] = (0.9, 0.999)
    adam_eps: PositiveFloat = 1e-8
    clip: PositiveFloat | None = None
    patience: PositiveInt | None = None
    on_nonfinite: OnNonFinite = "stop"
    precision: Literal["fp32", "bf16"] = "fp32"
    compile: bool = False
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    device: str = "auto"
    matmul: Matmul = "auto"


class Recipe(BaseModel):
    """Everything needed to rebuild a run, and nothing that is code.

    Attributes:
        format: version of this schema.
        name: what the run is called.
        about: one sentence for a person.
        data: which rows.
        x_shape: shape of one row; filled in when a run is saved, so that it loads without its data.
        latents: length of z.
        model: what generates x: a name and options, or the source of a known model's.
        posterior: who infers z.
        learner: who moves when.
        bound: what is raised.
        gradient: how it is differentiated.
        draws: draws a row in training.
        evaluation_draws: draws a row for the held-out numbers.
        fit: how long and how fast.
    """

    model_config = Section.model_config

    format: int = FORMAT
    name: Annotated[str, Field(pattern=r"^\w[\w.+-]{0,99}$")] = "run"
    about: str = ""
    data: DataSection = DataSection()
    x_shape: tuple[int, ...] | None = None
    latents: PositiveInt = 10
    model: Component = {"name": "decoded"}
    posterior: Component = {"name": "amortized"}
    learner: Component = {"name": "joint"}
    bound: Component = {"name": "elbo"}
    gradient: Component = {"name": "auto"}
    draws: PositiveInt = 1
    evaluation_draws: PositiveInt = 200
    fit: FitSection = FitSection()

    @field_validator("model", "posterior", "learner", "bound", "gradient", mode="before")
    @classmethod
    def _named(cls, value: object, info: ValidationInfo) -> object:
        """A bare name stands for a component without options; options alone are those of the default one."""
        if isinstance(value, str):
            return {"name": value}
        if isinstance(value, dict) and not {"name", "source"} & value.keys() and info.field_name:
            return {**cls.model_fields[info.field_name].default, **value}
        return value

    def to_json(self) -> str:
        """The text of ``recipe.json``."""
        return compact_json(self.model_dump(mode="json")) + "\n"


def known_keys() -> list[str]:
    """Dotted names of every field that is not a component's option."""
    out = []
    for name in Recipe.model_fields:
        section = {"data": DataSection, "fit": FitSection}.get(name)
        out += [f"{name}.{inner}" for inner in section.model_fields] if section else [name]
    return out


def parse_recipe(values: dict[str, Any], source: str) -> Recipe:
    """A recipe from a mapping.

    Args:
        values: the mapping.
        source: where it came from, for the message.

    Raises:
        RecipeError: another format, an unknown key (with the nearest known one), a wrong value.
    """
    found = values.get("format", FORMAT)
    if isinstance(found, bool) or not isinstance(found, int) or found > FORMAT:
        raise RecipeError(f"{source} has format {found!r}, this Latentia reads up to {FORMAT}; upgrade Latentia.")
    if found < 1:
        raise RecipeError(f'{source} has format {found}, the oldest there is is 1; set "format": 1 and check its keys.')
    try:
        return Recipe.model_validate(values)
    except ValidationError as error:
        raise RecipeError(f"{source}: {_one_line(error)}") from None


def read_recipe(path: Path) -> Recipe:
    """A recipe from a JSON file.

    Raises:
        RecipeError: no such file, no JSON, or see ``parse_recipe``.
    """
    return parse_recipe(read_json_object(path), str(path))


def read_json_object(path: Path) -> dict[str, Any]:
    """A JSON object from a file.

    Raises:
        RecipeError: it cannot be read, is too large, no JSON, or no object.
    """
    try:
        if path.exists() and not path.is_file():
            raise RecipeError(f"{path} is no file; give a recipe's JSON file.")
        if path.is_file() and path.stat().st_size > LARGEST_JSON:
            raise RecipeError(
                f"{path} is larger than {LARGEST_JSON >> 20} MiB, which no recipe is; give a recipe's JSON file."
            )
        values = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RecipeError(f"{path} cannot be read: {error.strerror}; check the path.") from None
    except (ValueError, RecursionError) as error:
        raise RecipeError(f"{path} is not JSON ({str(error).splitlines()[0]}); wanted one JSON object.") from None
    if not isinstance(values, dict):
        raise RecipeError(f"{path} holds a {type(values).__name__}, wanted a JSON object with keys such as 'data'.")
    return values


def _one_line(error: ValidationError) -> str:
    first = error.errors()[0]
    path = ".".join(str(part) for part in first["loc"])
    more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    if first["type"] == "extra_forbidden":
        return f"unknown key {path!r}; {nearest(path, known_keys())}{more}"
    message = first["msg"].removeprefix("Value error, ")
    return f"{path} is {first['input']!r}: {message[0].lower()}{message[1:]}{more}"
