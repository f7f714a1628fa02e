"""How results look on a terminal: tables, lines, JSON."""

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.table import Table


def table(title: str, *columns: str) -> "Table":
    """An empty table; without names, of three columns and no header."""
    from rich import box
    from rich.table import Table

    made = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, show_header=bool(columns))
    for column in columns or ("", "", ""):
        made.add_column(column, overflow="fold")
    return made


def show(what: "Table | str") -> None:
    """Print a table or a line on stdout."""
    from rich.console import Console

    Console(soft_wrap=isinstance(what, str), markup=False).print(what, highlight=False)


def show_next(command: str) -> None:
    """Tell somebody at a terminal what to type next; on stderr, so that results stay alone."""
    from rich.console import Console

    console = Console(stderr=True, markup=False)
    if console.is_terminal:
        console.print(f"next: {command}", highlight=False, soft_wrap=True)


def show_json(result: Any) -> None:
    """Print a result as JSON on stdout: dataclasses as objects, paths as strings."""
    from pydantic import TypeAdapter

    print(json.dumps(TypeAdapter(Any).dump_python(result, mode="json"), indent=2, allow_nan=False))
