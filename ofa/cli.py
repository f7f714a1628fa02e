"""The command line: it reads flags, calls the pipeline and prints what came of it.

``--recipe`` reads a YAML file, and every field of a recipe is a flag as well. What the user can
mend is one line on stderr and exit code 1.
"""

import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from jsonargparse import ArgumentError, ArgumentParser, Namespace

import ofa
from ofa import flags, pipeline, summary
from ofa.errors import OfaError
from ofa.recipe import Recipe

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Command:
    """One subcommand.

    Attributes:
        help: What it does, in a line.
        example: A command line to start from.
        add: Adds its flags to a parser.
        run: Does it.
        details: What a reader of its help should know besides.
    """

    help: str
    example: str
    add: Callable[[ArgumentParser], None]
    run: Callable[[Namespace], None]
    details: str = ""


def main(argv: list[str] | None = None) -> int:
    """Run one command.

    Returns:
        0, or 1 after an error that the user can mend.
    """
    argv = sys.argv[1:] if argv is None else argv
    try:
        parser = _parser(argv)
        options = parser.instantiate(parser.parse_args(argv))
        if options.command is None:
            parser.print_help()
            return 0
        COMMANDS[options.command].run(options[options.command])
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


def track(items: Iterable[T], label: str) -> Iterable[T]:
    """Items with a progress bar on stderr, where stderr is a terminal."""
    from rich.console import Console
    from rich.progress import track as bar

    console = Console(stderr=True)
    if not console.is_terminal:
        return items
    return bar(items, description=label, console=console, transient=True)


def _train(options: Namespace) -> None:
    recipe = Recipe(space=options.space, data=options.data, train=options.train)
    print(pipeline.train(recipe, out=options.out, resume=options.resume))


def _sample(options: Namespace) -> None:
    print(pipeline.sample(**options.as_dict(), track=track))


def _fit_predictor(options: Namespace) -> None:
    summary.show_fit(pipeline.fit_predictor(**options.as_dict()))


def _devices(options: Namespace) -> None:
    summary.show_devices(pipeline.devices())


def _profile(options: Namespace) -> None:
    for device in options.device:
        model = pipeline.profile(device=device, checkpoint=options.checkpoint, fresh=options.fresh)
        summary.show_model(device, model)


def _search(options: Namespace) -> None:
    for device in options.device:
        path = pipeline.search(
            device=device,
            checkpoint=options.checkpoint,
            out=options.out,
            budget_ms=options.budget_ms,
            seed=options.seed,
            track=track,
        )
        print(path)


def _extract(options: Namespace) -> None:
    print(pipeline.extract(**options.as_dict()))


def _deploy(options: Namespace) -> None:
    print(pipeline.deploy(**options.as_dict()))


def _specialize(options: Namespace) -> None:
    for device in options.device:
        summary.show_specialization(
            pipeline.specialize(
                device=device,
                checkpoint=options.checkpoint,
                out=options.out,
                budget_ms=options.budget_ms,
                seed=options.seed,
                input=options.input,
                track=track,
            )
        )


def _import(options: Namespace) -> None:
    from ofa.reference import commands

    sources, out = options.source, options.out
    if options.kind == "latency-table":
        print(commands.import_latency_table(_sized(sources), out=out))
        return
    if len(sources) != 1:
        raise OfaError(f"{len(sources)} files given, but a {options.kind} is one; name one")
    source = Path(sources[0])
    if options.kind == "subnet":
        print(commands.import_subnet(source, out=out))
    elif options.family is None:
        raise OfaError(f"a {options.kind} needs --family, e.g. --family ofa_mbv3_w1.2")
    elif options.kind == "predictor":
        print(commands.import_predictor(source, family=options.family, out=out))
    else:
        print(commands.import_checkpoint(source, family=options.family, out=out))


def _sized(sources: list[str]) -> dict[int, Path]:
    """Files by input size, from ``SIZE=FILE``."""
    sized = {size: Path(file) for size, _, file in (source.partition("=") for source in sources)}
    if not all(size.isdecimal() and file.name for size, file in sized.items()):
        raise OfaError(
            "a latency table is named with its input size, e.g. 224=224_lookup_table.yaml"
        )
    return {int(size): file for size, file in sized.items()}


def _export_weights(options: Namespace) -> None:
    from ofa.reference import commands

    print(commands.export_weights(options.file, out=options.out))


def _inspect(options: Namespace) -> None:
    from ofa.reference import commands

    print(commands.inspect(options.target, space=options.space))


