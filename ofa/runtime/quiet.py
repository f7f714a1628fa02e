"""Libraries that speak of themselves while they work; what fails is raised as well."""

import contextlib
import io
import logging
import os
import sys
import warnings
from collections.abc import Iterator


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep back what a library prints, logs and warns of."""
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        before = logging.root.manager.disable
        logging.disable(logging.WARNING)
        try:
            yield
        finally:
            logging.disable(before)


@contextlib.contextmanager
def silent_stderr() -> Iterator[None]:
    """Keep back what compiled code writes to stderr, which no logger sees."""
    sys.stderr.flush()
    kept, sink = os.dup(2), os.memfd_create("stderr")
    os.dup2(sink, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(sink)
