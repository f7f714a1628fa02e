"""How a long arrow shows its progress: its work passes through a function that the caller gives."""

from collections.abc import Callable, Iterable
from typing import TypeVar

T = TypeVar("T")
Track = Callable[[Iterable[T], str], Iterable[T]]
"""Passes items through and shows progress, as the command line does on a terminal."""


def untracked(items: Iterable[T], label: str) -> Iterable[T]:
    """Items without any show of progress."""
    return items
