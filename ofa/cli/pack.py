"""``ofa pack``."""

from pathlib import Path

from jsonargparse import ArgumentParser, Namespace

from ofa import pipeline
from ofa.cli import flags
from ofa.cli.command import Command


def _add_flags(parser: ArgumentParser) -> None:
    flags.add_checkpoint(parser)
    parser.add_argument(
        "--images",
        type=Path,
        default=None,
        metavar="FOLDER",
        help="where the images it was trained on lie now; default: where its recipe says",
    )
    flags.add_out(parser, "runs/packed")


def _pack(options: Namespace, track: pipeline.Track) -> Path:
    return pipeline.pack(checkpoint=options.checkpoint, out=options.out, images=options.images)


PACK = Command(
    help="copy a checkpoint, with the images that judge its subnets",
    example="ofa pack --checkpoint cifar10 --images IMAGES --out runs/cifar10",
    add_flags=_add_flags,
    run=_pack,
    details="Whoever gets the copy needs no data set to search, deploy and verify.",
)
