"""The report of a run: one HTML file that a stranger can read, and its pictures as files."""

from latentia.report.content import ReportContent
from latentia.report.ladder_chart import ladder_chart
from latentia.report.page import write_report
from latentia.report.save import save_grid, save_pairs, save_pictures
from latentia.report.svg import standalone

__all__ = ["ReportContent", "ladder_chart", "save_grid", "save_pairs", "save_pictures", "standalone", "write_report"]
