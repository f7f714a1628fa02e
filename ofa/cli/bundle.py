"""``ofa extract`` and ``ofa deploy``."""

from pathlib import Path

from jsonargparse import ArgumentParser, Namespace

from ofa import pipeline
from ofa.cli import flags
from ofa.cli.command import Command


def _add_extract_flags(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--front", type=Path, required=True, help="a fronts/DEVICE.json of ofa search"
    )
    flags.add_checkpoint(parser)
    flags.add_out(parser, "runs/search")


def _extract(options: Namespace, track: pipeline.Track) -> Path:
    return pipeline.extract(front=options.front, checkpoint=options.checkpoint, out=options.out)


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
)

DEPLOY = Command(
    help="build, check and report the engine of a subnet",
    example="ofa deploy --subnet runs/pixel/subnets/ID --front runs/pixel/fronts/pixel1.json",
    add_flags=_add_deploy_flags,
    run=_deploy,
)
