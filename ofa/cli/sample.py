"""``ofa sample``."""

from pathlib import Path

from jsonargparse import ArgumentParser, Namespace

from ofa import pipeline
from ofa.cli import flags
from ofa.cli.command import Command


def _add_flags(parser: ArgumentParser) -> None:
    flags.add_checkpoint(parser)
    parser.add_argument("--num", type=int, default=1000, help="subnets to measure in all")
    parser.add_argument(
        "--draw",
        choices=["macs", "uniform"],
        default="macs",
        help="evenly over log MACs, or by gene",
    )
    parser.add_argument("--workers", type=int, default=1, help="processes; changes no result")
    flags.add_seed(parser)


def _sample(options: Namespace, track: pipeline.Track) -> Path:
    return pipeline.sample(
        checkpoint=options.checkpoint,
        num=options.num,
        draw=options.draw,
        seed=options.seed,
        workers=options.workers,
        track=track,
    )


SAMPLE = Command(
    help="measure subnets of a supernet; goes on where it was cut off",
    example="ofa sample --checkpoint runs/fashion_mnist --num 1200",
    add_flags=_add_flags,
    run=_sample,
    details=(
        "Each subnet is recalibrated and counted on the search split; accuracy.jsonl beside "
        "the weights grows by one line a subnet."
    ),
)
