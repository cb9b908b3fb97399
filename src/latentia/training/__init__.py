"""The one training loop, what it shows and what it leaves."""

from latentia.training.advi import advi
from latentia.training.checkpoint import Checkpoint, Damaged, from_bytes
from latentia.training.device import first_line, pick_device
from latentia.training.history import COLUMNS, History
from latentia.training.keeper import Keeper, Terminated
from latentia.training.launch import comes_first, start
from latentia.training.loop import OnNonFinite, Stopped, train
from latentia.training.matmul import Matmul
from latentia.training.progress import LiveLine, PlainLines, Progress, Silent, State, progress_for
from latentia.training.shared_fit import SharedFit

__all__ = [
    "COLUMNS",
    "Checkpoint",
    "Damaged",
    "History",
    "Keeper",
    "LiveLine",
    "Matmul",
    "OnNonFinite",
    "PlainLines",
    "Progress",
    "SharedFit",
    "Silent",
    "State",
    "Stopped",
    "Terminated",
    "advi",
    "comes_first",
    "first_line",
    "from_bytes",
    "pick_device",
    "progress_for",
    "start",
    "train",
]
