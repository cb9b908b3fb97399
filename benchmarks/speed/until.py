"""Seconds to a validation ELBO on static MNIST: Latentia and pythae, the same network, batch and Adam, in turn.

Latentia twice: at pythae's constant rate, and by the two schedules of its own that keep latents from collapsing early and
end the noise late, a KL weight that rises for three epochs and a learning rate that falls by a cosine over ten.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from typing import Any

from benchmarks.speed.harness import ROOT, environment
from benchmarks.speed.task import Task

GOAL = -102.0
EPOCHS = 60
SCHEDULED = "latentia-scheduled"
SCHEDULES = {"epochs": 10, "kl_warm_up": 1500, "lr_decay": "cosine"}
TASK = Task("mlp", batch=100, rows=50_000)


class Reached(Exception):
    """The goal, or the end of patience."""


def measure_until(options: Any) -> dict[str, Any]:
    """Three fits of each, each in a process of its own."""
    runs: dict[str, list[dict[str, Any]]] = {"latentia": [], SCHEDULED: [], "pythae": []}
    goal = -200.0 if options.small else GOAL
    for seed in range(1 if options.small else 3):
        for name, found in runs.items():
            command = [sys.executable, "-m", "benchmarks.speed.until", name, str(seed), str(goal)]
            command += ["--rows", "5000"] if options.small else []
            done = subprocess.run(
                command, cwd=ROOT, env=environment(options.threads), capture_output=True, text=True, check=False
            )
            answer = json.loads(done.stdout.splitlines()[-1]) if not done.returncode else {"broken": done.stderr[-300:]}
            found.append(answer)
            print(f"  {name:10s} {answer}", file=sys.stderr, flush=True)
    return {"goal": goal, "threads": options.threads, "runs": runs, "task": TASK.as_json()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", choices=("latentia", SCHEDULED, "pythae"))
    parser.add_argument("seed", type=int)
    parser.add_argument("goal", type=float)
    parser.add_argument("--rows", type=int, default=TASK.rows)
    options = parser.parse_args()
    task = replace(TASK, rows=options.rows, seed=options.seed)
    if options.name == "pythae":
        trail = with_pythae(task, options.goal)
    else:
        trail = with_latentia(task, options.goal, SCHEDULES if options.name == SCHEDULED else {})
    reached = bool(trail) and trail[-1][1] >= options.goal
    answer = {"seed": options.seed, "reached": reached, "seconds": trail[-1][0], "epochs": len(trail), "trail": trail}
    print(json.dumps(answer))


def with_latentia(task: Task, goal: float, schedules: dict[str, Any]) -> list[tuple[float, float]]:
    """(seconds, validation ELBO) after each epoch, by ``latentia.fit`` as it comes but for the schedules."""
    import torch

    import latentia as la
    from benchmarks.speed.contestants.latentia_parts import parts_for
    from latentia.training import Silent

    torch.manual_seed(task.seed)
    data = la.load_data("binarized_mnist", flatten=True)
    data = replace(data, train=data.train.head(task.rows))
    trail: list[tuple[float, float]] = []

    class Watch(Silent):
        def show(self, state: Any, epoch_ended: bool) -> None:
            if epoch_ended:
                trail.append((time.perf_counter() - began, state.valid_bound))
                if state.valid_bound >= goal:
                    raise KeyboardInterrupt  # a fit that is interrupted ends with what was learned

    model, posterior = parts_for(task)
    began = time.perf_counter()
    how: dict[str, Any] = {"epochs": EPOCHS, "batch_size": task.batch, "lr": task.lr, "seed": task.seed, "device": "cpu"}
    how |= schedules
    la.fit(model, posterior, data, progress=Watch(), **how)
    return trail


def with_pythae(task: Task, goal: float) -> list[tuple[float, float]]:
    """The same by pythae's trainer, whose evaluation loss is minus the ELBO."""
    import os

    import torch
    from pythae.trainers import BaseTrainer, BaseTrainerConfig  # pyright: ignore[reportMissingImports]
    from pythae.trainers.training_callbacks import TrainingCallback  # pyright: ignore[reportMissingImports]

    import latentia as la
    from benchmarks.speed.contestants.of_pythae import dataset, model_for

    answers = os.dup(1)
    os.dup2(2, 1)  # its progress goes elsewhere
    torch.manual_seed(task.seed)
    data = la.load_data("binarized_mnist", flatten=True)
    train, valid = (dataset(part.stored.numpy()) for part in (data.train.head(task.rows), data.valid))
    trail: list[tuple[float, float]] = []

    class Watch(TrainingCallback):
        def on_log(self, training_config: Any, logs: Any, **kwargs: Any) -> None:
            trail.append((time.perf_counter() - began, -logs["eval_epoch_loss"]))
            if trail[-1][1] >= goal:
                raise Reached

    folder = tempfile.mkdtemp()
    config = BaseTrainerConfig(
        output_dir=folder,
        per_device_train_batch_size=task.batch,
        per_device_eval_batch_size=500,
        num_epochs=EPOCHS,
        learning_rate=task.lr,
        no_cuda=True,
        seed=task.seed,
    )
    model = model_for(task)
    began = time.perf_counter()
    try:
        BaseTrainer(model, train, valid, config, callbacks=[Watch()]).train()
    except Reached:
        pass
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.dup2(answers, 1)
    return trail


if __name__ == "__main__":
    main()
