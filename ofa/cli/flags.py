"""Flags that several commands share; each means the same everywhere."""

from pathlib import Path

from jsonargparse import ArgumentParser, Namespace, set_loader
from jsonargparse.typing import NonNegativeInt

from ofa import artifacts
from ofa.cli.near_misses import recipes
from ofa.errors import BadArtifact, OfaError
from ofa.pipeline import Wish
from ofa.plain_data import yaml_value
from ofa.recipe import Recipe
from ofa.shipped import recipe_file, shipped
from ofa.space import COSTS, ResNetSpace, SearchSpace

_UNITS = {"k": 1e3, "M": 1e6, "G": 1e9}

PLAIN = "plain"
"""Mode of a parser that reads recipes and values as files of strangers are read."""

_MAX_BYTES = 2**16  # of a recipe


def add_device(parser: ArgumentParser, *, required: bool = True) -> None:
    """``--device``, which may be given several times."""
    parser.add_argument(
        "--device",
        action="append",
        required=required,
        metavar="NAME",
        help="device id or alias, see ofa devices; give it again for several",
    )


def add_budget(parser: ArgumentParser) -> None:
    """``--budget-ms``."""
    parser.add_argument(
        "--budget-ms",
        type=float,
        default=None,
        metavar="MS",
        help="latency to stay within; default: the front's knee, beyond which a ms buys little",
    )


def add_precisions(parser: ArgumentParser) -> None:
    """``--precisions``."""
    parser.add_argument(
        "--precisions",
        action="store_true",
        help="let the device's twins in other precisions compete",
    )


def add_limits(parser: ArgumentParser) -> None:
    """``--max``, which may be given several times; ``limits`` reads it."""
    parser.add_argument(
        "--max",
        action="append",
        default=None,
        metavar="COST=NUMBER",
        help=f"most it may cost, e.g. macs=40M; {', '.join(COSTS)}; again for several",
    )


def limits(options: Namespace) -> dict[str, float]:
    """What ``add_limits`` read.

    Raises:
        OfaError: If an entry is no cost and number, or a cost is given twice.
    """
    found: dict[str, float] = {}
    for entry in options.max or ():
        name, _, number = entry.partition("=")
        try:
            value = (
                float(number[:-1]) * _UNITS[number[-1]] if number[-1:] in _UNITS else float(number)
            )
        except ValueError as error:
            raise OfaError(
                f"--max {entry}: give a cost and a number, such as macs=40e6 or params=1.5M"
            ) from error
        if name in found and found[name] != value:
            raise OfaError(f"--max {name}: is given twice; leave one out")
        found[name] = value
    return found


def add_checkpoint(parser: ArgumentParser) -> None:
    """``--checkpoint``."""
    parser.add_argument(
        "--checkpoint",
        default="fashion_mnist",
        metavar="FOLDER",
        help="folder of a supernet, or the name of a shipped one",
    )


def add_wish(parser: ArgumentParser) -> None:
    """What the engines and the bundle shall be; ``wish`` reads it."""
    parser.add_argument(
        "--input",
        choices=["uint8", "float32"],
        default="uint8",
        help="pixels it takes: bytes, or 0 to 1",
    )
    parser.add_argument(
        "--precision",
        choices=["fp32", "fp16", "int8"],
        default=None,
        help="arithmetic of the engine; default: the device's",
    )
    parser.add_argument(
        "--runtime", default=None, metavar="NAME", help="what runs it; default: the device's"
    )
    parser.add_argument(
        "--capability", default=None, metavar="NAME", help="hardware to build for, e.g. sm89"
    )
    parser.add_argument("--archive", action="store_true", help="write one zip file, no folder")
    parser.add_argument(
        "--no-cache", action="store_true", help="build engines anew that were built before"
    )


def wish(options: Namespace) -> Wish:
    """What ``add_wish`` read."""
    return Wish(
        input=options.input,
        precision=options.precision,
        runtime=options.runtime,
        capability=options.capability,
        archive=options.archive,
        cache=not options.no_cache,
    )


def add_out(parser: ArgumentParser, default: str) -> None:
    """``--out``."""
    parser.add_argument(
        "--out", type=Path, default=Path(default), metavar="FOLDER", help="where results go"
    )


def add_seed(parser: ArgumentParser) -> None:
    """``--seed``."""
    parser.add_argument(
        "--seed", type=NonNegativeInt, default=0, help="equal seeds give equal results"
    )


def add_recipe(parser: ArgumentParser) -> None:
    """``--recipe``, and a flag for each of its fields."""
    parser.add_argument(
        "--recipe",
        action="config",
        metavar="FILE",
        help="YAML file, or the name of a shipped recipe",
    )
    # Without a default, since jsonargparse would take a family's fields for those of the default's.
    parser.add_argument(
        "--space",
        type=SearchSpace | ResNetSpace,
        default=None,
        help="every arch the supernet holds; fields are flags, e.g. --space.resolutions [24,32]",
    )
    parser.add_class_arguments(Recipe, skip={"space"})


def recipe(options: Namespace) -> Recipe:
    """The recipe that the flags of ``add_recipe`` make.

    Raises:
        OfaError: If none was given.
        BadArtifact: If it is none that can be run; names the first field at fault.
    """
    if not options.recipe and not options.train.phases:
        raise OfaError(
            "no recipe; give --data.root FOLDER of images, or --recipe with a YAML file or one of "
            f"{', '.join(recipes())}"
        )
    chosen = {name: options[name] for name in ("space", "data", "train")}
    body = {name: _fields(value) for name, value in chosen.items() if value is not None}
    return artifacts.parse(Recipe, body, where="recipe")


def with_whole_recipe(argv: list[str]) -> list[str]:
    """A command line with its recipe as a path to a file that can be read.

    A shipped recipe may be named; where images are named and no recipe, it is the one for folders.

    Raises:
        BadArtifact: If the file is not YAML as ``ofa.plain_data`` reads it.
    """
    words = [part for word in argv for part in _split(word)]
    if "--recipe" not in words[:-1]:
        if "--data.root" not in words:
            return argv
        return ["--recipe", str(shipped("recipes") / "image_folder.yaml"), *argv]
    place = words.index("--recipe") + 1
    given = recipe_file(Path(words[place]))
    if given.is_file():
        artifacts.read_yaml(given, max_bytes=_MAX_BYTES)
    # Before the fields that other flags set, which it would overwrite from where it stands.
    return ["--recipe", str(given), *words[: place - 1], *words[place + 1 :]]


def _split(word: str) -> list[str]:
    flag, given, value = word.partition("=")
    return [flag, value] if given and flag == "--recipe" else [word]


def _fields(value: object) -> object:
    """What the parser gathered, as plain data; it wraps some specs in the path of their class."""
    if isinstance(value, Namespace):
        if "class_path" in value:
            return _fields(value.get("init_args", Namespace()))
        return {name: _fields(part) for name, part in vars(value).items()}
    if isinstance(value, list | tuple):
        return [_fields(part) for part in value]
    return value


def _plain(text: str) -> object:
    return yaml_value(text, where="value")


set_loader(PLAIN, _plain, exceptions=(BadArtifact,))
