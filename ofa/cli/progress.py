"""How long work shows that it goes on: how much is done, how fast, and how long it still takes.

On a terminal these are bars on stderr, which vanish when the work is done; elsewhere, as in the log
of a server, a line a minute.
"""

import logging
import sys
import threading
from collections.abc import Iterable, Iterator, Sized
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

from ofa.pipeline import Track

if TYPE_CHECKING:
    from rich.progress import Progress, Task, TaskID

T = TypeVar("T")

_QUIET_S = 1.0
"""Work that ends within this shows nothing."""
_LINE_EVERY_S = 60.0


@contextmanager
def working(label: str) -> Iterator[Track]:
    """Show that work goes on until the block ends; gives what counts the items of its parts.

    On a terminal, the latest line that ``ofa`` logged tells what is being done.
    """
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    is_terminal = console.is_terminal
    progress = Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(bar_width=16),
        TextColumn("{task.fields[pace]}"),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=not is_terminal,
    )
    news = logging.Handler(logging.INFO)
    log = logging.getLogger("ofa")
    level = log.level
    if is_terminal:
        whole = progress.add_task(label, total=None, pace="")
        news.emit = lambda record: _tell(progress, whole, record)
        log.addHandler(news)
        log.setLevel(logging.INFO)
    timer = threading.Timer(_QUIET_S, progress.start)
    timer.daemon = True
    timer.start()
    try:
        yield lambda items, part: _counted(progress, items, part, lines=not is_terminal)
    finally:
        log.removeHandler(news)
        log.setLevel(level)
        timer.cancel()
        timer.join()
        progress.stop()


@contextmanager
def hushed() -> Iterator[None]:
    """Keep what ``ofa`` logs short of errors from being shown until the block ends."""
    log = logging.getLogger("ofa")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        yield
    finally:
        log.setLevel(level)


def _tell(progress: "Progress", whole: "TaskID", record: logging.LogRecord) -> None:
    """Warnings stay on the screen; what else was logged is the task's name until the next line."""
    if record.levelno >= logging.WARNING:
        progress.console.print(record.getMessage(), markup=False, highlight=False)
    else:
        progress.update(whole, description=record.getMessage())


def _counted(progress: "Progress", items: Iterable[T], label: str, *, lines: bool) -> Iterator[T]:
    total = len(items) if isinstance(items, Sized) else None
    number = progress.add_task(label, total=total, pace="")
    task = next(task for task in progress.tasks if task.id == number)
    told_s = 0.0
    for item in items:
        yield item
        progress.advance(number)
        pace = _pace(task)
        progress.update(number, pace=pace)
        elapsed_s = task.elapsed or 0.0
        if lines and elapsed_s - told_s >= _LINE_EVERY_S:
            told_s = elapsed_s
            print(f"{label}: {pace}", file=sys.stderr, flush=True)
    if not lines:
        progress.remove_task(number)


def _pace(task: "Task") -> str:
    """``120/1000, 8.3/s, 1:46 left``; the last two once they are known."""
    done = f"{task.completed:.0f}/{task.total:.0f}" if task.total else f"{task.completed:.0f}"
    if not task.speed:
        return done
    fast = task.speed >= 1
    rate = f"{task.speed:.1f}/s" if fast else f"{1 / task.speed:.1f} s each"
    left_s = task.time_remaining
    if left_s is None:
        return f"{done}, {rate}"
    hours, rest = divmod(int(left_s), 3600)
    clock = (
        f"{hours}:{rest // 60:02d}:{rest % 60:02d}" if hours else f"{rest // 60}:{rest % 60:02d}"
    )
    return f"{done}, {rate}, {clock} left"
