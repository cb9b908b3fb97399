"""``latentia``: one command a thing to do, errors as one line, imports when they are needed."""

import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.exceptions import TyperException

from latentia.cli import rows

app = typer.Typer(
    name="latentia",
    help="Fit, measure and look into latent variable models.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

# Of `ladder`: what it does to one model. Where each rung trains its own, the recipe says how long, and nothing is annealed.
OF_ONE_MODEL = ("steps", "temperatures", "chains", "simulated")
INTERRUPTED = "interrupted; what was finished before is kept, and what was under way is not"

RunFolder = Annotated[Path, typer.Argument(metavar="RUN", help="A folder that `latentia fit` wrote.")]
Out = Annotated[Path | None, typer.Option("--out", help="Where to write; by default into the run's folder.")]
Count = Annotated[int, typer.Option("-n", min=1, help="How many.")]
Seed = Annotated[int, typer.Option(min=0, max=2**63 - 1, help="Seed of the draws.")]


@app.command()
def fit(
    what: Annotated[str, typer.Argument(metavar="DATA|RECIPE|PATH", help="A data set, a recipe, or data of your own.")],
    set_: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change the recipe, e.g. epochs=20.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="The run's folder; runs/<name> by default.")] = None,
    binarize: Annotated[str | None, typer.Option(help="none, static or dynamic (bits drawn anew each batch).")] = None,
    seed: Annotated[int | None, typer.Option(help="Short for --set fit.seed=...")] = None,
    device: Annotated[str | None, typer.Option(help="Short for --set fit.device=...")] = None,
) -> None:
    """Fit a recipe or a data set, and leave a run folder with a report."""
    from latentia.cli import commands

    overrides = list(set_ or [])
    for key, value in (("data.binarize", binarize), ("fit.seed", seed), ("fit.device", device)):
        if value is not None:
            overrides.append(f"{key}={value}")
    commands.fit_command(what, overrides, out)


@app.command()
def evaluate(
    run: RunFolder,
    draws: Annotated[int, typer.Option(min=1, help="Draws a row; exactly so many are used.")] = 1000,
    split: Annotated[str, typer.Option(help="train, valid or test.")] = "test",
    json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
    seed: Seed = 0,
    memory: Annotated[int, typer.Option(min=1, help="Megabytes that one chunk of draws may take, about.")] = 128,
) -> None:
    """Held-out numbers of a run, each with a standard error; its evaluation.json is brought up to date."""
    from latentia.cli import commands

    commands.evaluate_command(run, draws, split, json, seed, memory * 2**20)


@app.command()
def sample(run: RunFolder, n: Count = 64, out: Out = None, seed: Seed = 0) -> None:
    """New rows drawn from the model: a picture, and an .npz of draws and means."""
    from latentia.cli import commands

    commands.sample_command(run, n, out, seed)


@app.command()
def reconstruct(
    run: RunFolder,
    n: Count = 64,
    out: Out = None,
    split: Annotated[str, typer.Option(help="train, valid or test.")] = "test",
) -> None:
    """Rows to their encoding and back: a picture, and an .npz of both."""
    from latentia.cli import commands

    commands.reconstruct_command(run, n, out, split)


@app.command()
def encode(
    run: RunFolder,
    data: Annotated[str, typer.Argument(metavar="DATA", help="A data set's name, or a file or folder of rows.")],
    out: Annotated[Path, typer.Option(help="z.csv, z.npz or z.parquet.")],
    split: Annotated[str, typer.Option(help="Of a named data set: train, valid or test.")] = "test",
) -> None:
    """Posterior mean and standard deviation of every row, as a table."""
    from latentia.cli import commands

    commands.encode_command(run, data, out, split)


@app.command()
def report(run: RunFolder, out: Out = None) -> None:
    """Write a run's report again: one HTML file that needs no network."""
    from latentia.cli import commands

    commands.report_command(run, out)


@app.command()
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
    json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
    seed: Seed = 0,
) -> None:
    """What a run's network believes of its model's named variables once some of them are observed."""
    from latentia.cli import inferring

    inferring.infer_command(run, list(observe or []), top, check, draws, json, seed)


