"""What checks the annotations of ``ofa`` at run time, shapes included, while the suite runs.

A function is checked in its first calls within every test, then in one call of a hundred: training
makes the same calls for thousands of steps, and to check them all would take most of its time.
"""

import functools
from collections.abc import Callable

import torch
from beartype import BeartypeConf, beartype

_FIRST_CALLS = 20
_ONE_OF = 100

_checked = beartype(conf=BeartypeConf(is_pep484_tower=True))
"""An int is a legal float, as for every static type checker."""

_calls: dict[Callable, int] = {}
"""How often each function was called within this test."""


def typechecked(function: Callable) -> Callable:
    """``function`` with its annotations checked, save while torch traces for an export.

    The tracer hands out sizes as tensors, which no shape annotation can be compared with.
    """
    checked = _checked(function)

    @functools.wraps(function)
    def sometimes_checked(*args, **kwargs):
        calls = _calls[function] = _calls.get(function, 0) + 1
        is_checked = calls <= _FIRST_CALLS or calls % _ONE_OF == 0
        return (checked if is_checked and not torch.jit.is_tracing() else function)(*args, **kwargs)

    return sometimes_checked


def begin_test() -> None:
    """Check the first calls of every function anew."""
    _calls.clear()
