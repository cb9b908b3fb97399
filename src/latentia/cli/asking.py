"""The commands that ask a run, or the library, about names, declared."""

from typing import Annotated

import typer

from latentia.cli.options import Json, RunFolder, Seed


def declare(app: typer.Typer) -> None:
    """Add ``infer``, ``topics`` and ``list``."""
    app.command()(infer)
    app.command()(topics)
    app.command("list")(list_)


def infer(
    run: RunFolder,
    observe: Annotated[
        list[str] | None,
        typer.Option(
            "--observe", metavar="NAME=VALUE", help="A finding; several by commas or by repeating, or @cases.json/csv."
        ),
    ] = None,
    top: Annotated[int, typer.Option(min=1, help="How many variables to tell of.")] = 10,
    check: Annotated[str, typer.Option(help="none, importance, gibbs or exact: the same figures another way.")] = "none",
    draws: Annotated[int, typer.Option(min=1, help="Draws of the check.")] = 10_000,
    json: Json = False,
    seed: Seed = 0,
) -> None:
    """What a run's network believes of its model's named variables once some of them are observed."""
    from latentia.cli import inferring

    inferring.infer_command(run, list(observe or []), top, check, draws, json, seed)


def topics(
    run: RunFolder,
    top: Annotated[int, typer.Option(min=2, help="Words a topic.")] = 10,
    split: Annotated[str, typer.Option(help="Held-out rows for the perplexity: train, valid or test.")] = "test",
    draws: Annotated[int, typer.Option(min=1, help="Draws a row for the perplexity with topics at their means.")] = 100,
    json: Json = False,
    seed: Seed = 0,
) -> None:
    """Topics of a run: their words, how well these go together in training rows, and perplexity on held-out rows."""
    from latentia.cli import topics as command

    command.topics_command(run, top, split, draws, json, seed)


def list_(
    what: Annotated[str | None, typer.Argument(metavar="WHAT", help="One kind, e.g. families; else all.")] = None,
) -> None:
    """What there is to choose from: data sets, recipes and the parts of a method."""
    from latentia.cli import listing

    listing.list_command(what)
