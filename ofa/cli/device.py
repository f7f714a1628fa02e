"""``ofa profile``."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from jsonargparse import ArgumentParser, Namespace
from jsonargparse.typing import PositiveInt

from ofa import pipeline
from ofa.cli import flags, screen
from ofa.cli.command import Command
from ofa.errors import OfaError
from ofa.latency import Evidence, LatencyModel

if TYPE_CHECKING:
    from rich.table import Table


def _add_profile_flags(parser: ArgumentParser) -> None:
    flags.add_device(parser)
    flags.add_checkpoint(parser)
    parser.add_argument(
        "--num", type=PositiveInt, default=None, help="subnets to time; default: 100"
    )
    parser.add_argument("--fresh", action="store_true", help="measure again what is remembered")
    parser.add_argument(
        "--check",
        type=PositiveInt,
        default=None,
        metavar="NUM",
        help="time NUM random subnets more, and compare them with the model",
    )
    parser.add_argument(
        "--pack",
        type=Path,
        default=None,
        metavar="ZIP",
        help="write the program that measures a device which no one can reach from here",
    )
    parser.add_argument(
        "--ingest", type=Path, default=None, metavar="FILE", help="take in what that program wrote"
    )


@dataclass(frozen=True, kw_only=True)
class Profiled:
    """What ``ofa profile`` did for a device.

    Attributes:
        model: Its latency model.
        check: How well that foretold subnets timed afterwards.
        packed: The program written instead.
    """

    model: LatencyModel | None = None
    check: Evidence | None = None
    packed: Path | None = None


def _profile(options: Namespace, track: pipeline.Track) -> dict[str, Profiled]:
    if options.pack and options.ingest:
        raise OfaError("--pack and --ingest are two ends of one journey; give one of them")
    if (options.pack or options.ingest) and len(options.device) > 1:
        raise OfaError("--pack and --ingest take one --device; run it once for each")
    return {device: _profiled(device, options) for device in options.device}


def _profiled(device: str, options: Namespace) -> Profiled:
    about = {"device": device, "checkpoint": options.checkpoint}
    if options.pack:
        return Profiled(packed=pipeline.pack_profile(**about, out=options.pack, num=options.num))
    if options.ingest:
        model = pipeline.ingest_profile(**about, results=options.ingest, num=options.num)
    else:
        model = pipeline.profile(**about, num=options.num, fresh=options.fresh)
    check = pipeline.check_profile(**about, num=options.check) if options.check else None
    return Profiled(model=model, check=check)


def _show_profiled(profiled: dict[str, Profiled]) -> None:
    """Print what each latency model rests on, and how far it errs."""
    for device, done in profiled.items():
        if done.packed:
            screen.show(f"written to {done.packed}; run there: python3 {done.packed.name}")
        if done.model:
            _show_model(device, done.model)
        if done.check:
            table = screen.table(f"estimated against measured on {device}")
            _add_evidence(table, done.check)
            screen.show(table)


def _show_model(device: str, model: LatencyModel) -> None:
    table = screen.table(f"latency model of {device}")
    table.add_row("fitted on", "; ".join(source.repository for source in model.sources), "")
    table.add_row("between", f"{model.fitted_ms[0]:.3f} and {model.fitted_ms[1]:.3f} ms", "")
    _add_evidence(table, model.evidence)
    screen.show(table)


def _add_evidence(table: "Table", evidence: Evidence) -> None:
    table.add_row("error", f"{evidence.mape_percent:.2f} %", f"mean, {evidence.method}")
    table.add_row("", f"{evidence.max_percent:.2f} %", f"largest of {evidence.num_networks}")
    table.add_row("rank correlation", f"{evidence.spearman:.3f}", "Spearman")
    table.add_row("90 % interval holds", f"{evidence.coverage_percent:.0f} %", "of the networks")


PROFILE = Command(
    help="measure a device, and fit its latency model",
    example="ofa profile --device host --fresh --check 50",
    details="It goes on where it was cut off. --device takes a name, see ofa devices, or the "
    "folder of a device.yaml of your own, see docs/measure_your_device.md.",
    add_flags=_add_profile_flags,
    run=_profile,
    show=_show_profiled,
)
