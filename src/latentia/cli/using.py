"""The commands that use a run: rows out of it, rows through it; declared."""

from pathlib import Path
from typing import Annotated

import typer

from latentia.cli.options import Count, Out, RunFolder, Seed, SplitName


def declare(app: typer.Typer) -> None:
    """Add what stands below, in that order."""
    app.command()(sample)
    app.command()(reconstruct)
    app.command()(encode)
    app.command()(export)


def sample(run: RunFolder, n: Count = 64, out: Out = None, seed: Seed = 0) -> None:
    """New rows drawn from the model: a picture, and an .npz of draws and means."""
    from latentia.cli import commands

    commands.sample_command(run, n, out, seed)


def reconstruct(
    run: RunFolder,
    n: Count = 64,
    out: Out = None,
    split: SplitName = "test",
) -> None:
    """Rows to their encoding and back: a picture, and an .npz of both."""
    from latentia.cli import commands

    commands.reconstruct_command(run, n, out, split)


def encode(
    run: RunFolder,
    data: Annotated[str, typer.Argument(metavar="DATA", help="A data set's name, or a file or folder of rows.")],
    out: Annotated[Path, typer.Option(help="z.csv, z.npz or z.parquet.")],
    split: Annotated[str, typer.Option(help="Of a named data set: train, valid or test.")] = "test",
) -> None:
    """Posterior mean and standard deviation of every row, as a table."""
    from latentia.cli import commands

    commands.encode_command(run, data, out, split)


def export(
    run: RunFolder,
    out: Annotated[Path | None, typer.Option("--out", metavar="DIR", help="A new folder; RUN/export by default.")] = None,
    format_: Annotated[str, typer.Option("--format", help="onnx, safetensors or all.")] = "all",
) -> None:
    """Weights (safetensors, with a JSON that explains them) and ONNX graphs for programs that know nothing of Latentia."""
    from latentia.cli import taking

    taking.export_command(run, out, format_)
