"""``python -m ofa`` is ``ofa``; signals are heard from the first moment on, before the imports."""

import sys

from ofa import interrupts

_AGAIN = {
    "train": "the same command with --resume goes on from what is finished",
    "finetune": "the same command starts anew",
}


def main(argv: list[str] | None = None) -> int:
    """Run the command line."""
    argv = sys.argv[1:] if argv is None else argv
    command = argv[0] if argv else ""
    again = _AGAIN.get(command, "the same command goes on from what is finished")
    return interrupts.run(lambda: _command_line(argv), told=f"ofa {command}: interrupted; {again}")


def _command_line(argv: list[str]) -> int:
    from ofa.cli import main

    return main(argv)


if __name__ == "__main__":
    raise SystemExit(main())