@app.command()
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
    split: Annotated[str, typer.Option(help="train, valid or test.")] = "test",
    steps: Annotated[int, typer.Option(min=1, help="Training steps, of 100 rows, of rungs that learn.")] = 2000,
    temperatures: Annotated[int, typer.Option(min=0, help="Of annealed importance sampling; 0 leaves it out.")] = 200,
    chains: Annotated[int, typer.Option(min=1, help="Annealed chains a row.")] = 16,
    simulated: Annotated[int, typer.Option(min=0, help="Rows to draw from the model, for bounds from both sides.")] = 0,
    set_: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change the recipe, e.g. epochs=20.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="The run's folder where one is fitted; runs/<name> by default.")] = None,
    seed: Seed = 0,
    json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
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


@app.command()
def topics(
    run: RunFolder,
    top: Annotated[int, typer.Option(min=2, help="Words a topic.")] = 10,
    split: Annotated[str, typer.Option(help="Held-out rows for the perplexity: train, valid or test.")] = "test",
    draws: Annotated[int, typer.Option(min=1, help="Draws a row for the perplexity with topics at their means.")] = 100,
    json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
    seed: Seed = 0,
) -> None:
    """Topics of a run: their words, how well these go together in training rows, and perplexity on held-out rows."""
    from latentia.cli import topics as command

    command.topics_command(run, top, split, draws, json, seed)


rows.declare(app)


@app.command("list")
def list_(
    what: Annotated[str | None, typer.Argument(metavar="WHAT", help="One kind, e.g. families; else all.")] = None,
) -> None:
    """What there is to choose from: data sets, recipes and the parts of a method."""
    from latentia.cli import listing

    listing.list_command(what)


@app.callback(invoke_without_command=True)
def _root(version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False) -> None:
    if version:
        from latentia import __version__

        typer.echo(__version__)
        raise typer.Exit


def main(arguments: list[str] | None = None) -> None:
    """Run the command line; a user's mistake is one line on stderr and exit status 1 (what was asked) or 2 (how)."""
    # Threads that wait by spinning slow a shared machine down tenfold; this is read when torch is imported, later.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    sys.exit(_run(arguments))


def _run(arguments: list[str] | None) -> int:
    try:
        result: Any = app(arguments, standalone_mode=False)
        # typer turns Ctrl-C into this status by itself.
        return _fail(INTERRUPTED, 130) if result == 130 else result if isinstance(result, int) else 0
    except TyperException as error:
        context = getattr(error, "ctx", None)
        command = context.command_path.replace("python -m ", "") if context else "latentia"
        return _fail(f"{_sentence(error.format_message())}; see {command} --help", error.exit_code)
    except typer.Exit as done:
        return done.exit_code
    except (KeyboardInterrupt, typer.Abort):
        return _fail(INTERRUPTED, 130)
    except BrokenPipeError:
        # Whoever read our output has gone; give the interpreter something else to flush into.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        return _fail(*_explain(error))


def _explain(error: Exception) -> tuple[str, int]:
    from latentia.core import LatentiaError

    if isinstance(error, LatentiaError):
        return str(error), 1
    if isinstance(error, OSError):
        return f"{error.filename or 'a file'}: {error.strerror or error}", 1
    if isinstance(error, MemoryError) or "can't allocate memory" in str(error) or "out of memory" in str(error):
        return "out of memory; use a smaller batch_size, fewer draws or a smaller --memory", 1
    if os.environ.get("LATENTIA_DEBUG"):
        raise error
    text = str(error).splitlines() or [""]
    return (
        f"a mistake of Latentia's own ({type(error).__name__}: {text[0]}); please report what LATENTIA_DEBUG=1 shows",
        1,
    )


def _sentence(text: str) -> str:
    return " ".join(text.split()).rstrip(".")


def _fail(message: str, status: int) -> int:
    sys.stderr.write(f"latentia: {' '.join(message.split())}\n")
    return status
