"""NumPyro: SVI's update in ``lax.scan`` over an epoch's batches, the epoch jitted whole with its state donated."""

import functools
from collections.abc import Callable
from typing import Any

import jax  # pyright: ignore[reportMissingImports]
import jax.numpy as jnp  # pyright: ignore[reportMissingImports]
import numpyro  # pyright: ignore[reportMissingImports]
import numpyro.distributions as dist  # pyright: ignore[reportMissingImports]
from jax import Array, lax  # pyright: ignore[reportMissingImports]
from numpyro.infer import SVI, RenyiELBO, TraceMeanField_ELBO  # pyright: ignore[reportMissingImports]

from benchmarks.speed.contestants.jax_networks import decoder, encoder
from benchmarks.speed.task import Rows, Task


def train(task: Task, rows: Rows, epochs: int, ended: Callable[[], None]) -> dict[str, Any]:
    shape = (28, 28, 1) if task.network == "conv" else (784,)  # channels last, which XLA's convolutions on a CPU like
    x, check = (jnp.asarray(part.reshape(-1, *shape)) for part in (rows.train, rows.check))
    encode, decode = encoder(task), decoder(task)

    def model(batch: Array) -> None:
        read = numpyro.module("decode", decode, (task.latents,))
        with numpyro.plate("rows", len(batch)):
            z = numpyro.sample("z", dist.Normal(jnp.zeros(task.latents), 1.0).to_event(1))
            numpyro.sample("x", dist.Bernoulli(logits=read(z)).to_event(len(shape)), obs=batch)

    def guide(batch: Array) -> None:
        read = numpyro.module("encode", encode, shape)
        with numpyro.plate("rows", len(batch)):
            mean, log_var = jnp.split(read(batch), 2, -1)
            numpyro.sample("z", dist.Normal(mean, jnp.exp(0.5 * log_var)).to_event(1))

    loss = RenyiELBO(alpha=0.0, num_particles=task.draws) if task.bound == "iwae" else TraceMeanField_ELBO()
    svi = SVI(model, guide, numpyro.optim.Adam(task.lr), loss)
    state = svi.init(jax.random.key(task.seed), x[: task.batch].astype(jnp.float32))

    @functools.partial(jax.jit, donate_argnums=0)
    def epoch(state: Any, x: Array, key: Array) -> tuple[Any, Array]:
        order = jax.random.permutation(key, len(x)).reshape(-1, task.batch)
        return lax.scan(lambda at, chosen: svi.update(at, x[chosen].astype(jnp.float32)), state, order)

    key = jax.random.key(task.seed + 1)
    for _ in range(epochs):
        key, ours = jax.random.split(key)
        state, _losses = epoch(state, x, ours)
        jax.block_until_ready(state)
        ended()
    said = -svi.evaluate(state, check.astype(jnp.float32)) / len(check)
    return {"bound": float(said)}
