"""``ofa finetune``."""

from pathlib import Path

from jsonargparse import ArgumentParser, Namespace
from jsonargparse.typing import NonNegativeInt, PositiveFloat, PositiveInt

from ofa import pipeline
from ofa.cli import flags, screen
from ofa.cli.command import Command
from ofa.errors import OfaError
from ofa.pipeline import FineTuned
from ofa.plain_data import yaml_value


def _add_flags(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--subnet", type=Path, required=True, metavar="FOLDER", help="what ofa extract wrote"
    )
    flags.add_checkpoint(parser)
    parser.add_argument(
        "--images",
        type=Path,
        default=None,
        metavar="FOLDER",
        help="other images to transfer to, with a new head; default: those it was trained on",
    )
    parser.add_argument(
        "--epochs", type=PositiveInt, default=10, help="passes over the training images"
    )
    parser.add_argument(
        "--learning-rate", type=PositiveFloat, default=0.02, help="highest learning rate"
    )
    parser.add_argument(
        "--batch-size",
        type=PositiveInt,
        default=None,
        metavar="N",
        help="images a step; default: 128, or all where there are fewer",
    )
    parser.add_argument(
        "--augment",
        nargs="+",
        default=None,
        metavar="FIELD=VALUE",
        help="random changes to images, e.g. flip=false crop_padding=4, fields of train.augment in "
        "recipes; the others are as the supernet was trained",
    )
    parser.add_argument(
        "--threads", type=NonNegativeInt, default=2, help="CPU threads; 0 takes torch's choice"
    )
    flags.add_seed(parser)
    flags.add_out(parser, "runs/finetune")


def _finetune(options: Namespace, track: pipeline.Track) -> FineTuned:
    try:
        return pipeline.finetune(
            subnet=options.subnet,
            checkpoint=options.checkpoint,
            out=options.out,
            images=options.images,
            epochs=options.epochs,
            learning_rate=options.learning_rate,
            batch_size=options.batch_size,
            augment=dict(map(_field, options.augment or ())),
            threads=options.threads,
            seed=options.seed,
            progress=not options.quiet,
        )
    except OfaError as error:  # the field of a recipe, which nobody wrote here
        raise OfaError(str(error).replace("train.batch_size", "--batch-size")) from error


def _field(word: str) -> tuple[str, object]:
    """A field of ``--augment`` and its value."""
    field, _, value = word.partition("=")
    if not (field and value):
        raise OfaError(f"--augment {word}: write a field and its value, as in flip=false")
    return field, yaml_value(value, where=f"--augment {word}")


def _show(tuned: FineTuned) -> None:
    table = screen.table(f"{tuned.folder}, {tuned.epochs} epochs")
    images = f"% of {tuned.num_test_images:,} test images"
    if tuned.test_top1_before is not None:
        table.add_row("top-1 before", f"{tuned.test_top1_before:.2f}", images)
        brought = tuned.test_top1 - tuned.test_top1_before
        table.add_row("fine-tuning brought", f"{brought:+.2f}", "points")
    table.add_row("top-1", f"{tuned.test_top1:.2f}", images)
    screen.show(table)


FINETUNE = Command(
    help="train a subnet further, or transfer it to other images",
    example="ofa finetune --subnet runs/pixel/subnets/ID --epochs 10",
    add_flags=_add_flags,
    run=_finetune,
    show=_show,
    draws_progress=True,
    details=(
        "On the supernet's own images the subnet learns from the largest net as well; on others "
        "it gets a new head. OUT/subnets/ID-finetuned is none of the supernet's any more; ofa "
        "deploy builds its engines, and compares them with these weights."
    ),
)
