"""Ctrl-C and SIGTERM: the program ends within two seconds and in one line, whatever it is doing.

Every result is written whole or not at all, so there is no bad moment to end. The main thread is
interrupted first, so that it closes what it holds open; where it is deep in foreign code, or waits
for something, a thread of its own ends the program instead. A program that is done ends as well,
whatever the clean-up after it waits for.
"""

import atexit
import os
import signal
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from multiprocessing import active_children
from types import FrameType

_GRACE_S = 1.0
_CLEAN_UP_S = 5.0
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupted(BaseException):
    """The user or the system wants the program to end; no handler of errors catches it."""


def run(program: Callable[[], int], *, told: str) -> int:
    """The exit code of a program; a signal ends the process with 128 and the signal's number.

    Args:
        told: What is printed on stderr then.
    """
    received: list[int] = []
    is_told = threading.Lock()

    def tell() -> None:
        if is_told.acquire(blocking=False):
            sys.stderr.write(f"{told}\n")
            sys.stderr.flush()

    def interrupt(signum: int, frame: FrameType | None) -> None:
        if not received:
            received.append(signum)
            # Nobody is to take the end of the children, which would be waited for, for a failure.
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            for child in active_children():
                child.kill()
            raise Interrupted

    def end_if_late() -> None:
        while (byte := os.read(heard, 1)) and byte[0] not in _SIGNALS:
            pass  # other signals are heard as well
        threading.Event().wait(_GRACE_S)
        tell()
        os._exit(128 + byte[0])

    heard, hear = os.pipe()
    os.set_blocking(hear, False)
    signal.set_wakeup_fd(hear, warn_on_full_buffer=False)
    threading.Thread(target=end_if_late, daemon=True).start()
    try:
        for signum in _SIGNALS:
            signal.signal(signum, interrupt)
        code = program()
        # That of a loader's queue can wait for ever, if the process that it fed was killed.
        clean_up = threading.Timer(_CLEAN_UP_S, _leave, [code])
        clean_up.daemon = True
        clean_up.start()
        return code
    except Interrupted:
        tell()
        # Python would take seconds to take large libraries down, which no result needs.
        atexit._run_exitfuncs()
        os._exit(128 + received[0])


def _leave(code: int) -> None:
    with suppress(OSError, ValueError):  # nobody reads any more
        sys.stdout.flush()
    os._exit(code)
