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
        "--budget-ms", type=float, default=None, metavar="MS", help="latency to stay within there"
    )
    flags.add_checkpoint(parser)
    flags.add_out(parser, "runs/search")


def _extract(options: Namespace, track: pipeline.Track) -> Path:
    front, of_fleet = options.front, is_fleet(options.front)
    asked = (options.device is not None, options.budget_ms is not None)
    if of_fleet != all(asked) or of_fleet != any(asked):
        raise OfaError(
            f"{front}: a fleet needs --device and --budget-ms to tell which subnet is meant; the "
            "front of one device takes neither"
        )
    if of_fleet:
        front = pipeline.front_of_fleet(
            fleet=front, device=options.device, budget_ms=options.budget_ms, out=options.out
        )
    return pipeline.extract(front=front, checkpoint=options.checkpoint, out=options.out)


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
        "Of a fleet, --device and --budget-ms say whose subnet; its front is written to "
        "OUT/fronts/DEVICE.json, which ofa deploy takes."
    ),
)

DEPLOY = Command(
    help="build, check and report the engine of a subnet",
    example="ofa deploy --subnet runs/pixel/subnets/ID --front runs/pixel/fronts/pixel1.json",
    add_flags=_add_deploy_flags,
    run=_deploy,
)
