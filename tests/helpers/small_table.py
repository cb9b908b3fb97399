"""A table of every kind of column with holes, and a quick fit to it."""

import numpy as np
import pandas as pd
import torch

from latentia.data import Dataset, read_data
from latentia.distributions import ColumnLayout
from latentia.families import Columns, DiagonalNormal
from latentia.models import Decoded
from latentia.networks import MLP
from latentia.posteriors import Amortized
from latentia.priors import StandardNormal
from latentia.runs import Run, fit

KINDS = {
    "age": "real",
    "pay": "positive",
    "share": "proportion",
    "sex": "binary",
    "job": "category",
    "visits": "count",
    "gain": "hurdle",
}


def table(rows: int = 240, seed: int = 0, holes: float = 0.15) -> pd.DataFrame:
    """One hidden number a row that all columns depend on; each cell is missing with chance ``holes``."""
    random = np.random.default_rng(seed)
    z = random.normal(size=rows)
    job = np.clip(np.round(z + 1 + 0.3 * random.normal(size=rows)), 0, 2).astype(int)
    frame = pd.DataFrame(
        {
            "age": np.round(40 + 12 * z + 2 * random.normal(size=rows)),
            "pay": np.exp(7 + 0.8 * z + 0.2 * random.normal(size=rows)).round(2),
            "share": (1 / (1 + np.exp(-z - 0.3 * random.normal(size=rows)))).round(4),
            "sex": np.where(z + 0.5 * random.normal(size=rows) > 0, "F", "M"),
            "job": np.array(["cook", "clerk", "boss"])[job],
            "visits": random.poisson(np.exp(1 - 0.7 * z)),
            "gain": np.where(z > 0.5, np.round(500 + 300 * z, 1), 0.0),
        }
    )
    hide = random.random(frame.shape) < holes
    frame["visits"] = frame["visits"].astype("Int64")
    return frame.mask(hide)


def dataset(frame: pd.DataFrame | None = None) -> Dataset:
    """Cut into splits, with its schema."""
    return read_data(table() if frame is None else frame, name="small", kinds=KINDS)


def fitted(data: Dataset | None = None, epochs: int = 30) -> Run:
    """A decoder of mixed columns from two latents."""
    data = data or dataset()
    assert data.schema is not None
    torch.manual_seed(0)
    n = data.schema.n_values
    columns = [{"kind": c.kind, "width": c.width, "name": c.name} for c in data.schema.columns]
    model = Decoded(StandardNormal(2), MLP(2, [16], n, per_value=2), Columns(columns))
    counts = [p.start for c, p in zip(data.schema.columns, data.schema.places, strict=True) if c.kind == "count"]
    network = MLP(Amortized.input_shape((n,), see_mask=True), [16], 2, per_value=2)
    posterior = Amortized(network, DiagonalNormal(), see_mask=True, scale_each=True, log_values=counts)
    return fit(model, posterior, data, epochs=epochs, batch_size=64, lr=5e-3, name="small", progress=False)


def layout(data: Dataset) -> ColumnLayout:
    """Of its schema."""
    assert data.schema is not None
    return ColumnLayout([c.kind for c in data.schema.columns], data.schema.widths)
