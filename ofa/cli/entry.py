"""The command line: it reads flags, calls the pipeline and prints what came of it.

``--recipe`` reads a YAML file, and every field of a recipe is a flag as well. ``--json`` prints the
result as JSON, for programs. What the user can mend is one line on stderr and exit code 1.
"""

import errno
import os
import sys

from jsonargparse import ArgumentError, Namespace

from ofa import pipeline
from ofa.cli import screen
from ofa.cli.bench import BENCH
from ofa.cli.bundle import DEPLOY, EXTRACT
from ofa.cli.command import Command
from ofa.cli.completion import completion_of
from ofa.cli.device import PROFILE
from ofa.cli.devices import DEVICES
from ofa.cli.finetune import FINETUNE
from ofa.cli.fit_predictor import FIT_PREDICTOR
from ofa.cli.near_misses import explain
from ofa.cli.pack import PACK
from ofa.cli.parsing import build_parser, options_of
from ofa.cli.progress import hushed, working
from ofa.cli.reference import EXPORT_WEIGHTS, IMPORT, INSPECT
from ofa.cli.sample import SAMPLE
from ofa.cli.search import SEARCH
from ofa.cli.specialize import SPECIALIZE
from ofa.cli.sweep import SWEEP
from ofa.cli.train import TRAIN
from ofa.cli.verify import VERIFY
from ofa.errors import OfaError, printable

CHAPTERS: dict[str, dict[str, Command]] = {
    "The whole way, from a supernet to an engine": {"specialize": SPECIALIZE},
    "A supernet, and what is known of it": {
        "train": TRAIN,
        "sweep": SWEEP,
        "sample": SAMPLE,
        "fit-predictor": FIT_PREDICTOR,
        "inspect": INSPECT,
        "pack": PACK,
    },
    "Devices": {"devices": DEVICES, "profile": PROFILE},
    "From a supernet to an engine, step by step": {
        "search": SEARCH,
        "extract": EXTRACT,
        "finetune": FINETUNE,
        "deploy": DEPLOY,
        "verify": VERIFY,
        "bench": BENCH,
    },
    "The reference Once-for-All project": {
        "import": IMPORT,
        "export-weights": EXPORT_WEIGHTS,
    },
}
COMMANDS = {name: command for chapter in CHAPTERS.values() for name, command in chapter.items()}
CHAPTERS["This shell"] = {"completion": completion_of(COMMANDS)}
COMMANDS |= CHAPTERS["This shell"]

_OF_THE_MACHINE = {
    errno.ENAMETOOLONG,
    errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EFBIG, errno.EIO,
    errno.EMFILE, errno.ENFILE, errno.ENOMEM,
}  # fmt: skip
"""What a user can mend of what the system refuses."""


def main(argv: list[str] | None = None) -> int:
    """Run one command.

    Returns:
        0, or 1 after an error that the user can mend.
    """
    argv = sys.argv[1:] if argv is None else argv
    if not argv or argv[0] in ("-h", "--help", "help"):
        print(_overview())
        return 0
    parser = build_parser(COMMANDS, flags_of=argv[:1])
    try:
        if argv[0] in COMMANDS:
            argv = [argv[0], *COMMANDS[argv[0]].complete(argv[1:])]
        options = parser.parse_args(argv)
        _run(COMMANDS[options.command], options[options.command], label=f"ofa {options.command}")
    except ArgumentError as error:
        known = options_of(parser, argv[0]) if argv[0] in COMMANDS else ()
        where = f"ofa {argv[0]}" if argv[0] in COMMANDS else "ofa"
        reason = explain(error.message or str(error), argv, known)
        return _fail(f"{where}: {reason}; see {where} --help")
    except OfaError as error:
        return _fail(f"ofa {argv[0]}: {' '.join(str(error).split())}")
    except (MemoryError, RuntimeError) as error:
        if not _is_out_of_memory(error):
            raise
        return _fail(
            f"ofa {argv[0]}: out of memory; close other programs, or use smaller images, batches "
            "or spaces"
        )
    except BrokenPipeError:  # the reader of a pipe has gone, as with | head
        sys.stderr.close()
    except OSError as error:
        if error.errno not in _OF_THE_MACHINE:
            raise
        where = f"{error.filename}: " if error.filename else ""
        return _fail(f"ofa {argv[0]}: {where}{error.strerror}; mend that and start again")
    return 0


def _run(command: Command, options: Namespace, *, label: str) -> None:
    if options.quiet:
        with hushed():
            result = command.run(options, pipeline.untracked)
    elif command.draws_progress:
        result = command.run(options, pipeline.untracked)
    else:
        with working(label) as track:
            result = command.run(options, track)
    if command.draws_progress and not _is_first_process():
        return  # training is the work of all ranks, and told once
    if options.json:
        screen.show_json(result)
    elif not options.quiet:
        command.show(result)
    failure = command.failure(result)
    if failure is not None:
        raise OfaError(failure)


def _is_first_process() -> bool:
    """Whether no launcher (Lightning, torchrun, SLURM) says that it is another one of several."""
    ranks = ("RANK", "LOCAL_RANK", "NODE_RANK", "SLURM_PROCID")
    return all(os.environ.get(name, "0") == "0" for name in ranks)


def _overview() -> str:
    """Every command in a line, by what it is for."""
    width = max(map(len, COMMANDS))
    chapters = (
        "\n".join([f"{title}:", *(f"  {name:<{width}}  {c.help}" for name, c in chapter.items())])
        for title, chapter in CHAPTERS.items()
    )
    return "\n\n".join(
        [
            "usage: ofa COMMAND [options]",
            "Train one elastic supernet; cut from it the right network for every device.",
            *chapters,
            "Each command explains itself: ofa COMMAND --help; all take --json and --quiet.\n"
            "example: ofa specialize --device pixel --budget-ms 2",
        ]
    )


def _is_out_of_memory(error: MemoryError | RuntimeError) -> bool:
    """Libraries have words of their own for it, under types that are not loaded here."""
    text = str(error).lower()
    return isinstance(error, MemoryError) or any(
        words in text for words in ("out of memory", "can't allocate memory", "bad allocation")
    )


def _fail(message: str) -> int:
    print(printable(message), file=sys.stderr)
    return 1
