"""What is shown: a live line on a terminal, plain lines elsewhere, neither more often than time asks for."""

import io
import math

from rich.console import Console

from latentia.training import LiveLine, PlainLines, State, progress_for


def state(epoch: int = 3, **changes: float) -> State:
    values = {"epochs": 10, "done": 0.25, "bound": -98.76, "rate": 12.3, "valid_bound": -99.5, "active_units": 7.0}
    values |= {"beta": 0.5, "rows_per_second": 12345.0, "seconds": 20.0}
    return State(epoch=epoch, **{**values, **changes})  # pyright: ignore[reportArgumentType]


def test_time_left_is_what_the_share_done_foretells() -> None:
    assert state().seconds_left == 60.0
    assert math.isnan(state(done=0.0).seconds_left)


def test_a_terminal_gets_one_live_line_with_every_quantity() -> None:
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=160)
    progress = progress_for(console)
    assert isinstance(progress, LiveLine)
    progress.start()
    progress.show(state(), epoch_ended=False)
    progress.stop()
    said = screen.getvalue()
    for words in ("epoch", "-98.76", "-99.50", "rate 12.30", "active 7", "β 0.5", "12,345 rows/s", "1:00 left"):
        assert words in said


def test_no_terminal_gets_plain_lines_at_epoch_ends_by_time_and_always_the_last() -> None:
    paper = io.StringIO()
    console = Console(file=paper, width=200)
    assert isinstance(progress_for(console), PlainLines)
    progress = PlainLines(console, every_seconds=1e9)
    progress.start()
    progress.show(state(1), epoch_ended=False)
    for epoch in range(1, 6):
        progress.show(state(epoch), epoch_ended=True)
    progress.stop()
    lines = paper.getvalue().splitlines()
    assert [line.split()[1] for line in lines] == ["1/10", "5/10"]
    assert "\x1b" not in paper.getvalue()


def test_what_is_not_known_yet_is_a_dash() -> None:
    paper = io.StringIO()
    progress = PlainLines(Console(file=paper, width=200))
    progress.show(state(valid_bound=math.nan, active_units=math.nan, done=0.0), epoch_ended=True)
    assert "valid -  rate" in paper.getvalue()
    assert "-:-- left" in paper.getvalue()
