"""The one training loop, what it shows and what it leaves."""

from latentia.training.device import first_line, pick_device
from latentia.training.history import COLUMNS, History
from latentia.training.loop import OnNonFinite, Stopped, train
from latentia.training.progress import LiveLine, PlainLines, Progress, Silent, State, progress_for

__all__ = [
    "COLUMNS",
    "History",
    "LiveLine",
    "OnNonFinite",
    "PlainLines",
    "Progress",
    "Silent",
    "State",
    "Stopped",
    "first_line",
    "pick_device",
    "progress_for",
    "train",
]
