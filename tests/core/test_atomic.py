"""A file is the old one or the new one, whatever happens."""

import errno
import os
import stat
from pathlib import Path

import pytest

from latentia.core import atomic


def test_a_write_that_fails_leaves_the_old_file_and_nothing_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "it"
    atomic.write(path, b"old")

    def fails(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as full:
        full.setattr(os, "fsync", fails)
        with pytest.raises(OSError, match="No space"):
            atomic.write(path, b"n", b"ew")
    assert [p.name for p in tmp_path.iterdir()] == ["it"]
    assert path.read_bytes() == b"old"
    atomic.write(path, b"n", b"ew")
    assert path.read_bytes() == b"new"


def test_a_file_is_on_disk_before_it_has_its_name_and_the_name_after_that(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    real_sync, real_replace = os.fsync, Path.replace

    def sync(file: int) -> None:
        done.append("folder" if stat.S_ISDIR(os.fstat(file).st_mode) else "file")
        real_sync(file)

    def replace(self: Path, target: Path) -> Path:
        done.append("rename")
        return real_replace(self, target)

    monkeypatch.setattr(os, "fsync", sync)
    monkeypatch.setattr(Path, "replace", replace)
    atomic.write(tmp_path / "it", b"new")
    assert done == ["file", "rename", "folder"]


@pytest.mark.parametrize("there", [False, True])
def test_a_folder_is_there_whole_or_as_it_was(tmp_path: Path, there: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    to = tmp_path / "a" / "b"
    if there:
        to.mkdir(parents=True)

    def fill() -> None:
        with atomic.whole_folder(to) as beside:
            (beside / "one").write_text("1")
            (beside / "in").mkdir()
            (beside / "in" / "two").write_text("2")
            assert not (to / "one").exists(), "nothing has its place before all is written"
            if not broken:
                return
            raise KeyboardInterrupt

    broken, before = True, 0
    with pytest.raises(KeyboardInterrupt):
        fill()
    assert to.exists() == there
    assert [path for path in tmp_path.rglob("*") if path not in (to, to.parent)] == []
    broken = False
    if there:
        moves: list[Path] = []
        real = Path.replace

        def fails(self: Path, target: Path) -> Path:
            moves.append(self)
            if len(moves) == 2:
                raise OSError(errno.ENOSPC, "No space left on device")
            return real(self, target)

        with monkeypatch.context() as full:
            full.setattr(Path, "replace", fails)
            with pytest.raises(OSError, match="No space"):
                fill()
        assert list(to.iterdir()) == []
        before = to.stat().st_ino
    fill()
    assert sorted(path.relative_to(to).as_posix() for path in to.rglob("*")) == ["in", "in/two", "one"]
    assert list(to.parent.iterdir()) == [to]
    if there:
        assert to.stat().st_ino == before, "a shell may stand in it"