COMMANDS: dict[str, Command] = {
    "specialize": Command(
        help="search, cut out, calibrate, export and check the right subnet for a device",
        example="ofa specialize --device pixel --budget-ms 2",
        add=flags.add_specialize_flags,
        run=_specialize,
        details=(
            "The front of the device is searched with the accuracy predictor and the latency "
            "model; the eight most promising subnets within the budget are measured on the search "
            "split; the best is cut out, recalibrated, exported to ONNX, and compared with its "
            "torch network on all test images. OUT/bundles/SUBNET-DEVICE then holds the engine, a "
            "manifest with every number and every SHA-256, a report that opens offline, the "
            "weights, and a script that runs them. A device at hand is profiled on first use."
        ),
    ),
    "train": Command(
        help="train a supernet",
        example="ofa train --recipe recipes/fashion_mnist.yaml --out runs/fashion_mnist",
        add=flags.add_train_flags,
        run=_train,
        details=(
            "Every field of the recipe is a flag, too. OUT holds supernet.safetensors, the "
            "resolved recipe, logs (CSV, TensorBoard), and last.ckpt, where --resume goes on."
        ),
    ),
    "sample": Command(
        help="measure subnets of a supernet; goes on where it was cut off",
        example="ofa sample --checkpoint runs/fashion_mnist --num 1200",
        add=flags.add_sample_flags,
        run=_sample,
        details=(
            "Each subnet is recalibrated and counted on the search split; accuracy.jsonl beside "
            "the weights grows by one line a subnet."
        ),
    ),
    "fit-predictor": Command(
        help="fit the accuracy predictor to the measured subnets",
        example="ofa fit-predictor --checkpoint runs/fashion_mnist",
        add=flags.add_fit_predictor_flags,
        run=_fit_predictor,
    ),
    "devices": Command(
        help="list the devices, how each is known, and with what error",
        example="ofa devices",
        add=lambda parser: None,
        run=_devices,
    ),
    "profile": Command(
        help="measure a device that can be reached, and fit its latency model",
        example="ofa profile --device host --fresh",
        add=flags.add_profile_flags,
        run=_profile,
    ),
    "search": Command(
        help="find the accuracy-latency front of a device",
        example="ofa search --device pixel --budget-ms 2 --out runs/pixel",
        add=flags.add_search_flags,
        run=_search,
    ),
    "extract": Command(
        help="cut the chosen subnet out, recalibrate it, measure it on the test split",
        example="ofa extract --front runs/pixel/fronts/pixel.json --out runs/pixel",
        add=flags.add_extract_flags,
        run=_extract,
    ),
    "deploy": Command(
        help="build, check and report the engine of a subnet",
        example="ofa deploy --subnet runs/pixel/subnets/ID --front runs/pixel/fronts/pixel.json",
        add=flags.add_deploy_flags,
        run=_deploy,
    ),
    "inspect": Command(
        help="show the size and cost of a space or an arch, layer by layer",
        example="ofa inspect recipes/fashion_mnist.yaml",
        add=flags.add_inspect_flags,
        run=_inspect,
    ),
    "import": Command(
        help="read a supernet, subnet, predictor or latency table of the reference project",
        example="ofa import ofa_mbv3_d234_e346_k357_w1.2 --family ofa_mbv3_w1.2 --out runs/w1.2",
        add=flags.add_import_flags,
        run=_import,
    ),
    "export-weights": Command(
        help="write weights in the reference project's spelling, bit for bit",
        example="ofa export-weights runs/w1.2/supernet.safetensors --out w1.2.pth",
        add=flags.add_export_weights_flags,
        run=_export_weights,
    ),
}


def _parser(argv: list[str]) -> ArgumentParser:
    parser = ArgumentParser(
        prog="ofa",
        description="Train one elastic supernet; cut from it the right network for every device.",
        epilog="Each command explains itself: ofa COMMAND --help",
        exit_on_error=False,
        version=ofa.__version__,
    )
    subcommands = parser.add_subcommands(required=False, dest="command", metavar="COMMAND")
    for name, command in COMMANDS.items():
        subparser = ArgumentParser(
            description=f"{command.help[0].upper()}{command.help[1:]}. {command.details}".strip(),
            epilog=f"example: {command.example}",
            exit_on_error=False,
        )
        if name in argv[:1]:
            command.add(subparser)
        subcommands.add_subcommand(name, subparser, help=command.help)
    return parser


def _fail(message: str) -> int:
    print(message, file=sys.stderr)
    return 1


if __name__ == "__main__":
    raise SystemExit(main())
