"""From a subnet to what ships: engines, ladder, bundle, report."""

from ofa.deploy.assemble import Assembled, Built, assemble, build
from ofa.deploy.bundle import Bundle, bundle_contents, load_bundle, write_bundle
from ofa.deploy.cache import EngineCache
from ofa.deploy.engines import PORTABLE, EngineRequest
from ofa.deploy.ladder import Form, Ladder, Rung, climb, torch_logits
from ofa.deploy.layer_times import LayerTime, layer_times
from ofa.deploy.manifest import (
    Attempt,
    Calibration,
    Cost,
    Input,
    InputFile,
    Latency,
    Manifest,
    Origin,
    ShippedEngine,
    Target,
    Top1,
    origin,
)
from ofa.deploy.order import Order
from ofa.deploy.picture import FrontPicture, FrontPoint
from ofa.deploy.report import (
    ClassAccuracy,
    ReportData,
    class_accuracies,
    render_report,
)

__all__ = [
    "PORTABLE",
    "Assembled",
    "Attempt",
    "Built",
    "Bundle",
    "Calibration",
    "ClassAccuracy",
    "Cost",
    "EngineCache",
    "EngineRequest",
    "Form",
    "FrontPicture",
    "FrontPoint",
    "Input",
    "InputFile",
    "Ladder",
    "Latency",
    "LayerTime",
    "Manifest",
    "Order",
    "Origin",
    "ReportData",
    "Rung",
    "ShippedEngine",
    "Target",
    "Top1",
    "assemble",
    "build",
    "bundle_contents",
    "class_accuracies",
    "climb",
    "layer_times",
    "load_bundle",
    "origin",
    "render_report",
    "torch_logits",
    "write_bundle",
]
