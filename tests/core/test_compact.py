"""JSON for people says what JSON says, on fewer lines."""

import json
from typing import Any

import pytest

from latentia.core.compact import WIDTH, compact_json


@pytest.mark.parametrize(
    "value",
    [
        {},
        [],
        3,
        None,
        'a "quoted" – line\nof two',  # noqa: RUF001  a dash that ASCII lacks
        {"a": [], "b": {}, "c": [[], [1, [2, 3]]], "d": (1, 2)},
        {"edges": [[i, 2 * i, i / 7] for i in range(300)]},
        {"variables": [{"name": "a", "table": [[0.1, 0.9], [0.5, 0.5]]}, {"name": "b", "table": [1.0]}], "n": -1e-9},
        [["x" * 200], "y"],
    ],
)
def test_it_says_the_same(value: Any) -> None:
    assert json.loads(compact_json(value)) == json.loads(json.dumps(value))


def test_a_list_takes_as_few_lines_as_it_needs() -> None:
    text = compact_json({"edges": [[i, i + 1, 0.25] for i in range(200)], "short": [1, 2]})
    lines = text.splitlines()
    assert '  "short": [1, 2]' in lines
    assert len(lines) < 40
    assert max(map(len, lines)) <= WIDTH + 20
