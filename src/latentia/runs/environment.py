"""What a run was made with: versions, machine, commit."""

import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch

PACKAGES = ("latentia", "torch", "numpy", "zuko", "scikit-learn", "safetensors", "pydantic")


def environment(seed: int, device: str, processes: int = 1) -> dict[str, str]:
    """Names to plain text, for ``environment.json`` and the report."""
    out = {"python": platform.python_version(), **{name: _version(name) for name in PACKAGES}}
    out |= {
        "platform": f"{platform.system()} {platform.machine()}",
        "device": device,
        "threads": str(torch.get_num_threads()),
        **({"processes": str(processes)} if processes > 1 else {}),
        "seed": str(seed),
        "git_commit": _commit(),
    }
    return out


def versions() -> dict[str, str]:
    """Of what decides a training's bits."""
    return {name: _version(name) for name in ("latentia", "torch")}


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _commit() -> str:
    """The commit of a source checkout of this library; empty where it was installed from a package."""
    here = Path(__file__).resolve().parent
    git = ["git", "-C", str(here)]
    try:
        inside = subprocess.run([*git, "ls-files", "--error-unmatch", __file__], capture_output=True, timeout=5, check=False)
        if inside.returncode:
            return ""
        commit = subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, text=True, timeout=5, check=False)
        changed = subprocess.run([*git, "status", "--porcelain"], capture_output=True, text=True, timeout=5, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return commit.stdout.strip() + (" with changes" if changed.stdout.strip() else "")
