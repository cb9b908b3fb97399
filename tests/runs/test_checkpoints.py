"""A damaged checkpoint is known, and the one before it used; a full disk costs checkpoints and not the fit."""

import errno
import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from helpers.broken_off import RECIPE, ROWS, assert_same, checkpoints
from latentia.core import atomic
from latentia.core.errors import RunError
from latentia.runs import Run, UnsavedRun, fit_recipe, resume
from latentia.runs.checkpoints import CHECKPOINTS, Checkpoints, newest, step_of
from latentia.runs.signals import Signals
from latentia.training import Checkpoint, Damaged, from_bytes


def damages() -> list[tuple[str, Callable[[bytes], bytes]]]:
    """Twenty lengths to cut at and twenty bytes to flip, as shares of the file; seeded."""
    dice = random.Random(3)

    def cut(share: float) -> Callable[[bytes], bytes]:
        return lambda data: data[: int(share * len(data))]

    def flip(share: float, bit: int) -> Callable[[bytes], bytes]:
        def flipped(data: bytes) -> bytes:
            at = int(share * len(data))
            return data[:at] + bytes([data[at] ^ 1 << bit]) + data[at + 1 :]

        return flipped

    cuts = [0.0, *(dice.random() for _ in range(18)), 1 - 1e-9]
    # Half of them in the first line, whose every byte matters.
    flips = [(dice.random() * (0.005 if i % 2 else 1.0), dice.randrange(8)) for i in range(20)]
    return [*((f"cut-{share:.4f}", cut(share)) for share in cuts), *((f"flip-{s:.5f}-{b}", flip(s, b)) for s, b in flips)]


@pytest.mark.parametrize("damage", [d for _, d in damages()], ids=[name for name, _ in damages()])
def test_a_damaged_checkpoint_is_known_and_the_one_before_is_used(
    damage: Callable[[bytes], bytes], folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before, last = checkpoints(folder)
    good = last.read_bytes()
    last.write_bytes(damage(good))
    found = newest(folder)
    assert found is not None
    assert found[1] == before
    said = capsys.readouterr().err
    assert said.startswith(f"latentia: {last} is damaged (")
    assert said.endswith(f"); {before.name} is used in its place\n")
    assert said.count("\n") == 1


@pytest.mark.parametrize("size", [0, 40, 1000])
def test_from_the_one_before_the_end_is_the_same(size: int, folder: Path, whole: Run) -> None:
    last = checkpoints(folder)[-1]
    last.write_bytes(last.read_bytes()[:size])
    assert_same(resume(folder, data=ROWS, progress=False, checkpoint_seconds=0), whole)


def test_every_byte_of_the_first_line_is_vouched_for(folder: Path) -> None:
    data = checkpoints(folder)[-1].read_bytes()
    for at in range(data.index(b"\n") + 1):
        for other in (data[at] ^ 1, data[at] ^ 2, ord("0"), ord(" ")):
            if other != data[at]:
                with pytest.raises(Damaged):
                    from_bytes(data[:at] + bytes([other]) + data[at + 1 :])


def test_when_all_are_damaged_it_is_said_how_to_begin_again(folder: Path, whole: Run) -> None:
    for path in checkpoints(folder):
        path.write_bytes(b"")
    with pytest.raises(RunError) as error:
        resume(folder, data=ROWS, progress=False)
    assert str(error.value) == (
        f"{checkpoints(folder)[-1]} is damaged (it is empty), and so is every other; remove {folder / CHECKPOINTS}/*.ckpt "
        "to begin this fit again from its first step."
    )
    for path in checkpoints(folder):
        path.unlink()
    assert_same(resume(folder, data=ROWS, progress=False), whole)


def test_a_checkpoint_of_a_newer_format_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    last = checkpoints(folder)[-1]
    kept = from_bytes(last.read_bytes())
    with monkeypatch.context() as newer:
        newer.setattr("latentia.training.checkpoint.FORMAT", 2)
        last.write_bytes(b"".join(kept.to_bytes()))
    with pytest.raises(RunError) as error:
        resume(folder, data=ROWS, progress=False)
    assert str(error.value) == (
        f"{last} cannot be gone on from: it has format 2, this Latentia reads 1; use the one that wrote it."
    )


def test_a_checkpoint_holds_no_code_and_opens_as_safetensors(folder: Path) -> None:
    from safetensors.torch import load as read

    data = checkpoints(folder)[-1].read_bytes()
    tensors = read(data[data.index(b"\n") + 1 :])
    kinds = {name.split(".")[0] for name in tensors}
    assert kinds == {"best", "history", "learner", "numbers", "order", "random", "skipped", "totals"}


class Full:
    """A disk on which some files cannot be written, from one moment to another."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, refuses: Callable[[Path], bool]) -> None:
        self.refuses, self.real = refuses, atomic.write
        monkeypatch.setattr(atomic, "write", self.write)

    def write(self, path: Path, *chunks: bytes) -> None:
        if self.refuses(path):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        self.real(path, *chunks)


def test_a_disk_that_fills_up_costs_checkpoints_and_not_the_fit(
    tmp_path: Path, whole: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Full(monkeypatch, lambda path: path.suffix == ".ckpt" and step_of(path) > 4)
    run = fit_recipe(RECIPE, data=ROWS, folder=tmp_path / "run", progress=False, checkpoint_seconds=0)
    assert_same(run, whole)
    assert capsys.readouterr().err == (
        "latentia: a checkpoint cannot be written (No space left on device); the fit goes on, and step 4 is kept\n"
    )


def test_a_disk_that_is_full_at_the_end_leaves_the_run_at_hand_and_the_checkpoint_on_disk(
    tmp_path: Path, whole: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "run"
    with monkeypatch.context() as full:
        Full(full, lambda path: path.name == "model.safetensors")
        with pytest.raises(UnsavedRun) as error:
            fit_recipe(RECIPE, data=ROWS, folder=folder, progress=False, checkpoint_seconds=0)
    assert str(error.value) == (
        f"{folder} cannot be written (No space left on device); step 9 is kept, so make room and then: "
        f"latentia fit --resume {folder}"
    )
    assert_same(error.value.run, whole)
    assert_same(resume(folder, data=ROWS, progress=False), whole)


def test_a_checkpoint_is_due_by_time_and_rarer_where_it_is_dear(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    monkeypatch.setattr("latentia.runs.checkpoints.time.monotonic", lambda: now[0])
    (tmp_path / CHECKPOINTS).mkdir()
    keeper, costs = Checkpoints(tmp_path, 60.0, Signals()), 0.5
    real = atomic.write

    def slow(path: Path, *chunks: bytes) -> None:
        now[0] += costs
        real(path, *chunks)

    monkeypatch.setattr(atomic, "write", slow)
    empty = Checkpoint({}, {})
    for wait, due in ((59.9, False), (0.2, True)):
        now[0] += wait
        assert keeper.due() is due
    keeper.keep(empty, 1)
    for wait, due in ((59.9, False), (0.2, True)):
        now[0] += wait
        assert keeper.due() is due
    costs = 3.0
    keeper.keep(empty, 2)
    for wait, due in ((149.9, False), (0.2, True)):
        now[0] += wait
        assert keeper.due() is due
    keeper.keep(empty, 3)
    assert [path.name for path in checkpoints(tmp_path)] == ["step-2.ckpt", "step-3.ckpt"]
