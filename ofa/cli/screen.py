"""How results look on a terminal: tables, progress, JSON."""

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from rich.table import Table

    from ofa.pipeline import SearchProgress

T = TypeVar("T")


def table(title: str, *columns: str) -> "Table":
    """An empty table; without names, of three columns and no header."""
    from rich import box
    from rich.table import Table

    made = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, show_header=bool(columns))
    for column in columns or ("", "", ""):
        made.add_column(column, overflow="fold")
    return made


def show(what: "Table | str | Path") -> None:
    """Print a table or a line on stdout."""
    from rich.console import Console

    Console(soft_wrap=isinstance(what, str)).print(what, highlight=False)


def show_json(result: Any) -> None:
    """Print a result as JSON on stdout: dataclasses as objects, paths as strings."""
    from pydantic import TypeAdapter

    print(json.dumps(TypeAdapter(Any).dump_python(result, mode="json"), indent=2, allow_nan=False))


@contextmanager
def watching(*, quiet: bool) -> "Iterator[Callable[[SearchProgress], None] | None]":
    """A watch that keeps one line on stderr, where stderr is a terminal; cleared at the end."""
    from rich.console import Console
    from rich.control import Control
    from rich.segment import ControlType

    console = Console(stderr=True)
    if quiet or not console.is_terminal:
        yield None
        return

    def show(progress: "SearchProgress") -> None:
        best = "nothing yet" if progress.best_top1 is None else f"{progress.best_top1:.2f} %"
        area = "" if progress.hypervolume is None else f", hypervolume {progress.hypervolume:.4g}"
        console.control(Control((ControlType.ERASE_IN_LINE, 2)))
        console.print(
            f"best {best}{area}, {progress.num_evaluations:,} evaluations, "
            f"{progress.per_second:,.0f} a second",
            end="\r",
            highlight=False,
            no_wrap=True,
            overflow="ellipsis",
        )

    try:
        yield show
    finally:
        console.control(Control((ControlType.ERASE_IN_LINE, 2)))


def track(items: Iterable[T], label: str) -> Iterable[T]:
    """Items with a progress bar on stderr, where stderr is a terminal."""
    from rich.console import Console
    from rich.progress import track as bar

    console = Console(stderr=True)
    if not console.is_terminal:
        return items
    return bar(items, description=label, console=console, transient=True)
