"""From a subnet to what ships: parity, bundle, report."""

from ofa.deploy.assemble import Order, assemble
from ofa.deploy.bundle import Bundle, load_bundle, write_bundle
from ofa.deploy.manifest import (
    Cost,
    Input,
    InputFile,
    Latency,
    Manifest,
    Origin,
    Target,
    Top1,
    origin,
)
from ofa.deploy.parity import Parity, check_parity, run_in_chunks, torch_logits
from ofa.deploy.picture import FrontPoint
from ofa.deploy.report import (
    ClassAccuracy,
    ReportData,
    class_accuracies,
    render_front,
    render_report,
)

__all__ = [
    "Bundle",
    "ClassAccuracy",
    "Cost",
    "FrontPoint",
    "Input",
    "InputFile",
    "Latency",
    "Manifest",
    "Order",
    "Origin",
    "Parity",
    "ReportData",
    "Target",
    "Top1",
    "assemble",
    "check_parity",
    "class_accuracies",
    "load_bundle",
    "origin",
    "render_front",
    "render_report",
    "run_in_chunks",
    "torch_logits",
    "write_bundle",
]
