"""The command line: it reads flags, calls the pipeline and prints what came of it.

``--recipe`` reads a YAML file, and every field of a recipe is a flag as well. ``--json`` prints the
result as JSON, for programs. What the user can mend is one line on stderr and exit code 1.
"""

import sys

from jsonargparse import ArgumentError, ArgumentParser, Namespace

import ofa
from ofa import pipeline
from ofa.cli import flags, screen
from ofa.cli.bench import BENCH
from ofa.cli.bundle import DEPLOY, EXTRACT
from ofa.cli.command import Command
from ofa.cli.device import PROFILE
from ofa.cli.devices import DEVICES
from ofa.cli.finetune import FINETUNE
from ofa.cli.fit_predictor import FIT_PREDICTOR
from ofa.cli.reference import EXPORT_WEIGHTS, IMPORT, INSPECT
from ofa.cli.sample import SAMPLE
from ofa.cli.search import SEARCH
from ofa.cli.specialize import SPECIALIZE
from ofa.cli.train import TRAIN
from ofa.cli.verify import VERIFY
from ofa.errors import OfaError, printable

COMMANDS: dict[str, Command] = {
    "specialize": SPECIALIZE,
    "train": TRAIN,
    "sample": SAMPLE,
    "fit-predictor": FIT_PREDICTOR,
    "devices": DEVICES,
    "profile": PROFILE,
    "search": SEARCH,
    "extract": EXTRACT,
    "finetune": FINETUNE,
    "deploy": DEPLOY,
    "verify": VERIFY,
    "bench": BENCH,
    "inspect": INSPECT,
    "import": IMPORT,
    "export-weights": EXPORT_WEIGHTS,
}


def main(argv: list[str] | None = None) -> int:
    """Run one command.

    Returns:
        0, or 1 after an error that the user can mend.
    """
    argv = sys.argv[1:] if argv is None else argv
    try:
        if argv and argv[0] in COMMANDS:
            argv = [argv[0], *COMMANDS[argv[0]].complete(argv[1:])]
        parser = _parser(argv)
        options = parser.parse_args(argv)
        if options.command is None:
            parser.print_help()
            return 0
        _run(COMMANDS[options.command], options[options.command])
    except ArgumentError as error:
        where = f"ofa {argv[0]}" if argv and argv[0] in COMMANDS else "ofa"
        reason = " ".join((error.message or str(error)).split()).replace(f"{argv[0]}.", "--")
        return _fail(f"{where}: {reason}; see {where} --help")
    except OfaError as error:
        return _fail(f"ofa {argv[0]}: {' '.join(str(error).split())}")
    except MemoryError:
        return _fail(f"ofa {argv[0]}: out of memory; close other programs or use a smaller space")
    except BrokenPipeError:  # the reader of a pipe has gone, as with | head
        sys.stderr.close()
    except KeyboardInterrupt:
        return _fail(f"ofa {argv[0]}: interrupted; the same command goes on where it can") + 129
    return 0


def _run(command: Command, options: Namespace) -> None:
    result = command.run(options, pipeline.untracked if options.quiet else screen.track)
    if options.json:
        screen.show_json(result)
    elif not options.quiet:
        command.show(result)
    failure = command.failure(result)
    if failure is not None:
        raise OfaError(failure)


def _parser(argv: list[str]) -> ArgumentParser:
    parser = ArgumentParser(
        prog="ofa",
        description="Train one elastic supernet; cut from it the right network for every device.",
        epilog="Each command explains itself: ofa COMMAND --help",
        exit_on_error=False,
        parser_mode=flags.PLAIN,
        version=ofa.__version__,
    )
    subcommands = parser.add_subcommands(required=False, dest="command", metavar="COMMAND")
    for name, command in COMMANDS.items():
        subparser = ArgumentParser(
            description=f"{command.help[0].upper()}{command.help[1:]}. {command.details}".strip(),
            epilog=f"example: {command.example}",
            exit_on_error=False,
            parser_mode=flags.PLAIN,
        )
        if name in argv[:1]:
            command.add_flags(subparser)
            subparser.add_argument("--json", action="store_true", help="print the result as JSON")
            subparser.add_argument("--quiet", action="store_true", help="print errors only")
        subcommands.add_subcommand(name, subparser, help=command.help)
    return parser


def _fail(message: str) -> int:
    print(printable(message), file=sys.stderr)
    return 1
