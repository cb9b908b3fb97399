"""New rows of an array brought to what a run's model was fitted on: grey levels, bits, the order of named values."""

import zlib
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor
from torch.distributions import Distribution

from latentia.core.checks import check_support
from latentia.core.errors import DataError, SupportError
from latentia.data import DATASETS, Aspect, Split
from latentia.evaluation import quiet
from latentia.recipe import DataSection

if TYPE_CHECKING:
    from latentia.runs.rows import Rows
    from latentia.runs.taken_away import TakenAway

ROWS_AT_ONCE = 10_000


def stored_levels(run: "TakenAway", x: Any) -> int | None:
    """Grey levels by which bytes are read, so that few of them are read as many are; None for what are no bytes."""
    if getattr(x, "dtype", None) not in (torch.uint8, np.dtype("uint8")):
        return None
    section = None if isinstance(run.recipe, Exception) else run.recipe.data
    if section is not None and section.binarize not in (None, "none") and int(np.asarray(x).max(initial=0)) <= 1:
        return 2  # bits, as they are drawn; a grey of 1 in 255 would hardly be another one than 0
    if section is not None and section.levels is not None:
        return section.levels
    if run.data is not None and run.data.binarize == "none":
        return run.data.levels
    own = getattr(getattr(run.model, "family", None), "levels", None)
    if own is not None or section is None or section.name not in DATASETS or section.path is not None:
        return own
    return DATASETS[section.name].levels


def picture_levels(run: "TakenAway") -> int | None:
    """Grey levels to the nearest of which a picture is brought: two of a run of bits; None for any.

    What is shown or sent as a picture is one thing and should stay it, so that its bits are not drawn: light is 1 from one
    half on. Greys that are given as numbers are chances, and are drawn.
    """
    section = None if isinstance(run.recipe, Exception) else run.recipe.data
    drawn = (None if section is None else section.binarize, None if run.data is None else run.data.binarize)
    return 2 if any(how not in (None, "none") for how in drawn) else stored_levels(run, np.full(1, 255, np.uint8))


def picture_aspect(run: "TakenAway") -> Aspect:
    """How a picture of another shape is brought to the run's: as those were that it was fitted on."""
    section = None if isinstance(run.recipe, Exception) else run.recipe.data
    return (None if section is None else section.aspect) or "crop"


def named_alike(rows: Split, names: Sequence[str], wanted: Sequence[str], notes: list[str]) -> tuple[Split, list[str]]:
    """Rows (N, D) with their named values in the order that the model knows.

    Raises:
        DataError: some that it knows are not there.
    """
    at = {name: place for place, name in enumerate(names)}
    lacking = [name for name in wanted if name not in at]
    if lacking:
        raise DataError(
            f"these rows lack {len(lacking)} of the {len(wanted)} values that the run was fitted on (first {lacking[0]!r}); "
            "give all of them."
        )
    order = torch.tensor([at[name] for name in wanted])
    unknown = len(names) - len(wanted)
    said = [f"{unknown} values of a row are none of those that the run was fitted on; they are ignored."] if unknown else []
    mask = rows.mask if rows.mask is None or rows.mask.ndim < 2 else rows.mask[:, order]
    return replace(rows, stored=rows.stored[:, order], mask=mask), [*notes, *said]


def as_the_model_takes_them(run: "TakenAway", found: "Rows", section: DataSection, exact: bool) -> "Rows":
    """Greys as bits for a run that was fitted on such bits; and nothing that the likelihood holds impossible.

    An encoder may also be asked about what lies between possible values, as a grey between two bits: ``exact`` is False.

    Raises:
        SupportError: values that no such row can have, with the count and the first place.
    """
    split, notes = found.split, found.notes
    if section.binarize not in (None, "none"):
        values = split.values()
        if bool(((values != 0) & (values != 1)).any()) and float(values.min()) >= 0 and float(values.max()) <= 1:
            split = replace(split, stored=_bits(values), scale=1.0, draw_bits=False)
            notes = [*notes, "greys are drawn as bits, of a row always the same ones: the model was fitted on bits."]
    with quiet(run.model, run.posterior, seed=0):
        z = run.model.sample_prior(1)
        likelihood = run.model.likelihood(z.reshape(1, 1, *run.model.z_shape))
    for rows in torch.arange(len(split)).split(ROWS_AT_ONCE):
        batch = split.batch(rows)
        _check(likelihood, batch.x.to(run.device), None if batch.mask is None else batch.mask.to(run.device), rows, exact)
    return replace(found, split=split, notes=notes)


def _check(likelihood: Distribution, x: Tensor, mask: Tensor | None, rows: Tensor, exact: bool) -> None:
    name, first = "the run's likelihood", int(rows[0])
    cure = "scale them as those were that it was fitted on, or correct them."
    try:
        check_support(name, likelihood, x, cure=cure, mask=mask, first=first)
    except SupportError:
        if exact:
            raise
        for end in (x.floor(), x.ceil()):
            check_support(name, likelihood, end, cure=cure, mask=mask, first=first)


def _bits(values: Tensor) -> Tensor:
    """Each value as a bit with its own probability, by a seed that is the row's own, so that no row depends on others."""
    generator, out = torch.Generator(), torch.empty(values.shape, dtype=torch.uint8)
    for at, row in enumerate(values.cpu()):
        generator.manual_seed(zlib.crc32(row.numpy().tobytes()))
        out[at] = torch.bernoulli(row, generator=generator).to(torch.uint8)
    return out
