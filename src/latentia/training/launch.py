"""Whether a launcher (torchrun, Accelerate, Slurm, MPI) started this process beside others, and how they find each other."""

import atexit
import os
import re
from contextlib import suppress
from datetime import timedelta
from typing import Any

import numpy as np
import torch
from torch import distributed as dist

from latentia.core.errors import LatentiaError
from latentia.core.ranks import Ranks

# By whom: which process this is, how many there are, which it is on its machine, how many are there.
LAUNCHERS = (
    ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE"),
    # Of a step of srun alone: in the batch script itself SLURM_PROCID and SLURM_NTASKS are there, too.
    ("SLURM_PROCID", "SLURM_STEP_NUM_TASKS", "SLURM_LOCALID", "SLURM_STEP_TASKS_PER_NODE"),
    ("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_LOCAL_RANK", "OMPI_COMM_WORLD_LOCAL_SIZE"),
    ("PMI_RANK", "PMI_SIZE", "MPI_LOCALRANKID", "MPI_LOCALNRANKS"),
)
TIMEOUT, SECONDS = "LATENTIA_RANKS_TIMEOUT", 600.0
FIRST_PORT, PORTS = 20_000, 10_000

_started: Ranks | None = None


def launched() -> int:
    """How many processes a launcher started; 1 without one."""
    launcher = _launcher()
    return _count(launcher[1]) if launcher else 1


def start(device: str = "auto") -> Ranks | None:
    """Meet the other processes, once; None where there are none.

    Args:
        device: as for ``train``: "auto", or a kind of device, of which each process takes its own.

    Raises:
        LatentiaError: one device was named for all; there are more processes than accelerators on this machine; they did not
            find each other in time; or they met on another kind of device before.
    """
    global _started
    launcher = _launcher()
    if launcher is None:
        return None
    if _started is not None:
        if device != "auto" and torch.device(device).type != _started.device.type:
            raise LatentiaError(f"these processes work on {_started.device.type}, not {device!r}; start them anew for that.")
        return _started
    n = _count(launcher[1])
    if ":" in device:
        raise LatentiaError(f"{n} processes cannot share {device!r}; say {device.split(':')[0]!r}, and each takes its own.")
    _tell_torch(launcher)
    # Accelerate takes an accelerator wherever there is one; without, it has to be told that a CPU is meant.
    cpu = device == "cpu" or (device == "auto" and _kind() in ("cpu", "mps"))
    here = 0 if cpu else torch.accelerator.device_count()
    if not cpu and (there := _local_size()) > here:
        raise LatentiaError(f"{there} processes on a machine with {here} accelerators; start as many, or say device 'cpu'.")
    _started = _meet(n, cpu)
    atexit.register(part)
    return _started


def alone(what: str) -> None:
    """Refuse several processes.

    Raises:
        LatentiaError: there are several.
    """
    if (n := launched()) > 1:
        raise LatentiaError(f"`{what}` runs in one process, {n} were started; only `latentia fit` shares its work.")


def started() -> Ranks | None:
    """The others, if they were met."""
    return _started


def seed_of(seed: int, rank: int) -> int:
    """A seed of its own for each process's draws; a hash, so that no two runs share a stream."""
    return int(np.random.SeedSequence((seed % 2**64, rank)).generate_state(1)[0])


def comes_first() -> bool:
    """Whether this process is the first on its machine."""
    return int(os.environ.get("LOCAL_RANK", "0")) == 0


def _kind() -> str:
    found = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None
    return "cpu" if found is None else found.type


def _launcher() -> tuple[str, ...] | None:
    """The launcher of several processes, if there was one; the first that speaks, since one may run inside another."""
    found = next((names for names in LAUNCHERS if os.environ.get(names[1])), None)
    return found if found and _count(found[1]) > 1 else None


def _count(name: str) -> int:
    try:
        return int(os.environ[name])
    except (KeyError, ValueError):
        raise LatentiaError(f"{name} is {os.environ.get(name)!r}, wanted a whole number, as a launcher sets it.") from None


def _tell_torch(launcher: tuple[str, ...]) -> None:
    """Say it all in torch's own words."""
    rank, size, local, _ = launcher
    told = {"RANK": _count(rank), "WORLD_SIZE": _count(size), "LOCAL_RANK": _count(local), "LOCAL_WORLD_SIZE": _local_size()}
    os.environ.update({name: str(number) for name, number in told.items()})
    slurm = launcher[1].startswith("SLURM")
    single = told["LOCAL_WORLD_SIZE"] == told["WORLD_SIZE"]
    if not os.environ.get("MASTER_ADDR"):
        if not single and not slurm:
            raise LatentiaError("MASTER_ADDR is not set, by which processes on several machines meet; export rank 0's host.")
        nodes = os.environ.get("SLURM_STEP_NODELIST", "")
        os.environ["MASTER_ADDR"] = "127.0.0.1" if single or not nodes else first_host(nodes)
    if not os.environ.get("MASTER_PORT"):
        job = int(os.environ.get("SLURM_JOB_ID", "0")) + int(os.environ.get("SLURM_STEP_ID", "0"))
        os.environ["MASTER_PORT"] = str(FIRST_PORT + job % PORTS)
    if not os.environ.get("OMP_NUM_THREADS"):
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        threads = int(os.environ.get("SLURM_CPUS_PER_TASK", "0")) or max(1, cores // told["LOCAL_WORLD_SIZE"])
        os.environ["OMP_NUM_THREADS"] = str(threads)
        torch.set_num_threads(threads)


def _local_size() -> int:
    """Processes on this machine; of Slurm's "2(x3),1", which goes by machines, the first."""
    for names in LAUNCHERS:
        if os.environ.get(names[1]) and (digits := re.match(r"\d+", os.environ.get(names[3], ""))):
            return int(digits[0])
    return 1


def first_host(nodes: str) -> str:
    """The first name of a Slurm list.

    >>> first_host("gpu[003-005,7]-ib,login1"), first_host("a1,a2"), first_host("rack[1-2]n[08,10]")
    ('gpu003-ib', 'a1', 'rack1n08')
    """
    first = re.match(r"(?:[^,\[]|\[[^\]]*\])+", nodes)
    return re.sub(r"\[(\w+)[^\]]*\]", r"\1", first[0]) if first else nodes


def _meet(n: int, cpu: bool) -> Ranks:
    from accelerate import PartialState  # imports as much as torch itself does

    try:
        seconds = float(os.environ.get(TIMEOUT, SECONDS))
    except ValueError:
        raise LatentiaError(f"{TIMEOUT} is {os.environ[TIMEOUT]!r}, wanted seconds.") from None
    wait = timedelta(seconds=seconds)
    try:
        state = PartialState(cpu=cpu, timeout=wait)
        gloo = dist.get_backend() == "gloo"
        talk: Any = None if gloo else dist.new_group(backend="gloo", timeout=wait)
    except (RuntimeError, ValueError) as error:
        where = f"{os.environ.get('MASTER_ADDR')}:{os.environ.get('MASTER_PORT')}"
        raise LatentiaError(
            f"{n} processes did not meet at {where} within {seconds:g} s ({str(error).splitlines()[0][:100]}); see that "
            "each was started and that MASTER_ADDR and MASTER_PORT are the same and can be reached."
        ) from None
    return Ranks(state.process_index, state.num_processes, torch.device(state.device or "cpu"), talk)


def part() -> None:
    """Close the connections, by which the others notice; there is no way back."""
    if dist.is_initialized():
        with suppress(RuntimeError, ValueError):
            dist.destroy_process_group()
