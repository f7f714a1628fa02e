"""What the command line prints: one screen a result, each number with the word it deserves."""

from pathlib import Path
from typing import TYPE_CHECKING

from ofa.latency import Device, LatencyModel, load_model

if TYPE_CHECKING:
    from rich.table import Table

    from ofa.deploy import Bundle
    from ofa.deploy.manifest import Latency, Manifest
    from ofa.predictor import FitReport


def show_specialization(bundle: "Bundle") -> None:
    """Print what became of one device: asked, predicted, estimated, measured, and the files."""
    manifest = bundle.manifest
    table = _table(f"{manifest.target.hardware}  →  subnet {manifest.arch.id}")
    for row in _specialization_rows(manifest):
        table.add_row(*row)
    table.add_section()
    for path in sorted(bundle.folder.iterdir()):
        table.add_row(path.name, f"{path.stat().st_size / 1000:,.1f} kB", "")
    _print(table)
    _print(f"written to {bundle.folder}")


def show_devices(devices: tuple[Device, ...]) -> None:
    """Print the devices, and how well the latency of each is known."""
    table = _table("devices", "id", "aliases", "hardware", "runtime", "latency", "error")
    for device in devices:
        description = device.description
        if description.target == "local":
            known, error = "measured here", "by ofa profile"
        else:
            model = load_model(device.model_path)
            known = f"estimated ({model.label})"
            error = f"{model.evidence.mape_percent:.1f} % on {model.evidence.num_networks} networks"
        table.add_row(
            device.id,
            ", ".join(description.aliases),
            f"{description.hardware.name}, {description.hardware.unit}",
            f"{description.runtime.name}, {description.precision}",
            known,
            error,
        )
    _print(table)


def show_model(device: str, model: LatencyModel) -> None:
    """Print what a latency model rests on, and how far it errs."""
    evidence = model.evidence
    table = _table(f"latency model of {device}")
    table.add_row("fitted on", "; ".join(source.repository for source in model.sources), "")
    table.add_row("between", f"{model.fitted_ms[0]:.3f} and {model.fitted_ms[1]:.3f} ms", "")
    table.add_row("error", f"{evidence.mape_percent:.2f} %", f"mean, {evidence.method}")
    table.add_row("", f"{evidence.max_percent:.2f} %", f"largest of {evidence.num_networks}")
    table.add_row("rank correlation", f"{evidence.spearman:.3f}", "Spearman")
    table.add_row("90 % interval holds", f"{evidence.coverage_percent:.0f} %", "of the networks")
    _print(table)


def show_fit(report: "FitReport") -> None:
    """Print how far to trust an accuracy predictor."""
    table = _table("accuracy predictor, on subnets left out in turn")
    table.add_row("measured subnets", f"{report.num_pairs}", f"{report.num_folds} folds")
    table.add_row("Kendall tau", f"{report.kendall_tau:.3f}", "1 at best")
    table.add_row("RMSE", f"{report.rmse:.3f}", f"points; they spread by {report.top1_std:.3f}")
    table.add_row(
        "bias of the winners", f"{report.winner_bias:+.3f}", "points, predicted − measured"
    )
    _print(table)


def _specialization_rows(manifest: "Manifest") -> list[tuple[str, str, str]]:
    top1, cost, parity = manifest.top1, manifest.cost, manifest.parity
    rows = [
        ("budget", f"{manifest.budget_ms:.3f} ms", manifest.budget_origin),
        _latency_row("latency", manifest.estimated, "estimated"),
    ]
    if manifest.measured:
        rows.append(_latency_row("", manifest.measured, "measured"))
    if manifest.measured_at_build:
        rows.append(_latency_row("  on this machine", manifest.measured_at_build, "measured"))
    return [
        *rows,
        ("top-1", f"{top1.predicted:.2f} %", f"predicted, ± {top1.predicted_rmse:.2f}"),
        ("", f"{top1.search:.2f} %", f"measured, {top1.num_search_images:,} search images"),
        ("", f"{top1.test:.2f} %", f"measured, {top1.num_test_images:,} test images"),
        ("arch", f"{cost.macs / 1e6:.2f} M MACs", manifest.arch.describe()),
        ("size", f"{cost.params / 1e3:.1f} k params", f"engine {cost.engine_bytes / 1000:,.1f} kB"),
        (
            "engine against torch",
            f"{parity.max_abs_error:.1e}",
            f"largest logit error; {parity.num_top1_differing} of {parity.num_images:,} "
            "labels differ",
        ),
    ]


def _latency_row(name: str, latency: "Latency", word: str) -> tuple[str, str, str]:
    label = "" if latency.label == word else f" ({latency.label})"
    interval = f"{latency.interval} {latency.low_ms:.3f}–{latency.high_ms:.3f}"
    return name, f"{latency.latency_ms:.3f} ms", f"{word}{label}, {interval}"


def _table(title: str, *columns: str) -> "Table":
    from rich import box
    from rich.table import Table

    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, show_header=bool(columns))
    for column in columns or ("", "", ""):
        table.add_column(column, overflow="fold")
    return table


def _print(what: "Table | str | Path") -> None:
    from rich.console import Console

    Console(soft_wrap=isinstance(what, str)).print(what, highlight=False)
