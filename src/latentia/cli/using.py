"""The commands that use a run: rows out of it, rows through it; declared."""

from pathlib import Path
from typing import Annotated

import typer

from latentia.cli.options import Count, Json, Out, OwnOrData, RunFolder, Seed, SplitName


def declare(app: typer.Typer) -> None:
    """Add what stands below, in that order."""
    app.command()(sample)
    app.command()(reconstruct)
    app.command()(encode)
    app.command()(interpolate)
    app.command()(neighbors)
    app.command()(export)


def sample(run: RunFolder, n: Count = 64, out: Out = None, seed: Seed = 0) -> None:
    """New rows drawn from the model: a picture, and an .npz of draws and means."""
    from latentia.cli import commands

    commands.sample_command(run, n, out, seed)


def reconstruct(
    run: RunFolder,
    data: OwnOrData = None,
    n: Annotated[int | None, typer.Option("-n", min=1, help="How many; by default all of a file, 64 of a split.")] = None,
    out: Out = None,
    split: SplitName = "test",
) -> None:
    """Rows to their encoding and back: a picture, and an .npz of both; of a table, a table of both."""
    from latentia.cli import commands

    commands.reconstruct_command(run, data, n, out, split)


def encode(
    run: RunFolder,
    data: OwnOrData = None,
    out: Annotated[
        Path | None, typer.Option(help="z.csv, z.npz or z.parquet; encodings.csv in the run's folder by default.")
    ] = None,
    split: SplitName = "test",
) -> None:
    """Posterior mean and standard deviation of every row, as a table."""
    from latentia.cli import commands

    commands.encode_command(run, data, out, split)


def interpolate(
    run: RunFolder,
    a: Annotated[str, typer.Argument(metavar="A", help="A row's number in the split, or a file of one row.")],
    b: Annotated[str, typer.Argument(metavar="B", help="Another.")],
    steps: Annotated[int, typer.Option(min=2, help="Points, both ends counted.")] = 11,
    path: Annotated[
        str | None, typer.Option(help="spherical or linear; by default spherical under a normal prior, else linear.")
    ] = None,
    split: SplitName = "test",
    out: Annotated[Path | None, typer.Option("--out", help="A .png, with an .npz beside it; by default in RUN.")] = None,
) -> None:
    """From one row to another through latent space: a strip of pictures, and an .npz of x and z at each step."""
    from latentia.cli import beside

    beside.interpolate_command(run, a, b, steps, path, split, out)


def neighbors(
    run: RunFolder,
    what: Annotated[str, typer.Argument(metavar="ROW|FILE", help="A row's number, or a file of rows.")],
    k: Annotated[int, typer.Option("-k", min=1, help="How many neighbors.")] = 10,
    split: Annotated[str, typer.Option("--split", help="Where to look: train, valid or test.")] = "train",
    of: Annotated[str, typer.Option("--of", help="Whose row ROW is: train, valid or test.")] = "test",
    metric: Annotated[str, typer.Option(help="euclidean or cosine.")] = "euclidean",
    method: Annotated[str, typer.Option(help="auto, exact, or hnsw: approximate, for many rows and queries.")] = "auto",
    json: Json = False,
    out: Annotated[Path | None, typer.Option("--out", help="A .csv, with a .png beside it; by default in RUN.")] = None,
) -> None:
    """The rows whose encodings are nearest to a row's: their numbers, labels and distances, and a picture."""
    from latentia.cli import beside

    beside.neighbors_command(run, what, k, split, of, metric, method, json, out)


def export(
    run: RunFolder,
    out: Annotated[Path | None, typer.Option("--out", metavar="DIR", help="A new folder; RUN/export by default.")] = None,
    format_: Annotated[str, typer.Option("--format", help="onnx, safetensors or all.")] = "all",
) -> None:
    """Weights (safetensors, with a JSON that explains them) and ONNX graphs for programs that know nothing of Latentia."""
    from latentia.cli import taking

    taking.export_command(run, out, format_)
