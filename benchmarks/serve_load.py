"""Many clients at once on loopback: errors, how long answers take, and whether memory stays where it was.

    latentia fit digits-2d --out /tmp/run && python -m benchmarks.serve_load /tmp/run

The service is a process of its own; every client asks again as soon as it is answered: points to decode as bare floats,
rows to encode as JSON, samples, and now and then a score. Any answer but 200, or an end that is no success, is a failure.
"""

import argparse
import asyncio
import os
import random
import re
import subprocess
import sys
import time
from collections import Counter, defaultdict
from typing import Any

import httpx2
import numpy as np

FLOATS = "application/octet-stream"
WARM_UP_SECONDS = 5.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run")
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=60.0)
    options = parser.parse_args()
    command = [sys.executable, "-m", "latentia", "serve", options.run, "--port", "0", "--rate", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        address = process.stdout.readline().split()[0]
        statuses = asyncio.run(load(address, options.clients, options.seconds))
    finally:
        process.terminate()
        ended = process.wait()
        print(f"ended with status {ended}")
    if ended or set(statuses) != {"200"}:
        sys.exit("there were errors")


async def load(address: str, clients: int, seconds: float) -> Counter[str]:
    limits = httpx2.Limits(max_connections=clients, max_keepalive_connections=clients)
    async with httpx2.AsyncClient(base_url=address, limits=limits, timeout=60.0) as client:
        about = (await client.get("info")).json()
        _, early = await asks(client, about, clients, WARM_UP_SECONDS)
        before = await memory(client)
        took, statuses = await asks(client, about, clients, seconds)
        after = await memory(client)
    answered = sum(len(times) for times in took.values())
    print(f"{clients} clients for {seconds:g} s: {answered} answers, {answered / seconds:.0f} a second")
    print("statuses", dict(statuses))
    for kind, times in [("all", [t for each in took.values() for t in each]), *sorted(took.items())]:
        p50, p99 = np.percentile(times, [50, 99])
        print(f"{kind:12} {len(times):7}  p50 {1e3 * p50:7.1f} ms  p99 {1e3 * p99:7.1f} ms  most {1e3 * max(times):7.1f} ms")
    print(f"memory {before / 2**20:.1f} MiB after a warm-up, {after / 2**20:.1f} MiB at the end")
    print(f"{os.cpu_count()} cores, clients included")
    return early + statuses


async def asks(
    client: httpx2.AsyncClient, about: dict[str, Any], clients: int, seconds: float
) -> tuple[dict[str, list[float]], Counter[str]]:
    took: defaultdict[str, list[float]] = defaultdict(list)
    statuses: Counter[str] = Counter()
    end = time.perf_counter() + seconds

    async def one(seed: int) -> None:
        random_ = random.Random(seed)
        while time.perf_counter() < end:
            kind, request = question(about, random_)
            started = time.perf_counter()
            try:
                told = await client.post(kind, **request)
                statuses[str(told.status_code)] += 1
            except httpx2.HTTPError as error:
                statuses[type(error).__name__] += 1
            took[kind].append(time.perf_counter() - started)

    await asyncio.gather(*(one(seed) for seed in range(clients)))
    return took, statuses


def question(about: dict[str, Any], random_: random.Random) -> tuple[str, dict[str, Any]]:
    """What a client asks next."""
    x_size, z_size = int(np.prod(about["x_shape"])), int(np.prod(about["z_shape"]))
    chance = random_.random()
    if chance < 0.6:
        z = np.array([random_.gauss(0, 1) for _ in range(z_size)], "<f4")
        return "decode", {"content": z.tobytes(), "headers": {"content-type": FLOATS, "accept": FLOATS}}
    x = np.reshape([float(random_.random() < 0.5) for _ in range(x_size)], (1, *about["x_shape"])).tolist()
    if chance < 0.9 and about["kind"] != "table":
        return "encode", {"json": {"x": x}}
    if chance < 0.99 or about["kind"] == "table":
        return "sample", {"json": {"n": 8}}
    return "score", {"json": {"x": x, "draws": 100}}


async def memory(client: httpx2.AsyncClient) -> float:
    url = str(client.base_url).rstrip("/").removesuffix("/v1") + "/metrics"
    found = re.search(r"^process_resident_memory_bytes (\S+)", (await client.get(url)).text, re.MULTILINE)
    assert found is not None
    return float(found[1])


if __name__ == "__main__":
    main()
