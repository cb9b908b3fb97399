"""What ``latentia topics`` does, once its arguments are read."""

import json
import sys
from pathlib import Path

from rich.console import Console

from latentia.evaluation import topics_of
from latentia.runs import load


def topics_command(folder: Path, top: int, split: str, draws: int, as_json: bool, seed: int) -> None:
    """Print the topics of a run with their coherence, and its perplexity.

    Raises:
        LatentiaError: its model has no topics, or not so many words.
    """
    run = load(folder)
    data = run.dataset().to(run.device)
    found = topics_of(
        run.model, run.posterior, data.split("train"), data.split(split), data.value_names, top, split, draws, seed
    )
    if as_json:
        sys.stdout.write(json.dumps(found.to_dict(), indent=2, ensure_ascii=False, allow_nan=False) + "\n")
    else:
        Console().print(found.table())
