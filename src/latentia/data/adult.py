"""Adults in the census of 1994, and whether they earn more than $50,000 (Kohavi & Becker, UCI, Adult, 1996)."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from latentia.core.errors import DataError
from latentia.data.columns import Encoded
from latentia.data.cut import DEFAULT_SHARES
from latentia.data.dataset import Dataset, from_splits
from latentia.data.named import Named
from latentia.data.readers import CURE
from latentia.data.reading.limits import read_bytes
from latentia.data.reading.options import Options
from latentia.data.reading.text_tables import parse_table
from latentia.data.sources import File, locate
from latentia.data.split import Split
from latentia.data.splitting import split_rows
from latentia.data.tables.inferring import infer_schema

N_TRAIN, N_TEST = 32_561, 16_281
ADDRESS = "https://archive.ics.uci.edu/ml/machine-learning-databases/adult"
PUBLISHED = (
    File("adult.data", f"{ADDRESS}/adult.data", "5b00264637dbfec36bdeaab5676b0b309ff9eb788d63554ca0a249491c86603d"),
    File("adult.test", f"{ADDRESS}/adult.test", "a2a9044bc167a35b2361efbabec64e89d69ce82d9790d2980119aac5fd7e9c05"),
)
FORMS = (PUBLISHED, (File("adult.data.gz"), File("adult.test.gz")))
INCOME = ("<=50K", ">50K")
COLUMNS = (
    "age",
    "workclass",
    "fnlwgt",
    "education",
    "education_num",
    "marital_status",
    "occupation",
    "relationship",
    "race",
    "sex",
    "capital_gain",
    "capital_loss",
    "hours_per_week",
    "native_country",
    "income",
)


def load_adult(folder: str | Path | None = None) -> Dataset:
    """48,842 rows of 14 columns, some cells missing; the published test rows, the others cut 8 to 1 with classes alike.

    Labelled by income. The schema is inferred from training rows.

    Raises:
        DataError: a file is missing or damaged.
    """
    paths = locate("adult", FORMS, folder)
    first, last = (path for _, path in sorted(paths.items()))
    known, test = _rows(first, N_TRAIN), _rows(last, N_TEST)
    income, of_test = (_income(frame) for frame in (known, test))
    share = DEFAULT_SHARES[0] / (DEFAULT_SHARES[0] + DEFAULT_SHARES[1])
    train, valid, _ = split_rows(len(known), (share, 1 - share, 0), labels=income)
    inferred = infer_schema(known.iloc[train.numpy()])
    schema = inferred.schema
    split = _split(schema.encode(known), income)
    data = from_splits(
        "adult",
        split.take(train),
        split.take(valid),
        _split(schema.encode(test), of_test),
        label_names=INCOME,
        value_names=schema.value_names,
    )
    return replace(data, schema=schema, inferred=inferred)


def _rows(path: Path, n: int) -> Any:
    text = read_bytes(path).decode("latin-1")
    lines = [line for line in text.splitlines() if not line.startswith("|")]  # the test file opens with a remark
    frame, _ = parse_table("\n".join(lines), str(path), Options(header=COLUMNS, delimiter=",", decimal="."))
    if len(frame) != n or not frame["income"].str.rstrip(".").isin(INCOME).all():
        raise DataError(f"{path} holds {len(frame)} rows, wanted {n} whose last column is {' or '.join(INCOME)}; {CURE}")
    return frame


def _income(frame: Any) -> np.ndarray:
    """0 and 1; the column is taken out of the frame, and the test file ends its words with a dot."""
    return (frame.pop("income").str.rstrip(".") == INCOME[1]).to_numpy(dtype=int)


def _split(encoded: Encoded, income: np.ndarray) -> Split:
    return Split(encoded.x, labels=torch.from_numpy(income), mask=encoded.mask)


ADULT = Named(load_adult, "48,842 adults of the 1994 census, 14 columns of several kinds, some cells missing", forms=FORMS)
