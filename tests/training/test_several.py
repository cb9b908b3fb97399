"""Two processes with a part of each batch each take the steps that one process takes with all of it."""

from ast import literal_eval
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file
from torch.testing import assert_close

from helpers.several import LEARNERS, started, trained
from helpers.zygote import Zygote
from latentia.training import Stopped

# Of the last batch of an epoch one row is left, so that the second process has none; or three, of which it has one.
JOBS: list[tuple[str, int, int, dict[str, Any]]] = [
    *((name, 101, 20, {}) for name in LEARNERS if "infinite" not in name),
    *((name, 103, 20, {}) for name in ("joint", "nvil", "natural gradient")),
    ("joint", 101, 20, {"spoilt": 77, "on_nonfinite": "skip"}),
    ("infinite at 77", 101, 20, {"on_nonfinite": "skip"}),
    ("natural gradient", 101, 20, {"spoilt": 77, "on_nonfinite": "skip"}),
    ("joint", 101, 20, {"spoilt": 77}),
    ("joint", 101, 20, {"patience": 1}),
]
CODE = "import sys; sys.path.insert(0, {!r})\nfrom helpers.several import work; work({!r}, {!r})"


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("several")
    with Zygote(folder) as zygote:
        code = CODE.format(str(Path(__file__).parents[1]), str(folder), JOBS)
        for process in started(zygote, "--version", before=code):
            said = process.wait()
            assert (said.status, said.err) == (0, "")
    return folder


def told(folder: Path, i: int) -> list[Any]:
    """What both processes say of the epochs, and of the noise that they met."""
    return [literal_eval((folder / f"{i}.{rank}.txt").read_text().replace("nan", "None")) for rank in range(2)]


@pytest.mark.parametrize(
    ("name", "n", "batch_size", "options"), [job for job in JOBS if "spoilt" not in job[3] and "77" not in job[0]]
)
def test_two_processes_end_where_one_does(name: str, n: int, batch_size: int, options: dict[str, Any], done: Path) -> None:
    i = JOBS.index((name, n, batch_size, options))
    want, history = trained(name, n, batch_size, **options)
    first, second = (load_file(done / f"{i}.{rank}") for rank in range(2))
    for key, value in want.items():
        # A row's own search takes steps as long where its slope is rounding as where it is not.
        assert_close(
            first[key], value, atol=1e-3 if key == "table" else 1e-5, rtol=1e-6, msg=lambda said, key=key: f"{key}: {said}"
        )
        assert_close(second[key], first[key], atol=0, rtol=0)
    (rows, *rest), two = told(done, i)
    assert [rows, *rest[:-1]] == two[:-1]
    assert rest == history[1:], "the first one meets the noise of one alone"
    assert not set(two[-1]) & set(rest[-1]), "and the second its own"
    assert_close([v for row in rows for v in row], [v for row in history[0] for v in row], atol=1e-4, rtol=1e-5)


@pytest.mark.parametrize(("i", "job"), [(i, job) for i, job in enumerate(JOBS) if "on_nonfinite" in job[3]])
def test_a_step_is_skipped_everywhere_where_it_is_skipped_anywhere(i: int, job: tuple[Any, ...], done: Path) -> None:
    name, n, batch_size, options = job
    want, (_, *rest) = trained(name, n, batch_size, **options)
    assert len(rest[1]) == 9, "once an epoch"
    one, two = told(done, i)
    assert one[:-1] == two[:-1]
    assert one[1:] == rest
    for rank in range(2):
        got = load_file(done / f"{i}.{rank}")
        assert all(bool(value.isfinite().all()) for value in got.values())
        for key, value in want.items():
            assert_close(got[key], value, atol=1e-5, rtol=1e-6)


def test_the_rows_that_are_named_are_those_of_the_whole_batch(done: Path) -> None:
    i = JOBS.index(("joint", 101, 20, {"spoilt": 77}))
    with pytest.raises(Stopped) as alone:
        trained("joint", 101, 20, spoilt=77)
    assert [(done / f"{i}.{rank}.txt").read_text() for rank in range(2)] == [f"Stopped: {alone.value}"] * 2
