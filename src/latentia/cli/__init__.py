"""The command line; nothing heavy is imported until a command runs."""

from latentia.cli.app import main

__all__ = ["main"]
