"""Ctrl-C and SIGTERM: the program ends within two seconds and in one line, whatever it is doing.

Every result is written whole or not at all, so there is no bad moment to end. The main thread is
interrupted first, so that it closes what it holds open; where it is deep in foreign code, or waits
for other processes, a thread of its own ends the program instead.
"""

import os
import signal
import sys
import threading
from collections.abc import Callable
from multiprocessing import active_children
from types import FrameType

_GRACE_S = 1.0
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupted(BaseException):
    """The user or the system wants the program to end; no handler of errors catches it."""


def run(program: Callable[[], int], *, told: str) -> int:
    """The exit code of a program, or 128 and the number of the signal that ended it.

    Args:
        told: What is printed on stderr then.
    """
    received: list[int] = []
    closing = threading.Event()

    def interrupt(signum: int, frame: FrameType | None) -> None:
        if not received:
            received.append(signum)
            raise Interrupted

    def end_if_late() -> None:
        while (byte := os.read(heard, 1)) and byte[0] not in _SIGNALS:
            pass  # other signals are heard as well
        threading.Event().wait(_GRACE_S)
        for child in active_children():
            child.kill()
        if not closing.is_set():
            sys.stderr.write(f"{told}\n")
        os._exit(128 + byte[0])

    heard, hear = os.pipe()
    os.set_blocking(hear, False)
    signal.set_wakeup_fd(hear, warn_on_full_buffer=False)
    threading.Thread(target=end_if_late, daemon=True).start()
    try:
        for signum in _SIGNALS:
            signal.signal(signum, interrupt)
        return program()
    except Interrupted:
        closing.set()
        sys.stderr.write(f"{told}\n")
        return 128 + received[0]
