"""``ofa verify``."""

from pathlib import Path

from jsonargparse import ArgumentParser, Namespace

from ofa import pipeline
from ofa.cli import flags, screen
from ofa.cli.command import Command
from ofa.pipeline.verify import Verified


def _add_flags(parser: ArgumentParser) -> None:
    parser.add_argument("bundle", type=Path, help="a bundle, folder or zip")
    flags.add_checkpoint(parser)
    parser.add_argument(
        "--images",
        type=Path,
        default=None,
        metavar="FOLDER",
        help="images that a transferred subnet was trained on; default: the supernet's",
    )


def _verify(options: Namespace, track: pipeline.Track) -> Verified:
    return pipeline.verify(
        bundle=options.bundle, checkpoint=options.checkpoint, images=options.images
    )


def _show(verified: Verified) -> None:
    table = screen.table(
        str(verified.path), "rung", "largest logit error", "labels that differ", "top-1", ""
    )
    for rung in verified.ladder.rungs:
        error = "nan" if rung.max_abs_error is None else f"{rung.max_abs_error:.1e}"
        differing = f"{rung.num_top1_differing} of {rung.num_images:,}"
        verdict = "holds" if rung.holds else f"FAILS: {rung.bar}"
        table.add_row(rung.name, error, differing, f"{rung.top1:.2f} %", verdict)
    for name, reason in verified.ladder.unchecked.items():
        table.add_row(name, "", "", "", f"not checked: {reason}")
    screen.show(table)
    for warning in verified.warnings:
        screen.show(warning)


def _failure(verified: Verified) -> str | None:
    failing = verified.ladder.failing
    return f"{verified.path}: {failing}; do not ship it" if failing else None


VERIFY = Command(
    help="check a bundle: hashes, then each form against the one before",
    example="ofa verify runs/specialize/bundles/ID-pixel1",
    add_flags=_add_flags,
    run=_verify,
    show=_show,
    failure=_failure,
    details=(
        "Hashes are checked before anything is loaded. Then, on all test images: the supernet at "
        "the bundle's arch, the subnet cut out and recalibrated afresh, the weights in the bundle, "
        "the portable ONNX file, and each engine that can run here. The first rung that misses its "
        "bar is named, and the exit code is 1. A fine-tuned subnet is none of the supernet's: its "
        "own weights come first. The names of the classes must be the supernet's; a "
        "run.py that is not the one this version ships is told."
    ),
)
