"""A known device and a few measured networks to a new device."""

from dataclasses import asdict, replace
from pathlib import Path

from ofa import artifacts
from ofa.errors import BadArtifact
from ofa.latency import Description, LatencyModel, Source, check_name, load_model
from ofa.opened import find_checkpoint, open_supernet
from ofa.pipeline.device import find_device, profile


def adapt_device(*, device: str, measured: Path, checkpoint: str, out: Path) -> LatencyModel:
    """A new device from a known one that resembles it and a few measured subnets.

    Args:
        device: The device it resembles; one without a model is measured first, if it can be.
        measured: JSON file of the subnets and their latencies.
        checkpoint: Whose subnets they are.
        out: Folder of the new device, which ``--device`` then takes.

    Raises:
        OfaError: If the device has no model and cannot be measured, the file is malformed or not
            in milliseconds, or ``out`` describes another device.
    """
    from ofa.latency.adapt import adapt, check_likeness, read_measured

    check_name(out.resolve().name)
    known = find_device(device)
    space = open_supernet(find_checkpoint(checkpoint))[1].space
    networks = read_measured(measured, space)
    description = known.description
    hardware = replace(
        description.hardware, name=f"like {description.hardware.name}", soc="as told"
    )
    described = replace(description, aliases=(), hardware=hardware)
    _refuse_another(out / "device.yaml", described)
    if known.model_path.exists():
        base = load_model(known.model_path)
    else:
        base = profile(device=device, checkpoint=checkpoint)
    check_likeness(base, networks, where=str(measured))
    source = Source(
        repository=measured.name,
        commit=None,
        path=f"sha256 {artifacts.sha256(measured)[:12]}",
        licence="own measurement",
        rows=len(networks),
    )
    model = adapt(base, networks, source=source)
    header = f"Adapted from {known.id} by: ofa devices adapt"
    artifacts.write_yaml(out / "model.yaml", asdict(model), header=header)
    artifacts.write_yaml(out / "device.yaml", asdict(described))
    return model


def _refuse_another(path: Path, described: Description) -> None:
    """Refuse to write a description over one that says something else."""
    if not path.exists():
        return
    found = artifacts.parse(Description, artifacts.read_yaml(path), where=str(path))
    if found != described:
        raise BadArtifact(
            f"{path}: describes {found.hardware.name!r} already; give another --out, or remove it"
        )
