"""Options that several commands share, so that they are called alike; nothing heavy is imported here."""

from pathlib import Path
from typing import Annotated

import typer

RunFolder = Annotated[Path, typer.Argument(metavar="RUN", help="A folder that `latentia fit` wrote.")]
OwnOrData = Annotated[
    str | None,
    typer.Argument(metavar="DATA", help="A file or folder of rows, or a data set's name; the run's own unless said."),
]
Out = Annotated[Path | None, typer.Option("--out", help="Where to write; by default into the run's folder.")]
Count = Annotated[int, typer.Option("-n", min=1, help="How many.")]
Seed = Annotated[int, typer.Option(min=0, max=2**63 - 1, help="Seed of the draws.")]
SplitName = Annotated[str, typer.Option("--split", help="train, valid or test.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
