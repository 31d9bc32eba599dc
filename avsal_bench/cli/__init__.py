"""The command line: ``avsal <command>``, one file a command."""

from avsal_bench.cli.app import main

__all__ = ["main"]
