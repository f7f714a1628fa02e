"""How long a network takes on a device: measured if it can be, else estimated, and told which."""

from ofa.latency.device import (
    Description,
    Device,
    Hardware,
    Runtime,
    check_name,
    list_devices,
    load_device,
    twins,
)
from ofa.latency.features import FEATURES, layer_features, layer_key, network_features
from ofa.latency.model import (
    Estimate,
    Evidence,
    Label,
    LatencyModel,
    Point,
    Source,
    load_model,
)

__all__ = [
    "FEATURES",
    "Description",
    "Device",
    "Estimate",
    "Evidence",
    "Hardware",
    "Label",
    "LatencyModel",
    "Point",
    "Runtime",
    "Source",
    "check_name",
    "layer_features",
    "layer_key",
    "list_devices",
    "load_device",
    "load_model",
    "network_features",
    "twins",
]
