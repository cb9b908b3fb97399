"""What a recipe leaves out and the data or the model know: the family that holds such values, how they enter an encoder."""

from typing import Any

from latentia.data import Schema
from latentia.distributions import discrete_columns
from latentia.models import Decoded, GenerativeModel
from latentia.priors import VampPrior

# The family of each kind of discrete latents.
DISCRETE_FAMILIES = {"bits": "bernoulli", "codes": "one-hot", "blocks": "one-hot-blocks"}


def default_family(levels: int | None, schema: Schema | None = None, counts: bool = False) -> str:
    """The likelihood that holds such values: a table's columns, counts, bits, grey levels, or reals."""
    if schema is not None or counts:
        return "negative-binomial" if schema is None else "columns"
    return {None: "normal", 2: "bernoulli"}.get(levels, "discretized-logistic")


def default_posterior_family(model: GenerativeModel) -> str:
    """The family whose draws lie where the model's prior puts its mass: bits, one-hot codes, blocks of them, or reals."""
    if isinstance(model, Decoded) and isinstance(model.p_z, VampPrior):
        return "diagonal-normal"  # made of the answers of the encoder that is not made yet
    columns = discrete_columns(model.prior())
    return "diagonal-normal" if columns is None else DISCRETE_FAMILIES[columns.kind]


def encoder_options(schema: Schema | None, counts: bool, missing: bool) -> dict[str, Any]:
    """What an encoder of such rows does unless told otherwise: columns are scaled each, counts enter as logarithms."""
    if schema is None:
        return {"scale_each": True, "log_values": "all"} if counts else {}
    counted = [at.start for column, at in zip(schema.columns, schema.places, strict=True) if column.kind == "count"]
    return {"scale_each": True, "log_values": counted, **({"see_mask": True} if missing else {})}


def family_columns(schema: Schema) -> list[dict[str, Any]]:
    """A schema's columns as the family of columns takes them."""
    return [{"kind": c.kind, "name": c.name, **({"width": c.width} if c.kind == "category" else {})} for c in schema.columns]
