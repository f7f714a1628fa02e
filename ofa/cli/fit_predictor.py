"""``ofa fit-predictor``."""

from pathlib import Path
from typing import TYPE_CHECKING

from jsonargparse import ArgumentParser, Namespace

from ofa import pipeline
from ofa.cli import flags, screen
from ofa.cli.command import Command

if TYPE_CHECKING:
    from rich.table import Table

    from ofa.predictor import FitReport, QuantizedReport


def _add_flags(parser: ArgumentParser) -> None:
    flags.add_checkpoint(parser)
    parser.add_argument(
        "--min-tau",
        type=float,
        default=0.0,
        metavar="TAU",
        help=(
            "least Kendall tau in each precision; searches measure archs themselves rather than "
            "trust a worse one, and those of fleets, which measure none, are refused"
        ),
    )
    parser.add_argument(
        "--plots",
        type=Path,
        default=None,
        metavar="FOLDER",
        help="draw predicted against measured, the learning curve and the effect of each gene",
    )
    flags.add_seed(parser)


def _fit_predictor(options: Namespace, track: pipeline.Track) -> "FitReport":
    return pipeline.fit_predictor(
        checkpoint=options.checkpoint,
        seed=options.seed,
        min_tau=options.min_tau,
        plots=options.plots,
    )


def _show(report: "FitReport") -> None:
    """Print how far to trust an accuracy predictor."""
    table = screen.table("accuracy predictor, on subnets left out in turn")
    table.add_row("measured subnets", f"{report.num_pairs}", f"{report.num_folds} folds")
    below = f"below {report.min_tau}: searches will measure"
    trusted = "1 at best" if report.is_trusted else below
    table.add_row("Kendall tau", f"{report.kendall_tau:.3f}", trusted)
    table.add_row("RMSE", f"{report.rmse:.3f}", f"points; they spread by {report.top1_std:.3f}")
    table.add_row(
        "bias of the winners", f"{report.winner_bias:+.3f}", "points, predicted − measured"
    )
    table.add_row(
        "90 % interval", f"{100 * report.coverage:.1f} %", "of the measured lie within it"
    )
    table.add_row(
        "bias by accuracy",
        " ".join(f"{bias:+.3f}" for bias in report.bias_by_bin),
        "points, fifths from low to high",
    )
    if report.quantized:
        is_trusted = report.quantized.kendall_tau >= report.min_tau
        _add_quantized(table, report.quantized, doubt="" if is_trusted else below)
    screen.show(table)


def _add_quantized(table: "Table", report: "QuantizedReport", *, doubt: str) -> None:
    table.add_section()
    table.add_row("measured in int8", f"{report.num_pairs}", "subnets, before and after")
    table.add_row(
        "quantizing adds", f"{report.mean_change:+.3f}", f"points, ± {report.change_std:.3f}"
    )
    table.add_row("RMSE of that", f"{report.change_rmse:.3f}", "points")
    table.add_row(
        "Kendall tau, int8",
        f"{report.kendall_tau:.3f}",
        doubt or f"{report.float_kendall_tau:.3f} by the fp32 prediction alone",
    )
    table.add_row("RMSE, int8", f"{report.rmse:.3f}", "points")


FIT_PREDICTOR = Command(
    help="fit the accuracy predictor to the measured subnets",
    example="ofa fit-predictor --checkpoint runs/fashion_mnist",
    add_flags=_add_flags,
    run=_fit_predictor,
    show=_show,
)
