"""``ofa sample``."""

from pathlib import Path

from jsonargparse import ArgumentParser, Namespace
from jsonargparse.typing import PositiveInt

from ofa import pipeline
from ofa.checkpoint import ACCURACY
from ofa.cli import flags, screen
from ofa.cli.command import Command
from ofa.errors import OfaError


def _add_flags(parser: ArgumentParser) -> None:
    flags.add_checkpoint(parser)
    parser.add_argument(
        "--num",
        type=PositiveInt,
        default=1000,
        help="subnets to measure in all; a space of fewer is measured whole",
    )
    parser.add_argument(
        "--draw",
        choices=["macs", "latency", "uniform", "tree", "active"],
        default="macs",
        help=(
            "macs, latency: evenly over its logarithm; uniform: every gene; tree: over MACs, in "
            "groups that share their first layers; active: where the predictor is unsure and "
            "where fronts lie"
        ),
    )
    parser.add_argument(
        "--device", default=None, metavar="NAME", help="device of --draw latency, see ofa devices"
    )
    parser.add_argument(
        "--precision",
        choices=["fp32", "int8"],
        default="fp32",
        help="numbers to measure with; int8 quantizes each subnet as its engine is quantized",
    )
    parser.add_argument(
        "--workers",
        type=PositiveInt,
        default=1,
        help="processes that share the cores, or take a GPU each; changes no result",
    )
    parser.add_argument(
        "--accelerator",
        choices=["auto", "cpu", "gpu"],
        default="auto",
        help="where to measure; auto: on the GPU where there is one",
    )
    parser.add_argument(
        "--shard",
        default=None,
        metavar="I/N",
        help="measure part I of N (from 0), beside others; torchrun and SLURM set it by themselves",
    )
    flags.add_seed(parser)


def _sample(options: Namespace, track: pipeline.Track) -> Path:
    if options.device and options.draw != "latency":
        raise OfaError("--device: is read by --draw latency alone; add that, or leave it out")
    return pipeline.sample(
        checkpoint=options.checkpoint,
        num=options.num,
        draw=options.draw,
        device=options.device,
        precision=options.precision,
        seed=options.seed,
        workers=options.workers,
        accelerator=options.accelerator,
        shard=_shard(options.shard) if options.shard else None,
        track=track,
    )


def _shard(text: str) -> pipeline.Shard:
    index, slash, count = text.partition("/")
    if not (slash and index.isdecimal() and count.isdecimal()):
        raise OfaError(f"shard: {text!r} is not I/N; the first of two processes takes 0/2")
    return pipeline.Shard(index=int(index), count=int(count))


def _show(path: Path) -> None:
    screen.show(str(path))
    if path.name == ACCURACY:  # the others are parts, of processes beside one another
        fits = pipeline.needs_predictor(path.parent)
        command = "ofa fit-predictor" if fits else "ofa search --device host"
        screen.show_next(f"{command} --checkpoint {path.parent}")


SAMPLE = Command(
    help="measure subnets of a supernet, on where it was cut off",
    example="ofa sample --checkpoint runs/fashion_mnist --num 1200",
    add_flags=_add_flags,
    run=_sample,
    show=_show,
    details=(
        "Each subnet is recalibrated and counted on the search split; accuracy.jsonl beside "
        "the weights grows by one line a subnet. Processes that share the folder, on one machine "
        "or several, each write accuracy/I-of-N.jsonl; all files are read as one. A few dozen "
        "subnets measured with --precision int8 as well teach ofa fit-predictor what quantizing "
        "costs."
    ),
)
