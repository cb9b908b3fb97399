"""The thread that reads ahead has no threads of its own: GNU's OpenMP lets all sleep where they are more than processors."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

CODE = """
import os, sys, torch
from latentia.data import read_data
torch.set_num_threads(2)
data = read_data(sys.argv[1], stream="always", binarize="dynamic")
torch.rand(1 << 20).exp()
before = len(os.listdir("/proc/self/task"))
batches = data.train.batches(100, shuffle=True, generator=torch.Generator().manual_seed(0))
for _ in range(3):
    next(batches)
print(len(os.listdir("/proc/self/task")) - before)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="threads are counted in /proc")
def test_the_reader_of_rows_is_one_thread(tmp_path: Path) -> None:
    np.save(tmp_path / "rows.npy", np.random.default_rng(0).integers(0, 256, (200_000, 4), np.uint8))
    command = [sys.executable, "-c", CODE, str(tmp_path / "rows.npy")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert int(done.stdout) == 1
