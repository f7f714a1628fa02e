"""The command line ``ofa``: one module a command, holding its flags, its run and its show."""

from ofa.cli.entry import COMMANDS, main

__all__ = ["COMMANDS", "main"]
