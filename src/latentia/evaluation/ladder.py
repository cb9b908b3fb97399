"""The ladder as an object, a table and JSON: for each way of inferring z, its bound, its gap, its cost."""

import math
from dataclasses import asdict, dataclass
from typing import Any

from rich.table import Table

from latentia.evaluation.result import Figure

# Headers of columns that hold figures; of others, as they stand in a terminal, so that 80 columns are enough for the usual.
FIGURES = ("bound", "log p(x)", "gap")
SHORT = {"parameters": "para-\nmeters", "a row": "a\nrow", "train s": "train\ns"}


@dataclass(frozen=True)
class Rung:
    """One way of inferring z.

    Attributes:
        name: what `--rungs` calls it.
        about: a sentence.
        bound: its ELBO, nats a row.
        gap: the ladder's log p(x) less the bound, row by row, nats.
        seconds: to infer a thousand rows, drawing and scoring left out.
        parameters: learned numbers of the posterior that all rows share.
        per_row: numbers that are searched for at each row.
        training: seconds spent on training before; 0 where nothing was trained for this ladder.
        log_px: where each rung has a model of its own, that model's log p(x), nats a row; else None.
        notes: what went wrong, or should be known.
    """

    name: str
    about: str
    bound: Figure
    gap: Figure
    seconds: float
    parameters: int
    per_row: int
    training: float = 0.0
    log_px: Figure | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Ladder:
    """One set of rows under every way of inferring z.

    Errors are standard errors over rows. All rungs see the same rows, so that gaps compare more sharply than bounds.

    Attributes:
        split: which rows.
        rows: how many.
        draws: K, draws a row for each bound.
        own_training: each rung trained a model of its own; else all rungs infer z of one model.
        log_px: the best account of log p(x), nats a row; with a model a rung, None.
        yardstick: how that was come by.
        estimates: every account of log p(x) that was made, by name, nats a row.
        rungs: in the order they were climbed.
        notes: rungs left out, with the reason.
        interrupted: Ctrl-C ended it; the rungs are those that were finished.
    """

    split: str
    rows: int
    draws: int
    own_training: bool
    log_px: Figure | None
    yardstick: str
    estimates: dict[str, Figure]
    rungs: tuple[Rung, ...]
    notes: tuple[str, ...] = ()
    interrupted: bool = False

    @property
    def title(self) -> str:
        """What was climbed, in a line."""
        whose = "a model of each rung's own" if self.own_training else "one model"
        return f"{self.split}: {self.rows} rows, {self.draws} draws a row, {whose}; log p(x) is {self.yardstick}"

    def lines(self) -> list[tuple[str, ...]]:
        """The header, then a line a rung, as text: nats, seconds a thousand rows, shared parameters, numbers a row."""
        own = ("log p(x)",) if self.own_training else ()
        out: list[tuple[str, ...]] = [("rung", "bound", *own, "gap", "s/1,000", "parameters", "a row", "train s")]
        for rung in self.rungs:
            evidence = (_told(rung.log_px),) if self.own_training else ()
            trained = f"{rung.training:.0f}" if rung.training else "-"
            cost = (f"{rung.seconds:.2f}", f"{rung.parameters:,}", f"{rung.per_row:,}", trained)
            out.append((rung.name, _told(rung.bound), *evidence, _told(rung.gap), *cost))
        return out

    def remarks(self) -> list[str]:
        """Accounts of log p(x), what was left out, what to know of a rung."""
        accounts = [f"{name}: {figure} nats" for name, figure in self.estimates.items()]
        return [*accounts, *self.notes, *(f"{rung.name}: {note}" for rung in self.rungs for note in rung.notes)]

    def __str__(self) -> str:
        lines = self.lines()
        wide = [max(len(line[k]) for line in lines) for k in range(len(lines[0]))]
        rows = (
            "  ".join(
                f"{cell:<{w}}" if not k else f"{cell:>{w}}" for k, (cell, w) in enumerate(zip(line, wide, strict=True))
            )
            for line in lines
        )
        return "\n".join([self.title, *rows, *self.remarks()])

    def markdown(self) -> str:
        """The table for a page."""
        head, *rest = self.lines()
        rule = "| --- |" + " ---: |" * (len(head) - 1)
        return "\n".join(["| " + " | ".join(head) + " |", rule, *("| " + " | ".join(line) + " |" for line in rest)])

    def table(self) -> Table:
        """For a terminal; where it is too narrow, a figure is broken before its error and nothing else is."""
        head, *rest = self.lines()
        remarks = "\n".join(self.remarks())
        table = Table(
            title=self.title,
            title_justify="left",
            caption=remarks,
            caption_justify="left",
            box=None,
            pad_edge=False,
            padding=(0, 1, 0, 0),
        )
        rows = [[cell.replace("± ", "±") for cell in line] for line in rest]
        for k, name in enumerate(head):
            shown = SHORT.get(name, name)
            words = [word for row in rows for word in row[k].split()]
            widest = max(map(len, [*shown.split("\n"), *words]))
            table.add_column(shown, justify="right" if k else "left", no_wrap=name not in FIGURES, min_width=widest)
        for row in rows:
            table.add_row(*row)
        return table

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers and lists; what is not finite becomes None."""
        return _plain(asdict(self))

    @staticmethod
    def from_dict(values: dict[str, Any]) -> "Ladder":
        """The inverse of ``to_dict``."""
        rungs = tuple(
            Rung(
                **{
                    **rung,
                    **{name: _figure(rung[name]) for name in ("bound", "gap", "log_px")},
                    "notes": tuple(rung["notes"]),
                }
            )
            for rung in values["rungs"]
        )
        return Ladder(
            **{
                **values,
                "log_px": _figure(values["log_px"]),
                "estimates": {name: _figure(figure) for name, figure in values["estimates"].items()},
                "rungs": rungs,
                "notes": tuple(values["notes"]),
            }
        )


def _told(figure: Figure | None) -> str:
    return "-" if figure is None else f"{figure.value:.2f} ± {figure.error:.2f}"


def _figure(values: list[float | None] | None) -> Figure | None:
    return None if values is None else Figure(*(math.nan if v is None else v for v in values))


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(inner) for inner in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
