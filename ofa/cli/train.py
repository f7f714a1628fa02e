"""``ofa train``."""

from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from jsonargparse import ArgumentParser, Namespace

from ofa import pipeline
from ofa.cli import flags, screen
from ofa.cli.command import Command
from ofa.pipeline import PhaseEstimate
from ofa.plain_data import yaml_text
from ofa.recipe import Recipe

if TYPE_CHECKING:
    from ofa.train import RangeTest

    _Result = Path | Recipe | list[PhaseEstimate] | RangeTest


def _add_flags(parser: ArgumentParser) -> None:
    flags.add_recipe(parser)
    flags.add_out(parser, "runs/train")
    parser.add_argument(
        "--resume", action="store_true", help="go on from OUT/last.ckpt, if there is one"
    )
    parser.add_argument(
        "--init",
        type=Path,
        default=None,
        metavar="CHECKPOINT",
        help="weights to start from, as far as they fit: a checkpoint, or torchvision's "
        "MobileNetV3 in a file",
    )
    parser.add_argument(
        "--plan",
        action="store_true",
        help="print phases, steps and estimated time from a short probe; train nothing",
    )
    parser.add_argument(
        "--print_config",
        action="store_true",
        help="print the whole recipe that would run; train nothing",
    )
    parser.add_argument(
        "--find-learning-rate",
        action="store_true",
        help="try rising learning rates in the first phase and suggest one; train nothing",
    )


def _train(options: Namespace, track: pipeline.Track) -> "_Result":
    recipe = flags.recipe(options)
    if options.print_config:
        return recipe
    if options.plan:
        return pipeline.plan(recipe)
    if options.find_learning_rate:
        return pipeline.find_learning_rate(recipe)
    return pipeline.train(
        recipe,
        out=options.out,
        resume=options.resume,
        init=options.init,
        progress=not options.quiet,
    )


def _show(result: "_Result") -> None:
    if isinstance(result, Path):
        screen.show(str(result))
        screen.show_next(f"ofa sample --checkpoint {result.parent} --num 1000")
    elif isinstance(result, Recipe):
        print(yaml_text(asdict(result)), end="")
    elif isinstance(result, list):
        _show_plan(result)
    else:
        table = screen.table("Loss along rising learning rates", "learning rate", "smoothed loss")
        tried = list(zip(result.learning_rates, result.losses, strict=True))
        for rate, loss in tried[:: max(1, len(tried) // 12)]:
            table.add_row(f"{rate:.3g}", f"{loss:.3f}")
        screen.show(table)
        screen.show(f"suggested train.phases learning_rate: {result.suggested:g}")


def _show_plan(result: list[PhaseEstimate]) -> None:
    table = screen.table(
        "Estimated from 20 steps of each phase on this machine, validation aside",
        "phase", "epochs", "steps", "images", "subnets a step", "time",
    )  # fmt: skip
    total_s = sum(phase.estimated_s for phase in result)
    for phase in result:
        table.add_row(
            phase.name, f"{phase.epochs}", f"{phase.steps:,}", f"{phase.images:,}",
            f"{phase.subnets_per_step:.1f}", _clock(phase.estimated_s),
        )  # fmt: skip
    table.add_row(
        "all", f"{sum(p.epochs for p in result)}", f"{sum(p.steps for p in result):,}",
        f"{sum(p.images for p in result):,}", "", _clock(total_s),
    )  # fmt: skip
    screen.show(table)


def _clock(seconds: float) -> str:
    """Days, hours, minutes and seconds, as in ``1 day, 2:03:04``."""
    return str(timedelta(seconds=round(seconds)))


TRAIN = Command(
    help="train a supernet",
    example="ofa train --recipe recipes/fashion_mnist.yaml --out runs/fashion_mnist",
    add_flags=_add_flags,
    run=_train,
    show=_show,
    draws_progress=True,
    complete=flags.with_whole_recipe,
    details=(
        "The recipe is a file or the name of a shipped one; with --data.root FOLDER alone, it is "
        "image_folder. Every field is a flag, too, e.g. --train.batch_size 64. OUT holds "
        "supernet.safetensors, the resolved recipe, logs (CSV, TensorBoard), learning_curves.svg, "
        "and last.ckpt, where --resume goes on."
    ),
)
