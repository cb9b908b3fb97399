"""Recipes that take a second or two, for fits that are broken off."""

from typing import Any

SMALL = {"network": {"name": "mlp", "hidden": [8]}}
# A gradient with a network and moving averages of its own, and bits that are drawn anew for each batch.
NVIL: dict[str, Any] = {
    "latents": 4,
    "data": {"name": "digits", "binarize": "dynamic"},
    "model": SMALL | {"prior": "bernoulli"},
    "posterior": SMALL,
    "gradient": "nvil",
    "evaluation_draws": 2,
    "fit": {"epochs": 3, "batch_size": 64, "device": "cpu", "kl_warm_up": 30, "lr_decay": "cosine"},
}
