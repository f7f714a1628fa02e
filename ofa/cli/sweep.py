"""``ofa sweep``."""

from jsonargparse import ArgumentParser, Namespace

from ofa import pipeline
from ofa.cli import flags, screen
from ofa.cli.command import Command
from ofa.pipeline import Sweep


def _add_flags(parser: ArgumentParser) -> None:
    flags.add_recipe(parser)
    flags.add_out(parser, "runs/sweep")
    flags.add_seed(parser)
    parser.add_argument(
        "--vary",
        action="append",
        required=True,
        metavar="FIELD=VALUES",
        help="LOW..HIGH, or VALUE,VALUE,...; give it again for several fields",
    )
    parser.add_argument("--num-trials", type=int, default=12, help="trainings in all")
    parser.add_argument(
        "--epochs", type=int, default=None, help="of each training; default: the recipe's"
    )


def _sweep(options: Namespace, track: pipeline.Track) -> Sweep:
    from ofa.train import read_varied

    return pipeline.sweep(
        flags.recipe(options),
        varied=[read_varied(text) for text in options.vary],
        out=options.out,
        num_trials=options.num_trials,
        epochs=options.epochs,
        seed=options.seed,
        progress=not options.quiet,
    )


def _show(result: Sweep) -> None:
    fields = list(result.best.values)
    table = screen.table(
        "Mean top-1 of the largest and the smallest subnet on the search split",
        "trial", *fields, "top-1 %", "",
    )  # fmt: skip
    for trial in sorted(result.trials, key=lambda trial: -(trial.top1 or 0.0)):
        values = [trial.values.get(field, "") for field in fields]
        table.add_row(
            f"{trial.number}",
            *[f"{value:.4g}" if isinstance(value, float) else f"{value}" for value in values],
            "--" if trial.top1 is None else f"{trial.top1:.2f}",
            trial.reason or ("" if trial.outcome == "complete" else trial.outcome),
        )
    screen.show(table)
    screen.show(f"recipe with the best values: {result.recipe}")


SWEEP = Command(
    help="try values for fields of a recipe, in short trainings",
    example="ofa sweep --recipe fashion_mnist --epochs 4 --vary train.weight_decay=1e-5..1e-3",
    add_flags=_add_flags,
    run=_sweep,
    draws_progress=True,
    show=_show,
    complete=flags.with_whole_recipe,
    details=(
        "A range that spans a factor of ten or more is searched on a log scale. The same command "
        "goes on where it was cut off. OUT/recipe.yaml is the recipe with the best values."
    ),
)
