"""A process for which the kernel keeps no locks: ``flock`` answers what such a file system does."""

import ctypes
import errno
import platform

_FLOCK = {"x86_64": 73, "aarch64": 32}
"""Number of the system call."""


class _Instruction(ctypes.Structure):
    _fields_ = [
        ("code", ctypes.c_uint16),
        ("jt", ctypes.c_uint8),
        ("jf", ctypes.c_uint8),
        ("k", ctypes.c_uint32),
    ]


class _Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_uint16), ("instructions", ctypes.c_void_p)]


def can_refuse_locks() -> bool:
    """Whether this kernel is one whose answers can be changed here."""
    return platform.system() == "Linux" and platform.machine() in _FLOCK


def refuse_locks() -> None:
    """Let every ``flock`` of this process fail with ``ENOLCK``, by a filter of the kernel."""
    instructions = (_Instruction * 4)(
        _Instruction(0x20, 0, 0, 0),  # load the number of the system call
        _Instruction(0x15, 0, 1, _FLOCK[platform.machine()]),  # unless it is flock, skip one
        _Instruction(0x06, 0, 0, 0x0005_0000 | errno.ENOLCK),
        _Instruction(0x06, 0, 0, 0x7FFF_0000),  # let it pass
    )
    program = _Program(4, ctypes.cast(instructions, ctypes.c_void_p))
    kernel = ctypes.CDLL(None, use_errno=True)
    for arguments in ((38, 1, 0, 0, 0), (22, 2, ctypes.byref(program), 0, 0)):
        if kernel.prctl(*arguments):
            raise OSError(ctypes.get_errno(), "prctl")
