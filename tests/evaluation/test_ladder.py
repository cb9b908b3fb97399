"""The ladder as a table in a terminal."""

import io

import pytest
from rich.console import Console

from latentia.evaluation import Figure, Ladder, Rung
from latentia.ladder import DEFAULT_TRAININGS


@pytest.mark.parametrize("own", [False, True])
@pytest.mark.parametrize("width", [80, 120])
def test_the_table_holds_together_in_a_terminal(own: bool, width: int) -> None:
    """No figure is cut, no number but a figure is broken, and a figure only before its error."""
    names = ("encoder", "semi-amortized", "semi-amortized-stopped", "encoder+20")
    bound, gap, log_px = Figure(-1117.47, 12.22), Figure(3.37, 0.1), Figure(-1114.09, 12.15)
    rungs = tuple(Rung(n, n, bound, gap, 1181.24, 1_217_300, 100, 1284.0, log_px if own else None) for n in names)
    ladder = Ladder("test", 200, 500, own, None, "each model's own", {}, rungs, ("em left out: " + "so it is " * 12,))
    written = io.StringIO()
    Console(file=written, width=width).print(ladder.table())
    lines = written.getvalue().splitlines()
    assert all(len(line) <= width for line in lines)
    words = written.getvalue().split()
    for word in (*names, "-1117.47", "±12.22", "1181.24", "1,217,300", "100", "1284", *["-1114.09", "±12.15"] * own):
        assert word in words, word
    assert words.count("so") == 12, "remarks are whole"
    if width == 120:
        assert sum("-1117.47 ±12.22" in line for line in lines) == len(names)


def test_the_usual_trainings_fit_in_eighty_columns_a_line_each() -> None:
    rungs = tuple(
        Rung(n, n, Figure(-117.47, 2.22), Figure(3.37, 0.1), 181.24, 217_300, 100, 284.0, Figure(-114.09, 2.15))
        for n in DEFAULT_TRAININGS
    )
    written = io.StringIO()
    Console(file=written, width=80).print(Ladder("test", 200, 500, True, None, "its own", {}, rungs).table())
    assert sum("-117.47 ±2.22 -114.09 ±2.15 3.37 ±0.10  181.24" in line for line in written.getvalue().splitlines()) == 6
