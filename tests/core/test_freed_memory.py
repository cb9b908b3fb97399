"""What a step frees, the next step gets without asking the system."""

import os
import subprocess
import sys

import pytest

CODE = """
import resource, sys, torch
from latentia.core.freed_memory import keep_freed_memory
torch.set_num_threads(1)
kept = keep_freed_memory() if sys.argv[1] == "keep" else None
def step():
    held = [torch.ones(3 << 20) for _ in range(6)]
for _ in range(3):
    step()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
step()
print(kept, resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def asked(how: str, **environment: str) -> tuple[str, int]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("MALLOC_")}
    done = subprocess.run(
        [sys.executable, "-c", CODE, how], env=clean | environment, capture_output=True, text=True, check=True
    )
    kept, faults = done.stdout.split()
    return kept, int(faults)


@pytest.mark.skipif(sys.platform != "linux", reason="the C library of Linux is meant")
def test_no_page_is_asked_for_twice() -> None:
    kept, faults = asked("keep")
    if kept == "False":
        pytest.skip("this C library is not glibc")
    if asked("leave")[1] < 1000:
        pytest.skip("this system counts no page, or gives large ones: nothing to see here")
    assert faults < 100


@pytest.mark.skipif(sys.platform != "linux", reason="the C library of Linux is meant")
def test_who_has_told_the_library_is_obeyed() -> None:
    assert asked("keep", MALLOC_TRIM_THRESHOLD_="100000")[0] == "False"
