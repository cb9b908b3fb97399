"""What launchers say of a process, and what several processes could not do as one would."""

import os
from typing import Any

import pytest
import torch
from torch import Tensor

from helpers.several import rows
from latentia.core.errors import DataError, LatentiaError
from latentia.core.ranks import Ranks
from latentia.families import Bernoulli, DiagonalNormal
from latentia.learners import CoordinateAscent, Joint, Learner
from latentia.models import Decoded, LatentDirichlet
from latentia.networks import MLP
from latentia.posteriors import Amortized
from latentia.priors import StandardNormal
from latentia.training import launch
from latentia.training.agreed import own_part, own_state, with_parts
from latentia.training.checkpoint import Checkpoint
from latentia.training.keeper import Forgets
from latentia.training.standing import Epoch
from latentia.training.team import Team


@pytest.fixture(autouse=True)
def no_launcher(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever started the tests."""
    for name in list(os.environ):
        if name.startswith(("SLURM_", "OMPI_", "PMI_", "MPI_", "MASTER_")) or name in launch.LAUNCHERS[0]:
            monkeypatch.delenv(name)


SRUN = {
    "SLURM_PROCID": "5",
    "SLURM_STEP_NUM_TASKS": "8",
    "SLURM_LOCALID": "1",
    "SLURM_STEP_TASKS_PER_NODE": "4(x2)",
    "SLURM_STEP_NODELIST": "gpu[07-08]",
    "SLURM_JOB_ID": "123456",
    "SLURM_STEP_ID": "2",
    "SLURM_CPUS_PER_TASK": "3",
}


def test_a_step_of_srun_in_torch_s_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "")
    monkeypatch.setattr(torch, "set_num_threads", lambda *_: None)
    for name, value in SRUN.items():
        monkeypatch.setenv(name, value)
    for name in (*launch.LAUNCHERS[0], "MASTER_ADDR", "MASTER_PORT"):
        monkeypatch.setenv(name, "")  # so that what is told is taken back
    assert launch.launched() == 8
    launch._tell_torch(launch.LAUNCHERS[1])
    want = {"RANK": "5", "WORLD_SIZE": "8", "LOCAL_RANK": "1", "LOCAL_WORLD_SIZE": "4", "MASTER_ADDR": "gpu07"}
    assert {name: os.environ[name] for name in want} == want
    assert (os.environ["MASTER_PORT"], os.environ["OMP_NUM_THREADS"]) == ("23458", "3")


def test_a_batch_script_is_no_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """sbatch sets these in the script itself, which is one process."""
    for name, value in {"SLURM_PROCID": "0", "SLURM_NTASKS": "8", "SLURM_JOB_NODELIST": "gpu[07-08]"}.items():
        monkeypatch.setenv(name, value)
    assert launch.launched() == 1
    assert launch.start() is None


def test_a_launcher_inside_a_step_has_the_word(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {**SRUN, "RANK": "0", "WORLD_SIZE": "1"}.items():
        monkeypatch.setenv(name, value)
    assert launch.launched() == 1


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({"WORLD_SIZE": "two"}, "WORLD_SIZE is 'two', wanted a whole number, as a launcher sets it."),
        ({"WORLD_SIZE": "2"}, "RANK is None, wanted a whole number, as a launcher sets it."),
        (
            {"WORLD_SIZE": "4", "RANK": "0", "LOCAL_RANK": "0", "LOCAL_WORLD_SIZE": "2"},
            "MASTER_ADDR is not set, by which processes on several machines meet; export rank 0's host.",
        ),
    ],
)
def test_what_no_launcher_says_is_refused(told: dict[str, str], said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(LatentiaError) as error:
        launch.start("cpu")
    assert str(error.value) == said


def test_every_process_has_a_seed_of_its_own() -> None:
    seeds = {launch.seed_of(seed, rank) for seed in (-1, 0, 1, 2) for rank in range(8)}
    assert len(seeds) == 32


class Both(Ranks):
    """The first of two processes, of which the other says what ``other`` makes of its words."""

    def __init__(self, other: Any = lambda value: value) -> None:
        super().__init__(0, 2, torch.device("cpu"))
        self.other = other

    def each(self, value: Any) -> list[Any]:
        return [value, self.other(value)]

    def leaders(self, value: Any) -> Any:
        return value


def vae(norm: str = "none") -> Learner:
    model = Decoded(StandardNormal(2), MLP(2, [4], 5, norm=norm), Bernoulli())  # pyright: ignore[reportArgumentType]
    return Joint(model, Amortized(MLP(5, [4], 2, per_value=2), DiagonalNormal()))


def test_a_learner_that_takes_all_rows_is_refused() -> None:
    with pytest.raises(
        LatentiaError, match="CoordinateAscent takes all rows in one step and in one process, 2 were started"
    ):
        Team(Both(), Forgets()).check(CoordinateAscent(LatentDirichlet(2, 5)), 20, "")


def test_batch_norm_is_refused() -> None:
    Team(Both(), Forgets()).check(vae("layer"), 20, "")
    with pytest.raises(LatentiaError, match="batch norm needs the whole batch in one process, 2 were started"):
        Team(Both(), Forgets()).check(vae("batch"), 20, "")


def test_other_rows_elsewhere_are_refused() -> None:
    with pytest.raises(DataError, match="process 1 of 2 read other rows than the first"):
        Team(Both(lambda _: "ef" * 32), Forgets()).check(vae(), 20, "ab" * 32)


def test_parameters_that_drifted_apart_are_told() -> None:
    epoch = Epoch(3, torch.zeros(1), [-40.0, 4.0, 2.0, 2.0], 1.0, 1e-3, 2, 20)
    Team(Both(), Forgets()).end_epoch(epoch, vae())
    assert epoch.totals == [-80.0, 8.0, 2.0, 2.0]
    assert epoch.rows == 40
    with pytest.raises(LatentiaError, match="no longer the same after epoch 3"):
        Team(Both(lambda mine: (*mine[:2], [1.01 * v for v in mine[2]])), Forgets()).end_epoch(epoch, vae())


@pytest.mark.parametrize("of", [1, 2, 3, 7])
def test_parts_of_batches_are_the_batches(of: int) -> None:
    train = rows(23).train

    def order(share: tuple[int, int]) -> list[Tensor]:
        generator = torch.Generator().manual_seed(5)
        return [batch.row for batch in train.batches(5, shuffle=True, generator=generator, skip=1, share=share)]

    parts = [order((part, of)) for part in range(of)]
    for whole, *cut in zip(order((0, 1)), *parts, strict=True):
        assert torch.cat(cut).equal(whole)
        sizes = [len(part) for part in cut]
        assert max(sizes) - min(sizes) <= 1


def checkpoint(part: int) -> Checkpoint:
    tensors = {
        "random.cpu": torch.tensor([part]),
        "totals": torch.tensor([1.0 + part, 2.0, 5.0, 6.0]),
        "best.x": torch.ones(2),
    }
    return Checkpoint({"loop": {"epoch": [2, 6, 30 + part, 1.0, 1e-3]}, "learner": {}}, tensors)


def test_a_checkpoint_gives_everyone_what_was_theirs() -> None:
    kept = with_parts(checkpoint(0), [own_state(checkpoint(part)) for part in range(3)])
    for part in range(3):
        mine = own_part(kept, part, 3)
        assert mine.values["loop"] == checkpoint(part).values["loop"]
        assert mine.tensors.keys() == checkpoint(part).tensors.keys()
        assert all(value.equal(mine.tensors[name]) for name, value in checkpoint(part).tensors.items())


def test_in_another_number_nothing_that_was_counted_is_lost() -> None:
    kept = with_parts(checkpoint(0), [own_state(checkpoint(part)) for part in range(3)])
    for of in (1, 2, 5):
        parts = [own_part(kept, part, of) for part in range(of)]
        assert sum(part.values["loop"]["epoch"][2] for part in parts) == 93
        assert torch.stack([part.tensors["totals"][:2] for part in parts]).sum(0).tolist() == [6.0, 6.0]
        assert all(part.tensors["totals"][2:].tolist() == [5.0, 6.0] for part in parts)
    alone = checkpoint(0)
    assert own_part(alone, 0, 1) is alone
    parts = [own_part(alone, part, 2) for part in range(2)]
    assert [part.values["loop"]["epoch"][2] for part in parts] == [30, 0]
