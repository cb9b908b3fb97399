"""The commands that measure a run, declared."""

from pathlib import Path
from typing import Annotated

import typer

from latentia.cli.options import Json, Out, RunFolder, Seed, SplitName

# Of `ladder`: what it does to one model. Where each rung trains its own, the recipe says how long, and nothing is annealed.
OF_ONE_MODEL = ("steps", "temperatures", "chains", "simulated")


def declare(app: typer.Typer) -> None:
    """Add ``evaluate``, ``ladder`` and ``report``."""
    app.command()(evaluate)
    app.command()(ladder)
    app.command()(report)


def evaluate(
    run: RunFolder,
    draws: Annotated[int, typer.Option(min=1, help="Draws a row; exactly so many are used.")] = 1000,
    split: SplitName = "test",
    json: Json = False,
    seed: Seed = 0,
    memory: Annotated[int, typer.Option(min=1, help="Megabytes that one chunk of draws may take, about.")] = 128,
) -> None:
    """Held-out numbers of a run, each with a standard error; its evaluation.json is brought up to date."""
    from latentia.cli import commands

    commands.evaluate_command(run, draws, split, json, seed, memory * 2**20)


def report(run: RunFolder, out: Out = None) -> None:
    """Write a run's report again: one HTML file that needs no network."""
    from latentia.cli import commands

    commands.report_command(run, out)


def ladder(
    ctx: typer.Context,
    what: Annotated[
        str, typer.Argument(metavar="RUN|DATA|RECIPE", help="A run's folder; or what `fit` takes, fitted first.")
    ],
    rungs: Annotated[
        str | None, typer.Option(help="Which, by commas: exact, encoder+20, ...; `latentia list rungs`.")
    ] = None,
    own_training: Annotated[
        bool, typer.Option("--own-training", help="Train a model for each rung, by the recipe.")
    ] = False,
    rows: Annotated[int, typer.Option(min=2, help="Held-out rows to measure on.")] = 200,
    draws: Annotated[int, typer.Option(min=1, help="Draws a row for each bound.")] = 500,
    split: SplitName = "test",
    steps: Annotated[int, typer.Option(min=1, help="Training steps, of 100 rows, of rungs that learn.")] = 2000,
    temperatures: Annotated[int, typer.Option(min=0, help="Of annealed importance sampling; 0 leaves it out.")] = 200,
    chains: Annotated[int, typer.Option(min=1, help="Annealed chains a row.")] = 16,
    simulated: Annotated[int, typer.Option(min=0, help="Rows to draw from the model, for bounds from both sides.")] = 0,
    set_: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change the recipe, e.g. epochs=20.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="The run's folder where one is fitted; runs/<name> by default.")] = None,
    seed: Seed = 0,
    json: Json = False,
) -> None:
    """One model under every way of inferring z: bounds, gaps and costs, as a table, a picture and a part of the report.

    Ctrl-C keeps the rungs that are finished. --steps, --temperatures, --chains and --simulated are not for --own-training,
    where the recipe says how long to train, and --set changes the recipe.
    """
    from latentia.cli import climbing

    _refuse_what_has_no_effect(ctx, own_training, temperatures, simulated)
    names = None if rungs is None else [name.strip() for name in rungs.split(",") if name.strip()]
    asked = climbing.Asked(names, own_training, rows, draws, split, steps, temperatures, chains, simulated, seed)
    climbing.ladder_command(what, asked, list(set_ or []), out, json)


def _refuse_what_has_no_effect(ctx: typer.Context, own_training: bool, temperatures: int, simulated: int) -> None:
    for name in OF_ONE_MODEL if own_training else ():
        source = ctx.get_parameter_source(name)
        if source is not None and source.name == "COMMANDLINE":
            raise typer.BadParameter("it has no effect with --own-training; leave it out", ctx, param_hint=f"--{name}")
    if simulated and not temperatures:
        raise typer.BadParameter(
            "such rows are annealed, but --temperatures is 0; leave one of the two out", ctx, param_hint="--simulated"
        )
