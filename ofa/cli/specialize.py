"""``ofa specialize``."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from jsonargparse import ArgumentParser, Namespace
from jsonargparse.typing import NonNegativeInt

from ofa import pipeline
from ofa.cli import flags, screen
from ofa.cli.command import Command
from ofa.errors import OfaError

if TYPE_CHECKING:
    from ofa.deploy.ladder import Rung
    from ofa.deploy.manifest import Latency, Manifest


@dataclass(frozen=True, kw_only=True)
class Specialized:
    """What became of one device.

    Attributes:
        path: The bundle, a folder or an archive.
        manifest: What is known of it.
    """

    path: Path
    manifest: "Manifest"


def _add_flags(parser: ArgumentParser) -> None:
    flags.add_device(parser)
    flags.add_budget(parser)
    parser.add_argument(
        "--whole-interval",
        action="store_true",
        help="keep the budget by the upper end of an estimate's interval, too",
    )
    flags.add_limits(parser)
    flags.add_checkpoint(parser)
    flags.add_precisions(parser)
    parser.add_argument(
        "--finetune",
        type=NonNegativeInt,
        default=0,
        metavar="EPOCHS",
        help="train the chosen subnet further, by itself",
    )
    flags.add_wish(parser)
    flags.add_out(parser, "runs/specialize")
    flags.add_seed(parser)


def _specialize(options: Namespace, track: pipeline.Track) -> list[Specialized]:
    if options.precisions and options.precision:
        raise OfaError(
            "--precisions: chooses the precision, and --precision names it; leave one out"
        )
    bundles = [
        pipeline.specialize(
            device=device,
            checkpoint=options.checkpoint,
            out=options.out,
            budget_ms=options.budget_ms,
            whole_interval=options.whole_interval,
            limits=flags.limits(options),
            seed=options.seed,
            wish=flags.wish(options),
            precisions=options.precisions,
            finetune_epochs=options.finetune,
            track=track,
        )
        for device in options.device
    ]
    return [Specialized(path=bundle.path, manifest=bundle.manifest) for bundle in bundles]


def _show(results: list[Specialized]) -> None:
    """Print what became of each device: asked, predicted, estimated, measured, and the files."""
    for result in results:
        manifest = result.manifest
        table = screen.table(f"{manifest.target.hardware}  →  subnet {manifest.arch.id}")
        for row in _rows(manifest):
            table.add_row(*row)
        table.add_section()
        for name, num_bytes in _sizes(result.path):
            table.add_row(name, f"{num_bytes / 1000:,.1f} kB", "")
        screen.show(table)
        screen.show(f"written to {result.path}")


def _sizes(path: Path) -> list[tuple[str, int]]:
    files = [path] if path.is_file() else sorted(f for f in path.rglob("*") if f.is_file())
    root = path.parent if path.is_file() else path
    return [("/".join(file.relative_to(root).parts[-2:]), file.stat().st_size) for file in files]


def _rows(manifest: "Manifest") -> list[tuple[str, str, str]]:
    top1, cost = manifest.top1, manifest.cost
    searched = f"measured, {top1.num_search_images:,} search images"
    if manifest.finetuned_epochs:
        searched = f"{searched}, after {manifest.finetuned_epochs} epochs of fine-tuning"
    accuracies = [
        (f"{top1.search:.2f} %", searched),
        (f"{top1.test:.2f} %", f"measured, {top1.num_test_images:,} test images{_judge(manifest)}"),
    ]
    if top1.predicted is not None:
        known = top1.predicted_rmse is not None
        error = f"± {top1.predicted_rmse:.2f}" if known else "error unknown"
        accuracies.insert(0, (f"{top1.predicted:.2f} %", f"predicted, {error}"))
    batch = manifest.target.batch
    each = f", {batch} images a run" if batch > 1 else ""
    searches = len(manifest.attempts)
    times = f", kept after {searches} searches" if searches > 1 else ""
    rows = [
        ("budget", f"{manifest.budget_ms:.3f} ms", f"{manifest.budget_origin}{times}"),
        *((name, f"{most:,.0f}", "asked at most") for name, most in manifest.limits.items()),
        _latency_row("latency", manifest.estimated, "estimated", each),
    ]
    if manifest.measured:
        rows.append(_latency_row("", manifest.measured, "measured", each))
    if manifest.measured_at_build:
        word = "measured"
        if manifest.timed_at_build != manifest.engine:
            word = "measured of the portable engine"
        rows.append(_latency_row("  on this machine", manifest.measured_at_build, word))
    return [
        *rows,
        *(("" if row else "top-1", *told) for row, told in enumerate(accuracies)),
        ("arch", f"{cost.macs / 1e6:.2f} M MACs", manifest.arch.describe()),
        ("size", f"{cost.params / 1e3:.1f} k params", f"engine {cost.engine_bytes / 1000:,.1f} kB"),
        *(_rung_row(rung) for rung in manifest.ladder.rungs),
        *((name, "not checked", reason) for name, reason in manifest.ladder.unchecked.items()),
    ]


def _judge(manifest: "Manifest") -> str:
    """Who labeled the test images, where it was not the engine that ships."""
    if manifest.top1.counted_by == manifest.engine:
        return ""
    return ", by the portable engine; this one was not run here"


def _rung_row(rung: "Rung") -> tuple[str, str, str]:
    error = "nan" if rung.max_abs_error is None else f"{rung.max_abs_error:.1e}"
    differing = f"{rung.num_top1_differing} of {rung.num_images:,} labels differ"
    drop = f", top-1 {rung.top1:.2f} %" if rung.precision != "fp32" else ""
    return rung.name, error, f"largest logit error; {differing}{drop}"


def _latency_row(name: str, latency: "Latency", word: str, each: str = "") -> tuple[str, str, str]:
    label = "" if word.startswith(latency.label) else f" ({latency.label})"
    interval = f"{latency.interval} {latency.low_ms:.3f}–{latency.high_ms:.3f}"
    return name, f"{latency.latency_ms:.3f} ms", f"{word}{label}, {interval}{each}"


SPECIALIZE = Command(
    help="search, cut out, build and check the engine for a device",
    example="ofa specialize --device pixel --budget-ms 2",
    add_flags=_add_flags,
    run=_specialize,
    show=_show,
    details=(
        "The device's front is searched with the accuracy predictor and the latency model; its "
        "eight best subnets within the budget are measured; the winner is cut out, recalibrated, "
        "built into the device's engine, and compared, form by form, on all test images. An "
        "engine that measures slower than an asked budget sends the search back to aim lower. A "
        "device at hand is profiled on first use.\n\n"
        "OUT/bundles/SUBNET-DEVICE then holds engines, manifest, report and weights."
    ),
)
