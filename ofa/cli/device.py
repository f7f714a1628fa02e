"""``ofa devices`` and ``ofa profile``."""

from dataclasses import dataclass

from jsonargparse import ArgumentParser, Namespace

from ofa import pipeline
from ofa.cli import flags, screen
from ofa.cli.command import Command
from ofa.latency import Device, LatencyModel, load_model


@dataclass(frozen=True, kw_only=True)
class ListedDevice:
    """What ``ofa devices`` tells of a device.

    Attributes:
        names: Every name it answers to, its id first.
        latency: How the latency of a subnet is known.
        error: How far to trust it.
    """

    id: str
    names: tuple[str, ...]
    hardware: str
    runtime: str
    latency: str
    error: str


def _devices(options: Namespace, track: pipeline.Track) -> tuple[ListedDevice, ...]:
    return tuple(_listed(device) for device in pipeline.devices())


def _listed(device: Device) -> ListedDevice:
    description = device.description
    if description.target == "local":
        latency, error = "measured here", "by ofa profile"
    else:
        model = load_model(device.model_path)
        latency = f"estimated ({model.label})"
        error = f"{model.evidence.mape_percent:.1f} % on {model.evidence.num_networks} networks"
    return ListedDevice(
        id=device.id,
        names=device.names,
        hardware=f"{description.hardware.name}, {description.hardware.unit}",
        runtime=f"{description.runtime.name}, {description.precision}",
        latency=latency,
        error=error,
    )


def _show_devices(devices: tuple[ListedDevice, ...]) -> None:
    """Print the devices, and how well the latency of each is known."""
    table = screen.table("devices", "id", "aliases", "hardware", "runtime", "latency", "error")
    for device in devices:
        aliases = ", ".join(device.names[1:])
        table.add_row(
            device.id, aliases, device.hardware, device.runtime, device.latency, device.error
        )
    screen.show(table)


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


DEVICES = Command(
    help="list the devices, how each is known, and with what error",
    example="ofa devices",
    add_flags=lambda parser: None,
    run=_devices,
    show=_show_devices,
)

PROFILE = Command(
    help="measure a device that can be reached, and fit its latency model",
    example="ofa profile --device host --fresh",
    add_flags=_add_profile_flags,
    run=_profile,
    show=_show_models,
)
