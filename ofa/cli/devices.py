"""``ofa devices``: list them, show one, adapt one to measured networks."""

from dataclasses import dataclass
from pathlib import Path

from jsonargparse import ArgumentParser, Namespace
from jsonargparse.typing import PositiveInt

from ofa import pipeline
from ofa.cli import screen
from ofa.cli.command import Command
from ofa.errors import OfaError, UnknownDevice, printable
from ofa.latency import Device, LatencyModel, load_model

_PLOT_WIDTH, _PLOT_HEIGHT = 56, 16
_DETAILS = """\
  ofa devices            every device, how its latency is known, with what error
  ofa devices show pixel
                         networks foretold against measured, and the sources
  ofa devices adapt pixel --pack networks.zip
                         engines of its runtime, or ONNX files, to time on a
                         device of yours, 4 to 20 of them, and a form to fill
                         in, networks.json; pixel is the one that yours
                         resembles
  ofa devices adapt pixel --measured networks.json --out my-phone
                         your device, from the form; give the --checkpoint of
                         --pack"""


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


@dataclass(frozen=True, kw_only=True)
class ShownDevice:
    """What ``ofa devices show`` tells of a device.

    Attributes:
        asked: The name or folder it was asked for by.
        model: ``None`` if it is measured here.
    """

    asked: str
    device: ListedDevice
    model: LatencyModel | None


@dataclass(frozen=True, kw_only=True)
class AdaptedDevice:
    """What ``ofa devices adapt`` made."""

    folder: Path
    model: LatencyModel


@dataclass(frozen=True, kw_only=True)
class PackedNetworks:
    """What ``ofa devices adapt --pack`` wrote."""

    packed: Path


_Result = tuple[ListedDevice, ...] | ShownDevice | AdaptedDevice | PackedNetworks


def _add_flags(parser: ArgumentParser) -> None:
    parser.add_argument(
        "action", nargs="?", choices=["list", "show", "adapt"], default="list", help="what to do"
    )
    parser.add_argument("device", nargs="?", metavar="NAME", help="device id or alias")
    parser.add_argument("--pack", type=Path, metavar="ZIP", help="write networks to be measured")
    parser.add_argument("--num", type=PositiveInt, default=8, help="networks to pack")
    parser.add_argument("--measured", type=Path, metavar="FILE", help="measured subnets, JSON")
    parser.add_argument("--checkpoint", default="fashion_mnist", help="whose subnets they are")
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="folder of the new device")


def _run(options: Namespace, track: pipeline.Track) -> _Result:
    if options.action == "list":
        return tuple(_listed(device) for device in pipeline.devices())
    if options.device is None:
        raise UnknownDevice(f"name a device: ofa devices {options.action} NAME; see ofa devices")
    device = pipeline.find_device(options.device)
    if options.action == "show":
        model = load_model(device.model_path) if device.model_path.exists() else None
        return ShownDevice(asked=options.device, device=_listed(device), model=model)
    about = {"device": options.device, "checkpoint": options.checkpoint}
    if options.pack:
        if options.measured or options.out:
            raise OfaError(
                "--pack comes before --measured and --out, once its networks were measured; leave "
                "these out"
            )
        return PackedNetworks(
            packed=pipeline.pack_networks(**about, out=options.pack, num=options.num)
        )
    if options.measured is None or options.out is None:
        raise OfaError(
            "ofa devices adapt needs --measured FILE and --out FOLDER; --pack ZIP writes what to "
            "measure"
        )
    model = pipeline.adapt_device(**about, measured=options.measured, out=options.out)
    return AdaptedDevice(folder=options.out, model=model)


def _listed(device: Device) -> ListedDevice:
    description = device.description
    if device.model_path.exists():
        model = load_model(device.model_path)
        evidence = model.evidence
        latency = model.label
        error = f"{evidence.mape_percent:.1f} % of {evidence.num_networks}"
    else:
        latency, error = "measured here", "ofa profile"
    batch = f" x{description.batch}" if description.batch > 1 else ""
    return ListedDevice(
        id=device.id,
        names=device.names,
        hardware=f"{description.hardware.name}, {description.hardware.unit}",
        runtime=f"{description.runtime.name}, {description.precision}{batch}",
        latency=latency,
        error=error,
    )


