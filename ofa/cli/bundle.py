"""``ofa extract`` and ``ofa deploy``."""

from pathlib import Path

from jsonargparse import ArgumentParser, Namespace

from ofa import pipeline
from ofa.cli import flags
from ofa.cli.command import Command
from ofa.errors import OfaError
from ofa.fleet_files import is_fleet


def _add_extract_flags(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--front",
        type=Path,
        required=True,
        help="a fronts/DEVICE.json of ofa search, or a fleet.json with --device and --budget-ms",
    )
    parser.add_argument("--device", default=None, metavar="NAME", help="device of the fleet")
    parser.add_argument(
        "--budget-ms",
        type=float,
        default=None,
        metavar="MS",
        help="latency to stay within; default: the choice of the front as it is",
    )
    parser.add_argument(
        "--models",
        type=int,
        default=None,
        metavar="K",
        help="of a fleet: what serves the device of the K subnets chosen for all",
    )
    flags.add_checkpoint(parser)
    flags.add_out(parser, "runs/search")


def _extract(options: Namespace, track: pipeline.Track) -> Path:
    return pipeline.extract(front=_front(options), checkpoint=options.checkpoint, out=options.out)


def _front(options: Namespace) -> Path:
    """The front whose choice is meant; where that is another than a search's, it is written."""
    front: Path = options.front
    if is_fleet(front):
        if options.device is None or options.budget_ms is None:
            raise OfaError(
                f"{front}: a fleet needs --device and --budget-ms to tell which subnet is meant"
            )
        return pipeline.front_of_fleet(
            fleet=front,
            device=options.device,
            budget_ms=options.budget_ms,
            models=options.models,
            out=options.out,
        )
    for flag, given in {"--device": options.device, "--models": options.models}.items():
        if given is not None:
            raise OfaError(f"{flag}: {front} is the front of one device, no fleet; leave it out")
    if options.budget_ms is None:
        return front
    return pipeline.choose_point(front=front, budget_ms=options.budget_ms, out=options.out)


def _add_deploy_flags(parser: ArgumentParser) -> None:
    parser.add_argument("--subnet", type=Path, required=True, help="a subnets/ID of ofa extract")
    parser.add_argument("--front", type=Path, required=True, help="the front it was chosen from")
    flags.add_checkpoint(parser)
    flags.add_wish(parser)
    flags.add_out(parser, "runs/search")


def _deploy(options: Namespace, track: pipeline.Track) -> Path:
    return pipeline.deploy(
        subnet=options.subnet,
        front=options.front,
        checkpoint=options.checkpoint,
        out=options.out,
        wish=flags.wish(options),
    )


EXTRACT = Command(
    help="cut the chosen subnet out, recalibrate and measure it",
    example="ofa extract --front runs/pixel/fronts/pixel1.json --out runs/pixel",
    add_flags=_add_extract_flags,
    run=_extract,
    details=(
        "Of a fleet, --device and --budget-ms say whose subnet: its own pick, or, with --models, "
        "the one of K subnets for all that serves it. Of the front of one device, --budget-ms "
        "alone chooses another point. The front with that choice is written to "
        "OUT/fronts/DEVICE.json, which ofa deploy takes."
    ),
)

DEPLOY = Command(
    help="build, check and report the engine of a subnet",
    example="ofa deploy --subnet runs/pixel/subnets/ID --front runs/pixel/fronts/pixel1.json",
    add_flags=_add_deploy_flags,
    run=_deploy,
)
