"""A known device and a few measured networks to a new device."""

from dataclasses import asdict, replace
from pathlib import Path

from ofa import artifacts
from ofa.errors import BadArtifact
from ofa.latency import LatencyModel, Source, load_model
from ofa.opened import find_checkpoint, open_supernet
from ofa.pipeline.device import find_device


def adapt_device(*, device: str, measured: Path, checkpoint: str, out: Path) -> LatencyModel:
    """A new device from a known one that resembles it and a few measured subnets.

    Args:
        device: The device it resembles.
        measured: JSON file of the subnets and their latencies.
        checkpoint: Whose subnets they are.
        out: Folder of the new device, which ``--device`` then takes.

    Raises:
        OfaError: If the device has no model, or the file is malformed or not in milliseconds.
    """
    from ofa.latency.adapt import adapt, check_units, read_measured

    known = find_device(device)
    if not known.model_path.exists():
        raise BadArtifact(f"{known.id} has no model to adapt; measure it with: ofa profile")
    space = open_supernet(find_checkpoint(checkpoint))[1].space
    networks = read_measured(measured, space)
    description = known.description
    unit, batch = description.hardware.unit, description.batch
    check_units(networks, unit=unit, batch=batch, where=str(measured))
    source = Source(
        repository=measured.name,
        commit=None,
        path=f"sha256 {artifacts.sha256(measured)[:12]}",
        licence="own measurement",
        rows=len(networks),
    )
    model = adapt(load_model(known.model_path), networks, source=source)
    hardware = replace(
        description.hardware, name=f"like {description.hardware.name}", soc="as told"
    )
    described = asdict(replace(description, aliases=(), hardware=hardware))
    artifacts.write_yaml(out / "device.yaml", described)
    header = f"Adapted from {known.id} by: ofa devices adapt"
    artifacts.write_yaml(out / "model.yaml", asdict(model), header=header)
    return model
