"""``ofa import``, ``ofa export-weights`` and ``ofa inspect``."""

from pathlib import Path

from jsonargparse import ArgumentParser, Namespace

from ofa import pipeline
from ofa.cli import flags
from ofa.cli.command import Command
from ofa.errors import OfaError
from ofa.space import NetworkSummary, SpaceSummary

_UNREAD = {
    "supernet": (),
    "predictor": ("images",),
    "subnet": ("family", "resolutions", "images"),
    "latency-table": ("family", "resolutions", "images"),
}
"""Flags that are nothing to a kind of file."""


def _add_import_flags(parser: ArgumentParser) -> None:
    parser.add_argument(
        "source", nargs="+", help="file of the reference project; a folder for a subnet; "
        "SIZE=FILE for each latency table"
    )  # fmt: skip
    parser.add_argument(
        "--kind",
        choices=["supernet", "subnet", "predictor", "latency-table"],
        default="supernet",
        help="what it holds",
    )
    parser.add_argument("--family", default=None, help="its space: ofa inspect FAMILY shows each")
    parser.add_argument(
        "--resolutions",
        type=int,
        nargs="+",
        default=None,
        metavar="PX",
        help="input sizes to keep in a supernet's space; those a predictor was trained on",
    )
    parser.add_argument(
        "--images",
        type=Path,
        default=None,
        metavar="FOLDER",
        help="your images, train/<class>/* and test/<class>/*, packed beside a supernet",
    )
    flags.add_out(parser, "runs/imported")


def _import(options: Namespace, track: pipeline.Track) -> Path:
    from ofa.reference import commands

    sources, out = options.source, options.out
    for name in _UNREAD[options.kind]:
        if options[name]:
            raise OfaError(f"--{name}: a {options.kind} takes none; leave it out")
    if options.kind == "latency-table":
        return commands.import_latency_table(_sized(sources), out=out)
    if len(sources) != 1:
        raise OfaError(f"{len(sources)} files given, but a {options.kind} is one; name one")
    source = Path(sources[0])
    if options.kind == "subnet":
        return commands.import_subnet(source, out=out)
    if options.family is None:
        raise OfaError(f"a {options.kind} needs --family, e.g. --family ofa_mbv3_w1.2")
    resolutions = tuple(options.resolutions) if options.resolutions else None
    if options.kind == "predictor":
        return commands.import_predictor(
            source, family=options.family, out=out, resolutions=resolutions
        )
    path = commands.import_checkpoint(
        source, family=options.family, out=out, resolutions=resolutions
    )
    if options.images:
        pipeline.pack_images(options.images, checkpoint=str(out))
    return path


def _sized(sources: list[str]) -> dict[int, Path]:
    """Files by input size, from ``SIZE=FILE``."""
    sized = {size: Path(file) for size, _, file in (source.partition("=") for source in sources)}
    if not all(size.isdecimal() and file.name for size, file in sized.items()):
        raise OfaError(
            "a latency table is named with its input size, e.g. 224=224_lookup_table.yaml"
        )
    return {int(size): file for size, file in sized.items()}


def _add_export_weights_flags(parser: ArgumentParser) -> None:
    parser.add_argument("file", type=Path, help="supernet.safetensors or subnet.safetensors")
    parser.add_argument("--out", type=Path, required=True, help=".pth file to write")


def _export_weights(options: Namespace, track: pipeline.Track) -> Path:
    from ofa.reference import commands

    return commands.export_weights(options.file, out=options.out)


def _add_inspect_flags(parser: ArgumentParser) -> None:
    parser.add_argument(
        "target", help="checkpoint, subnet, recipe, family, shipped name, or arch as JSON"
    )
    parser.add_argument(
        "--space", default="ofa_mbv3_w1.0", help="family, recipe or checkpoint an arch belongs to"
    )


def _inspect(options: Namespace, track: pipeline.Track) -> NetworkSummary | SpaceSummary:
    from ofa.reference import commands

    return commands.inspect(options.target, space=options.space)


INSPECT = Command(
    help="show the size and cost of a space or an arch",
    example="ofa inspect fashion_mnist",
    add_flags=_add_inspect_flags,
    run=_inspect,
)

IMPORT = Command(
    help="read its supernets, subnets, predictors and latency tables",
    example="ofa import ofa_mbv3_d234_e346_k357_w1.2 --family ofa_mbv3_w1.2",
    add_flags=_add_import_flags,
    run=_import,
)

EXPORT_WEIGHTS = Command(
    help="write weights in its spelling, bit for bit",
    example="ofa export-weights runs/w1.2/supernet.safetensors --out w1.2.pth",
    add_flags=_add_export_weights_flags,
    run=_export_weights,
)
