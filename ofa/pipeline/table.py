"""What a search asks for latencies: a device's model, or an imported table of its layers."""

from dataclasses import dataclass
from pathlib import Path

from ofa import checkpoint as files
from ofa.errors import IllegalSpace
from ofa.latency import LatencyModel, load_device
from ofa.pipeline.device import profile
from ofa.reference import read_imported_table
from ofa.shipped import shipped
from ofa.space import AnyCostTable, AnySpace, SearchSpace, encoding_of


@dataclass(frozen=True, kw_only=True, eq=False)
class DeviceTable:
    """Latencies of a whole space on one device.

    Attributes:
        device: Id of the device, or the name of the folder of an imported table.
        latency_ms: Latency of genotype matrices, ms.
        model: The device's latency model, which tells how sure each is; ``None`` for a table.
        precision: Numbers in which the accuracy of a subnet there is predicted and measured; half
            floats lose none.
    """

    device: str
    latency_ms: AnyCostTable
    model: LatencyModel | None = None
    precision: files.Precision = "fp32"


def device_table(device: str, *, space: AnySpace, checkpoint: str) -> DeviceTable:
    """Latencies of a space on a device.

    Args:
        device: Id or alias, or the path of an imported table, ``<name>/layers.json``.

    Raises:
        UnknownDevice: If no device goes by the name.
        UnmeasuredLayer: If an imported table lacks layers of the space.
    """
    path = Path(device)
    if path.suffix != ".json":
        target = load_device(shipped("devices"), device)
        model = profile(device=device, checkpoint=checkpoint)
        return DeviceTable(
            device=target.id,
            latency_ms=model.table(encoding_of(space)),
            model=model,
            precision="int8" if target.description.precision == "int8" else "fp32",
        )
    if not isinstance(space, SearchSpace):
        raise IllegalSpace(
            f"{path}: imported tables hold no layers of a {space.family} space; name a device"
        )
    table = read_imported_table(path)
    return DeviceTable(
        device=path.resolve().parent.name, latency_ms=table.table(encoding_of(space))
    )
