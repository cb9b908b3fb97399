"""``latentia score`` and ``latentia impute`` as they are typed; what they do is in ``cli/row_commands.py``."""

from pathlib import Path
from typing import Annotated

import typer

from latentia.cli.options import OwnOrData, RunFolder, Seed, SplitName

Draws = Annotated[int, typer.Option(min=1, help="Draws a row; exactly so many are used.")]
Memory = Annotated[int, typer.Option(min=1, help="Megabytes that one chunk of draws may take, about.")]


def declare(app: typer.Typer) -> None:
    """Add both commands."""

    @app.command()
    def score(
        run: RunFolder,
        data: OwnOrData = None,
        out: Annotated[Path | None, typer.Option(help="A .csv; scores.csv in the run's folder by default.")] = None,
        top: Annotated[int, typer.Option(min=0, help="How many of a row's least usual columns to name.")] = 3,
        shares: Annotated[bool, typer.Option("--shares", help="Write every column's share of log p(x), too.")] = False,
        split: SplitName = "test",
        draws: Draws = 1000,
        seed: Seed = 0,
        memory: Memory = 128,
    ) -> None:
        """Each row's log p(x), its error, and the columns that lower it most; the least probable rows on the screen."""
        from latentia.cli import row_commands

        row_commands.score_command(run, data, out, top, shares, split, draws, seed, memory * 2**20)

    @app.command()
    def impute(
        run: RunFolder,
        data: OwnOrData = None,
        out: Annotated[
            Path | None,
            typer.Option(
                help=".csv or .parquet for a table, .npy or .npz for an array; filled.csv or filled.npz in the run's folder "
                "by default."
            ),
        ] = None,
        multiple: Annotated[int, typer.Option(min=0, help="Completed copies to draw, beside the single answer.")] = 0,
        split: SplitName = "test",
        draws: Draws = 1000,
        seed: Seed = 0,
        memory: Memory = 128,
    ) -> None:
        """Fill what is missing: once by what is expected, or several times by draws; a table stays as it was otherwise."""
        from latentia.cli import row_commands

        row_commands.impute_command(run, data, out, multiple, split, draws, seed, memory * 2**20)
