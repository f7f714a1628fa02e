"""Refit the latency model of devices/pixel from the public measurements it rests on.

    python tools/fit_pixel.py DATA

DATA is a folder with two files made from the repository named in devices/pixel/README.md:
blocks.csv (one row a measured layer) and networks.csv (one row a network of published latency).
They are not part of this repository, since their source carries no licence; the model fitted from
them is.
"""

import argparse
import csv
import json
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ofa import artifacts
from ofa.errors import BadArtifact
from ofa.latency import LatencyModel, Source, layer_features, network_features
from ofa.latency.fit import Measurements, cross_validate, draw_from_layers, named_draws
from ofa.space import (
    Activation,
    ConvLayer,
    Layer,
    LinearLayer,
    MBConvLayer,
    PoolLayer,
    squeeze_channels,
)

TABLE = Source(
    repository="han-cai/files",
    commit="a7c9bcd",
    path="proxylessnas/mobile_trim.yaml",
    licence="none",
    rows=72,
)
DONOR = Source(
    repository="han-cai/files",
    commit="a7c9bcd",
    path="ofa/note10",
    licence="none",
    rows=480,
)
NETWORKS = Source(
    repository="han-cai/files",
    commit="a7c9bcd",
    path="ofa/ofa_specialized/pixel1_*",
    licence="none",
    rows=4,
)
NUM_DRAWS = 40
ROUNDING_MS = 1.0  # of the published networks
ACTIVATIONS: dict[str, Activation] = {
    "relu": "relu",
    "relu6": "relu6",
    "h_swish": "hardswish",
}
HEADER = """Latency of a Pixel 1, fitted from public measurements; README.md beside this tells how.
Made by: python tools/fit_pixel.py DATA
A row of draws holds ms per unit of a feature (units: ofa/latency/features.py), one value a draw."""


def main() -> None:
    """Fit, cross-validate, and write devices/pixel/model.yaml."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path, metavar="DATA", help="folder of the two files")
    out = Path(__file__).parent.parent / "devices" / "pixel" / "model.yaml"
    parser.add_argument(
        "--out", type=Path, default=out, help="file to write (default: %(default)s)"
    )
    arguments = parser.parse_args()
    model = fit(arguments.data)
    artifacts.write_yaml(arguments.out, asdict(model), header=HEADER)
    print(f"{arguments.out}: {model.evidence}")


def fit(data: Path) -> LatencyModel:
    """The latency model of a Pixel 1, from its layers and networks and a Note 10's layers."""
    layers = read_layers(data / "blocks.csv", device="pixel1", source=TABLE)
    donor = read_layers(data / "blocks.csv", device="note10", source=DONOR)
    networks = read_networks(data / "networks.csv", device="pixel1", source=NETWORKS)
    fitted = partial(draw_from_layers, layers=layers, donor=donor, num_draws=NUM_DRAWS, seed=0)
    judged = cross_validate(fitted, networks, num_folds=len(networks))
    return LatencyModel(
        label="calibrated",
        fitted_ms=(float(networks.latency_ms.min()), float(networks.latency_ms.max())),
        noise=round(judged.noise, 4),
        evidence=judged.evidence,
        sources=(TABLE, DONOR, NETWORKS),
        draws=named_draws(fitted(networks)),
    )


def read_layers(path: Path, *, device: str, source: Source) -> Measurements:
    """Measured layers of one device in blocks.csv."""
    rows = _rows(path, device=device, source=source)
    return Measurements(
        features=np.array([layer_features(layer_of(row)) for row in rows]),
        latency_ms=np.array([float(row["mean_ms"]) for row in rows]),
    )


def read_networks(path: Path, *, device: str, source: Source) -> Measurements:
    """Published networks of one device in networks.csv."""
    rows = _rows(path, device=device, source=source)
    networks = [layers_of(json.loads(row["arch_json"])) for row in rows]
    return Measurements(
        features=np.array([network_features(layers) for layers in networks]),
        latency_ms=np.array([float(row["published_ms"]) for row in rows]),
        rounding_ms=ROUNDING_MS,
    )


def layer_of(row: dict[str, str]) -> Layer:
    """The layer of one row of blocks.csv."""
    in_size, in_channels, out_channels = (int(row[key]) for key in ("in_h", "in_c", "out_c"))
    match row["op_kind"]:
        case "mbconv":
            mid = int(float(row["mid_c"]))
            return MBConvLayer(
                in_size=in_size,
                in_channels=in_channels,
                mid_channels=mid,
                out_channels=out_channels,
                kernel_size=int(float(row["kernel"])),
                stride=int(float(row["stride"])),
                activation=ACTIVATIONS[row["act"]],
                expands=mid != in_channels,
                se_channels=squeeze_channels(mid) if row["se"] == "1" else 0,
            )
        case "first_conv" | "final_conv" | "feature_mix":
            return ConvLayer(
                in_size=in_size,
                in_channels=in_channels,
                out_channels=out_channels,
                kernel_size=int(float(row["kernel"])),
                stride=int(float(row["stride"])),
                activation=ACTIVATIONS[row["act"]],
            )
        case "logits":
            return LinearLayer(in_features=in_channels, out_features=out_channels)
        case "avgpool":
            return PoolLayer(in_size=in_size, channels=in_channels)
    raise BadArtifact(f"blocks.csv: op_kind {row['op_kind']!r} is not known")


def layers_of(arch: dict[str, Any]) -> list[Layer]:
    """The layers of a MobileNetV3 in networks.csv."""
    stem = ConvLayer(
        in_size=arch["r"],
        in_channels=3,
        out_channels=arch["stem"],
        kernel_size=3,
        stride=2,
        activation="hardswish",
    )
    size, channels = stem.out_size, stem.out_channels
    layers: list[Layer] = [stem]
    for in_channels, out_channels, mid, kernel_size, stride, se, activation, _ in arch["blocks"]:
        block = MBConvLayer(
            in_size=size,
            in_channels=in_channels,
            mid_channels=mid,
            out_channels=out_channels,
            kernel_size=kernel_size,
            stride=stride,
            activation=ACTIVATIONS[activation],
            expands=mid != in_channels,
            se_channels=squeeze_channels(mid) if se else 0,
        )
        layers.append(block)
        size, channels = block.out_size, out_channels
    expand_width, feature_width, num_classes = arch["head"]
    return [
        *layers,
        _pointwise(size, channels, expand_width),
        PoolLayer(in_size=size, channels=expand_width),
        _pointwise(1, expand_width, feature_width),
        LinearLayer(in_features=feature_width, out_features=num_classes),
    ]


def _pointwise(size: int, in_channels: int, out_channels: int) -> ConvLayer:
    return ConvLayer(
        in_size=size,
        in_channels=in_channels,
        out_channels=out_channels,
        kernel_size=1,
        stride=1,
        activation="hardswish",
    )


def _rows(path: Path, *, device: str, source: Source) -> list[dict[str, str]]:
    folder = source.path.rstrip("*")
    with path.open(newline="") as file:
        rows = [
            row
            for row in csv.DictReader(file)
            if row["device"] == device
            and row["repo"] == source.repository
            and row["source_file"].startswith(folder)
        ]
    if len(rows) != source.rows:
        raise BadArtifact(
            f"{path}: {len(rows)} rows of {device}, but {source.rows} were used; fetch it again"
        )
    return rows


if __name__ == "__main__":
    main()
