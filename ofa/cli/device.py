"""``ofa profile``."""

from jsonargparse import ArgumentParser, Namespace

from ofa import pipeline
from ofa.cli import flags, screen
from ofa.cli.command import Command
from ofa.latency import LatencyModel


def _add_profile_flags(parser: ArgumentParser) -> None:
    flags.add_device(parser)
    flags.add_checkpoint(parser)
    parser.add_argument("--fresh", action="store_true", help="measure again what is remembered")


def _profile(options: Namespace, track: pipeline.Track) -> dict[str, LatencyModel]:
    return {
        device: pipeline.profile(device=device, checkpoint=options.checkpoint, fresh=options.fresh)
        for device in options.device
    }


def _show_models(models: dict[str, LatencyModel]) -> None:
    """Print what each latency model rests on, and how far it errs."""
    for device, model in models.items():
        evidence = model.evidence
        table = screen.table(f"latency model of {device}")
        table.add_row("fitted on", "; ".join(source.repository for source in model.sources), "")
        table.add_row("between", f"{model.fitted_ms[0]:.3f} and {model.fitted_ms[1]:.3f} ms", "")
        table.add_row("error", f"{evidence.mape_percent:.2f} %", f"mean, {evidence.method}")
        table.add_row("", f"{evidence.max_percent:.2f} %", f"largest of {evidence.num_networks}")
        table.add_row("rank correlation", f"{evidence.spearman:.3f}", "Spearman")
        holds = f"{evidence.coverage_percent:.0f} %"
        table.add_row("90 % interval holds", holds, "of the networks")
        screen.show(table)


PROFILE = Command(
    help="measure a device that can be reached, and fit its latency model",
    example="ofa profile --device host --fresh",
    add_flags=_add_profile_flags,
    run=_profile,
    show=_show_models,
)
