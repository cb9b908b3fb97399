"""Ten files that people really hand over, and what they are told or what is made of them, word for word."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from latentia.data import read_data


@pytest.fixture
def csv(tmp_path: Path) -> Any:
    """Writes t.csv and returns its path."""

    def write(text: str | bytes) -> Path:
        path = tmp_path / "t.csv"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


ROWS = [f"{20 + i % 17},{['Bonn', 'Kiel', 'Ulm'][i % 3]},{1000 + 37 * i}" for i in range(30)]


def test_a_pdf_called_csv(csv: Any, refused: Any) -> None:
    path = csv(b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n")
    with refused(f"{path} is a PDF, whatever its name says; export the table from it as CSV."):
        read_data(path)


def test_a_total_row(csv: Any) -> None:
    data = read_data(csv("\n".join(["age,city,pay", *ROWS, "Total,,46095"])))
    assert data.notes == ("the last line is left out: it says 'Total', so it sums up the others.",)
    assert sum(map(len, (data.train, data.valid, data.test))) == 30
    assert data.schema is not None
    assert [c.kind for c in data.schema.columns] == ["real", "category", "real"]


def test_semicolons_and_decimal_commas(csv: Any) -> None:
    rows = [f"{i % 40},5;{['Bonn', 'Kiel', 'Ulm'][i % 3]};{i}" for i in range(30)]
    data = read_data(csv("\n".join(["age;city;n", *rows])), kinds={"n": "drop"})
    assert data.notes == ("numbers are read with a decimal comma; say decimal='.' if that is wrong.",)
    assert data.schema is not None
    assert (data.schema.columns[0].low or 0) % 1 == 0.5


def test_thousands_separators(csv: Any) -> None:
    rows = [f'{20 + i % 17},"{1_000_000 + 12_345 * i:,}"' for i in range(30)]
    data = read_data(csv("\n".join(["age,pay", *rows])), splits=(1, 0, 0))
    assert data.notes == ()
    assert data.schema is not None
    assert (data.schema.columns[1].low, data.schema.columns[1].high) == (1_000_000, 1_358_005)


def test_dates_that_can_be_read_in_two_ways(csv: Any, refused: Any) -> None:
    rows = [f"{1 + i % 28:02d}/{1 + i % 12:02d}/2020,{i % 7}" for i in range(30)]
    path = csv("\n".join(["when,n", *rows]))
    with refused(
        "column 'when' looks like dates that can be read in two ways (first '01/01/2020'); write them as 2020-12-31, or "
        "leave the column out: kinds 'when': 'drop'."
    ):
        read_data(path)
    assert read_data(path, kinds={"when": "drop"}).x_shape == (1,)


def test_an_empty_file(csv: Any, refused: Any) -> None:
    path = csv("")
    with refused(f"{path} is empty; give a file with rows."):
        read_data(path)


def test_one_row(csv: Any, refused: Any) -> None:
    path = csv("age,city\n41,Bonn\n")
    with refused(
        "1 row cannot be cut into 3 parts (train, valid, test); give at least 3, or splits=(1, 0, 0) to train on all."
    ):
        read_data(path)
    with refused("one row is left to learn the columns from, wanted at least two; give more, or train a larger share."):
        read_data(path, splits=(1, 0, 0))


def test_one_class(csv: Any) -> None:
    data = read_data(csv("\n".join(["age,city,pay,kind", *(f"{row},a" for row in ROWS)])), label="kind")
    assert data.notes == ("every label is 'a': there is one class.",)
    assert data.label_names == ("a",)
    assert data.train.labels is not None
    assert set(data.train.labels.tolist()) == {0}


def test_mixed_image_sizes(tmp_path: Path) -> None:
    for i in range(6):
        Image.fromarray(np.full((20 + 4 * (i % 2), 30), 40 * i, np.uint8)).save(tmp_path / f"{i}.png")
    data = read_data(tmp_path)
    assert data.notes == (
        "pictures have 2 different sizes; all are brought to 20 x 30, the middle is kept. Say size=[h, w] for another.",
    )
    assert data.x_shape == (1, 20, 30)
    assert data.levels == 256


def test_16_bit_pictures(tmp_path: Path) -> None:
    for i in range(4):
        Image.fromarray(np.full((6, 5), 257 * 50 * i, np.uint16)).save(tmp_path / f"{i}.png")
    data = read_data(tmp_path, splits=(1, 0, 0))
    assert data.notes == ("4 of 4 pictures have 16 bits, of which the upper 8 are kept.",)
    assert sorted(data.split("train").stored[:, 0, 0, 0].tolist()) == [0, 50, 100, 150]


def test_a_label_that_is_a_number(csv: Any, refused: Any) -> None:
    path = csv("\n".join(["age,city,pay", *(f"{row}.5" for row in ROWS)]))
    with refused("label 'pay' holds real numbers, and a label names classes; make it a column, or leave it out."):
        read_data(path, label="pay")
    with refused("label is 'pya', which is no column; did you mean 'pay'?"):
        read_data(path, label="pya")


def test_an_index_column_that_pandas_wrote(csv: Any) -> None:
    frame = pd.DataFrame({"a": np.arange(30) % 7, "b": np.arange(30) % 5})
    data = read_data(csv(frame.to_csv()), splits=(1, 0, 0))
    assert data.schema is not None
    assert data.schema.dropped == {"column_1": "it counts the rows"}
