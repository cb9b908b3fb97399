"""A table's columns as values of a row; see ``latentia.data.tables``."""

from latentia.data.tables.column import KINDS, Column, Kind, State
from latentia.data.tables.schema import Encoded, Schema

__all__ = ["KINDS", "Column", "Encoded", "Kind", "Schema", "State"]
