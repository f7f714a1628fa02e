"""What a subcommand is: its flags, what it does, and how its result is shown."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from jsonargparse import ArgumentParser, Namespace

from ofa.pipeline import Track


@dataclass(frozen=True, kw_only=True)
class Command:
    """One subcommand.

    Attributes:
        help: What it does, in a line.
        example: A command line to start from.
        add_flags: Adds its flags to a parser.
        run: Does it; the result is what ``--json`` prints: a path, a dataclass, or several.
        show: Prints the result for people.
        failure: Names what is wrong with a result that is complete and yet bad; exit code 1 then.
        complete: Adds to a command line what it leaves to be guessed.
        draws_progress: Whether a library that it calls shows by itself that work goes on.
        details: What a reader of its help should know besides.
    """

    help: str
    example: str
    add_flags: Callable[[ArgumentParser], None]
    run: Callable[[Namespace, Track], Any]
    show: Callable[[Any], None] = print
    failure: Callable[[Any], str | None] = lambda result: None
    complete: Callable[[list[str]], list[str]] = list
    draws_progress: bool = False
    details: str = ""
