"""``ofa fit-predictor``."""

from typing import TYPE_CHECKING

from jsonargparse import ArgumentParser, Namespace

from ofa import pipeline
from ofa.cli import flags, screen
from ofa.cli.command import Command

if TYPE_CHECKING:
    from ofa.predictor import FitReport


def _add_flags(parser: ArgumentParser) -> None:
    flags.add_checkpoint(parser)
    flags.add_seed(parser)


def _fit_predictor(options: Namespace, track: pipeline.Track) -> "FitReport":
    return pipeline.fit_predictor(checkpoint=options.checkpoint, seed=options.seed)


def _show(report: "FitReport") -> None:
    """Print how far to trust an accuracy predictor."""
    table = screen.table("accuracy predictor, on subnets left out in turn")
    table.add_row("measured subnets", f"{report.num_pairs}", f"{report.num_folds} folds")
    table.add_row("Kendall tau", f"{report.kendall_tau:.3f}", "1 at best")
    table.add_row("RMSE", f"{report.rmse:.3f}", f"points; they spread by {report.top1_std:.3f}")
    table.add_row(
        "bias of the winners", f"{report.winner_bias:+.3f}", "points, predicted − measured"
    )
    screen.show(table)


FIT_PREDICTOR = Command(
    help="fit the accuracy predictor to the measured subnets",
    example="ofa fit-predictor --checkpoint runs/fashion_mnist",
    add_flags=_add_flags,
    run=_fit_predictor,
    show=_show,
)
