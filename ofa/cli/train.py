"""``ofa train``."""

from pathlib import Path

from jsonargparse import ArgumentParser, Namespace

from ofa import pipeline
from ofa.cli import flags
from ofa.cli.command import Command
from ofa.recipe import Recipe
from ofa.space import SearchSpace


def _add_flags(parser: ArgumentParser) -> None:
    parser.add_argument("--recipe", action="config", help="YAML file, e.g. recipes/tiny.yaml")
    parser.add_class_arguments(Recipe, skip={"space"})
    parser.add_class_arguments(SearchSpace, "space")
    flags.add_out(parser, "runs/train")
    parser.add_argument("--resume", action="store_true", help="go on from OUT/last.ckpt")


def _train(options: Namespace, track: pipeline.Track) -> Path:
    recipe = Recipe(space=options.space, data=options.data, train=options.train)
    return pipeline.train(
        recipe, out=options.out, resume=options.resume, progress=not options.quiet
    )


TRAIN = Command(
    help="train a supernet",
    example="ofa train --recipe recipes/fashion_mnist.yaml --out runs/fashion_mnist",
    add_flags=_add_flags,
    run=_train,
    details=(
        "Every field of the recipe is a flag, too. OUT holds supernet.safetensors, the "
        "resolved recipe, logs (CSV, TensorBoard), and last.ckpt, where --resume goes on."
    ),
)
