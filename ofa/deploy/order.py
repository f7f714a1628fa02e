"""What is ordered: one subnet for one device, and all that its bundle is made from."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from torch import nn

from ofa.artifacts import Tensors
from ofa.data import ImageSet
from ofa.deploy.engines import EngineRequest
from ofa.latency import Device, LatencyModel
from ofa.run_files import SearchOutcome, SubnetNotes
from ofa.runtime import AbstractTarget
from ofa.runtime.onnx_export import InputType
from ofa.space import AnyArch
from ofa.subnet import Subnet


@dataclass(frozen=True, kw_only=True, eq=False)
class Order:
    """One subnet for one device.

    Attributes:
        supernet: What it was cut from; ``None`` if it was fine-tuned since, so that the two differ.
        extracted: The subnet cut from it and recalibrated afresh; ``None`` likewise.
        net: The network whose weights ship.
        tensors: Its weights by name.
        notes: What was measured of it.
        outcome: The search that chose it.
        device: Where it will run.
        target: The device, where it can be reached.
        model: Latency model of the device.
        request: The engine that the device is meant to run.
        input_type: Pixels the engine takes.
        calibration: Images that recalibrated it, and that set the ranges of 8-bit engines.
        search: Images by which it was chosen.
        test: Images on which all forms of the network are compared.
        predictor_rmse: Error of the accuracy predictor on subnets held out, percentage points;
            ``None`` for an imported one, where the search went by measurement, and for a subnet
            that was fine-tuned.
        samples: Archs measured at random with their search top-1, for the report.
        inputs: Files it was made from, by what they are.
        request_digest: Hash of everything asked.
    """

    supernet: nn.Module | None
    extracted: nn.Module | None
    net: Subnet
    tensors: Tensors
    notes: SubnetNotes
    outcome: SearchOutcome
    device: Device
    target: AbstractTarget | None
    model: LatencyModel
    request: EngineRequest
    input_type: InputType
    calibration: ImageSet
    search: ImageSet
    test: ImageSet
    predictor_rmse: float | None
    samples: tuple[tuple[AnyArch, float], ...]
    inputs: Mapping[str, Path]
    request_digest: str

    @property
    def threads(self) -> int:
        """Threads of the runtime."""
        return self.device.description.threads or 1

    @property
    def batch(self) -> int:
        """Images a run on the target."""
        return self.device.description.batch

    @property
    def is_here(self) -> bool:
        """Whether the target is this machine."""
        return self.device.description.target == "local"
