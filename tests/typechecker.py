"""What checks every annotation of ``ofa`` at run time, shapes included, while the suite runs."""

import functools
from collections.abc import Callable

import torch
from beartype import BeartypeConf, beartype

_checked = beartype(conf=BeartypeConf(is_pep484_tower=True))
"""An int is a legal float, as for every static type checker."""


def typechecked(function: Callable) -> Callable:
    """``function`` with its annotations checked, save while torch traces for an export.

    The tracer hands out sizes as tensors, which no shape annotation can be compared with.
    """
    checked = _checked(function)

    @functools.wraps(function)
    def checked_unless_traced(*args, **kwargs):
        return (function if torch.jit.is_tracing() else checked)(*args, **kwargs)

    return checked_unless_traced
