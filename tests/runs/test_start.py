"""A fit does not import what it does not need and what takes longest: seconds of every start."""

import subprocess
import sys

import pytest

SLOW = ("torch._dynamo", "torch.distributed.fsdp", "accelerate", "sklearn.datasets", "pandas", "matplotlib")


@pytest.mark.parametrize("evaluated", [False, True])
def test_a_fit_imports_neither_torchs_compiler_nor_scikit_learn(evaluated: bool) -> None:
    code = f"""
import sys, latentia as la
run = la.fit_recipe("digits", ["epochs=1"], progress=False)
{evaluated} and run.evaluate(draws=50)
print(*(name for name in {SLOW} if name in sys.modules))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
