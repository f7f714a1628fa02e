"""The flags of each command; ``ofa.cli`` says what the commands do."""

from pathlib import Path

from jsonargparse import ArgumentParser

from ofa.recipe import Recipe


def add_train_flags(parser: ArgumentParser) -> None:
    """Flags of ``ofa train``."""
    parser.add_argument("--recipe", action="config", help="YAML file, e.g. recipes/tiny.yaml")
    parser.add_class_arguments(Recipe)
    _add_out(parser, "runs/train")
    parser.add_argument("--resume", action="store_true", help="go on from OUT/last.ckpt")


def add_sample_flags(parser: ArgumentParser) -> None:
    """Flags of ``ofa sample``."""
    _add_checkpoint(parser)
    parser.add_argument("--num", type=int, default=1000, help="subnets to measure in all")
    parser.add_argument(
        "--draw",
        choices=["macs", "uniform"],
        default="macs",
        help="evenly over log MACs, or by gene",
    )
    parser.add_argument("--workers", type=int, default=1, help="processes; changes no result")
    _add_seed(parser)


def add_fit_predictor_flags(parser: ArgumentParser) -> None:
    """Flags of ``ofa fit-predictor``."""
    _add_checkpoint(parser)
    _add_seed(parser)


def add_profile_flags(parser: ArgumentParser) -> None:
    """Flags of ``ofa profile``."""
    _add_device(parser)
    _add_checkpoint(parser)
    parser.add_argument("--fresh", action="store_true", help="measure again what is remembered")


def add_search_flags(parser: ArgumentParser) -> None:
    """Flags of ``ofa search``."""
    _add_device(parser)
    _add_budget(parser)
    _add_checkpoint(parser)
    _add_out(parser, "runs/search")
    _add_seed(parser)


def add_extract_flags(parser: ArgumentParser) -> None:
    """Flags of ``ofa extract``."""
    parser.add_argument(
        "--front", type=Path, required=True, help="a fronts/DEVICE.json of ofa search"
    )
    _add_checkpoint(parser)
    _add_out(parser, "runs/search")


def add_deploy_flags(parser: ArgumentParser) -> None:
    """Flags of ``ofa deploy``."""
    parser.add_argument("--subnet", type=Path, required=True, help="a subnets/ID of ofa extract")
    parser.add_argument("--front", type=Path, required=True, help="the front it was chosen from")
    _add_checkpoint(parser)
    _add_input(parser)
    _add_out(parser, "runs/search")


def add_specialize_flags(parser: ArgumentParser) -> None:
    """Flags of ``ofa specialize``."""
    _add_device(parser)
    _add_budget(parser)
    _add_checkpoint(parser)
    _add_input(parser)
    _add_out(parser, "runs/specialize")
    _add_seed(parser)


def add_import_flags(parser: ArgumentParser) -> None:
    """Flags of ``ofa import``."""
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
    _add_out(parser, "runs/imported")


def add_export_weights_flags(parser: ArgumentParser) -> None:
    """Flags of ``ofa export-weights``."""
    parser.add_argument("file", type=Path, help="supernet.safetensors or subnet.safetensors")
    parser.add_argument("--out", type=Path, required=True, help=".pth file to write")


def add_inspect_flags(parser: ArgumentParser) -> None:
    """Flags of ``ofa inspect``."""
    parser.add_argument("target", help="checkpoint, recipe, family, or arch as JSON")
    parser.add_argument(
        "--space", default="ofa_mbv3_w1.0", help="family, recipe or checkpoint an arch belongs to"
    )


def _add_device(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--device",
        action="append",
        required=True,
        metavar="NAME",
        help="device id or alias, see ofa devices; give it again for several",
    )


def _add_budget(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--budget-ms",
        type=float,
        default=None,
        metavar="MS",
        help="latency to stay within; default: the front's knee, beyond which a ms buys little",
    )


def _add_checkpoint(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--checkpoint",
        default="fashion_mnist",
        metavar="FOLDER",
        help="folder of a supernet, or the name of a shipped one",
    )


def _add_input(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--input",
        choices=["uint8", "float32"],
        default="uint8",
        help="pixels the engine takes: raw bytes, or numbers from 0 to 1",
    )


def _add_out(parser: ArgumentParser, default: str) -> None:
    parser.add_argument(
        "--out", type=Path, default=Path(default), metavar="FOLDER", help="where results go"
    )


def _add_seed(parser: ArgumentParser) -> None:
    parser.add_argument("--seed", type=int, default=0, help="equal seeds give equal results")