def _show(result: _Result) -> None:
    """Print devices, one device, or what was made."""
    match result:
        case ShownDevice():
            _show_device(result)
        case AdaptedDevice():
            print(f"written to {result.folder}: {_sureness(result.model)}")
        case PackedNetworks():
            print(f"written to {result.packed}; its README.txt says how to time the networks")
        case _:
            _show_devices(result)


def _show_devices(devices: tuple[ListedDevice, ...]) -> None:
    table = screen.table("devices", "id (alias)", "runtime", "latency", "mean error")
    order = sorted(devices, key=lambda device: (device.hardware.rpartition(", ")[2], device.id))
    unit = None
    for device in order:
        if unit != (unit := device.hardware.rpartition(", ")[2]):
            table.add_section()
        aliases = f" ({', '.join(device.names[1:])})" if device.names[1:] else ""
        table.add_row(device.id + aliases, device.runtime, device.latency, device.error)
    screen.show(table)


def _show_device(shown: ShownDevice) -> None:
    listed, model = shown.device, shown.model
    print(printable(f"{listed.id}: {listed.hardware}, {listed.runtime}"))
    if model is None:
        print(f"measured here: ofa profile --device {shown.asked}")
        return
    print(f"{model.label}, {model.fitted_ms[0]:.4g} to {model.fitted_ms[1]:.4g} ms")
    print(_sureness(model))
    for source in model.sources:
        origin = f"{source.repository} @ {source.commit}, {source.path}"
        print(printable(f"  {origin}: {source.rows} rows"))
    if model.evidence.points:
        print("\n" + _plot(model))


def _sureness(model: LatencyModel) -> str:
    evidence = model.evidence
    return (
        f"{evidence.mape_percent:.1f} % mean error, {evidence.max_percent:.1f} % largest, "
        f"of {evidence.num_networks} networks ({evidence.method}); "
        f"the 90 % interval holds {evidence.coverage_percent:.0f} %"
    )


def _plot(model: LatencyModel) -> str:
    """Foretold over measured latency on two logarithmic axes; the diagonal is the truth."""
    import math

    points = model.evidence.points
    values = [value for point in points for value in (point.measured_ms, point.foretold_ms)]
    low, high = math.log(min(values) * 0.95), math.log(max(values) * 1.05)
    rows = [[" "] * _PLOT_WIDTH for _ in range(_PLOT_HEIGHT)]

    def cell(value_ms: float, size: int) -> int:
        return min(size - 1, int((math.log(value_ms) - low) / (high - low) * size))

    for column in range(_PLOT_WIDTH):
        rows[column * _PLOT_HEIGHT // _PLOT_WIDTH][column] = "·"
    for point in points:
        row = cell(point.foretold_ms, _PLOT_HEIGHT)
        rows[row][cell(point.measured_ms, _PLOT_WIDTH)] = "o"
    top, bottom = f"{math.exp(high):.3g}", f"{math.exp(low):.3g}"
    edge = {_PLOT_HEIGHT - 1: top, 0: bottom}
    lines = [f"{edge.get(row, ''):>8} │{''.join(rows[row])}" for row in reversed(range(len(rows)))]
    axis = f"{'':8} └{'─' * _PLOT_WIDTH}"
    legend = f"{'':9} {bottom:<{_PLOT_WIDTH - 20}}{'measured, ms':>12}{top:>8}"
    return "\n".join(
        ["foretold, ms (each network by a fit that had not seen it)", *lines, axis, legend]
    )


DEVICES = Command(
    help="list the devices and their errors; show or adapt one",
    example="ofa devices show pixel",
    add_flags=_add_flags,
    run=_run,
    show=_show,
    details=_DETAILS,
)
