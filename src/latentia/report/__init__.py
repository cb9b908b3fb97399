"""The report of a run: one HTML file that a stranger can read, and its pictures as files."""

from latentia.report.content import ReportContent
from latentia.report.page import write_report
from latentia.report.save import save_grid, save_pairs, save_pictures

__all__ = ["ReportContent", "save_grid", "save_pairs", "save_pictures", "write_report"]
