"""``latentia``: one command a thing to do, errors as one line, imports when they are needed."""

import os
import sys
from collections.abc import MutableMapping
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.exceptions import TyperException

from latentia.cli import asking, exploring, measuring, rows, serving, using

app = typer.Typer(
    name="latentia",
    help="Fit, measure and look into latent variable models.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

# Of a launcher of several processes, which are to end with one line.
SEVERAL = {"WORLD_SIZE", "SLURM_STEP_NUM_TASKS", "OMPI_COMM_WORLD_SIZE", "PMI_SIZE"}
INTERRUPTED = "interrupted; what was finished before is kept, and what was under way is not"


@app.command()
def fit(
    what: Annotated[
        str | None, typer.Argument(metavar="DATA|RECIPE|PATH", help="A data set, a recipe, or data of your own.")
    ] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change the recipe, e.g. epochs=20.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="The run's folder; runs/<name> by default.")] = None,
    binarize: Annotated[str | None, typer.Option(help="none, static or dynamic (bits drawn anew each batch).")] = None,
    seed: Annotated[int | None, typer.Option(help="Short for --set fit.seed=...")] = None,
    device: Annotated[str | None, typer.Option(help="Short for --set fit.device=...")] = None,
    precision: Annotated[str | None, typer.Option(help="fp32, or bf16 for the networks (autocast).")] = None,
    compile_: Annotated[bool, typer.Option("--compile", help="Run the step through torch.compile.")] = False,
    resume: Annotated[Path | None, typer.Option(metavar="RUN", help="Go on with the fit that was begun there.")] = None,
    checkpoint_seconds: Annotated[float, typer.Option(min=0, help="Between two checkpoints; 0: after every step.")] = 60.0,
) -> None:
    """Fit a recipe or a data set, and leave a run folder with a report."""
    if resume is not None:
        from latentia.cli import resuming

        given = {"DATA|RECIPE|PATH": what, "--set": set_, "--out": out, "--binarize": binarize}
        given |= {"--seed": seed is not None, "--device": device, "--precision": precision, "--compile": compile_}
        return resuming.resume_command(resume, given, checkpoint_seconds)
    if what is None:
        raise typer.BadParameter("give one, or --resume RUN", param_hint="DATA|RECIPE|PATH")
    from latentia.cli import commands

    overrides = list(set_ or [])
    compiled = "true" if compile_ else None
    short = {"data.binarize": binarize, "fit.seed": seed, "fit.device": device}
    for key, value in (short | {"fit.precision": precision, "fit.compile": compiled}).items():
        if value is not None:
            overrides.append(f"{key}={value}")
    commands.fit_command(what, overrides, out, checkpoint_seconds=checkpoint_seconds)
    return None


# In the order of `latentia --help`.
measuring.declare(app)
using.declare(app)
rows.declare(app)
asking.declare(app)
exploring.declare(app)
serving.declare(app)


@app.callback(invoke_without_command=True)
def _root(
    ctx: typer.Context, version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False
) -> None:
    if SEVERAL & os.environ.keys() and ctx.invoked_subcommand not in (None, "fit"):
        from latentia.training.launch import alone

        alone(f"latentia {ctx.invoked_subcommand}")
    if version:
        from latentia import __version__

        typer.echo(__version__)
        raise typer.Exit


def main(arguments: list[str] | None = None) -> None:
    """Run the command line; a user's mistake is one line on stderr and exit status 1 (what was asked) or 2 (how)."""
    _let_threads_wait(os.environ)
    sys.exit(_run(arguments))


def _let_threads_wait(environment: MutableMapping[str, str]) -> None:
    """How torch's threads wait for each other, unless somebody said; read when torch is imported, later.

    Spinning for long slows a machine that others use down fourfold, sleeping at once makes a step half as long again on a
    quiet one; a short spin costs a tenth on either (docs/speed.md).
    """
    if environment.keys() & {"OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME"}:
        return
    # torch's threads are GNU's on Linux, which take a length; elsewhere LLVM's.
    name, value = ("GOMP_SPINCOUNT", "1000") if sys.platform == "linux" else ("OMP_WAIT_POLICY", "passive")
    environment[name] = value


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
        return _fail(*_explain(error), error)


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


def _fail(message: str, status: int, error: Exception | None = None) -> int:
    message = " ".join(message.split())
    if SEVERAL & os.environ.keys():
        from latentia.training.farewell import last_words

        message = last_words(message, error)
    if message:
        sys.stderr.write(f"latentia: {message}\n")
    return status
