"""The networks of the public measurements, as layers: four spellings of one thing."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, Literal

from ofa import artifacts
from ofa.errors import BadArtifact
from ofa.space import (
    Activation,
    Arch,
    Block,
    ConvLayer,
    FirstBlock,
    Head,
    Layer,
    LinearLayer,
    MBConvLayer,
    PoolLayer,
    SearchSpace,
    Stage,
    Stem,
    network,
    squeeze_channels,
)

Op = Mapping[str, Any]

ACTIVATIONS: dict[str, Activation] = {
    "relu": "relu",
    "relu6": "relu6",
    "h_swish": "hardswish",
}
WIDE_SPACE = SearchSpace(
    resolutions=tuple(range(128, 225, 4)),
    stem=Stem(width=24),
    first_block=FirstBlock(width=24),
    stages=(
        Stage(width=32, stride=2),
        Stage(width=48, stride=2, squeeze_excite=True),
        Stage(width=96, stride=2, activation="hardswish"),
        Stage(width=136, activation="hardswish", squeeze_excite=True),
        Stage(width=192, stride=2, activation="hardswish", squeeze_excite=True),
    ),
    head=Head(expand_width=1152, feature_width=1536),
)
"""The MobileNetV3 space of width 1.2, of which HELP measured subnets."""
UNSKIPPED = ("mobilenet_w", "mobilenetb_w", "fdmobilenet_w")
"""Opening of the names of networks whose separable convolutions have no skip."""


def layers_of(arch: Mapping[str, Any]) -> list[Layer]:
    """Layers of a network of han-cai/files or HELP, from ``arch_json``."""
    return _subnet(arch) if "ks" in arch else _blocks(arch)


def subnet_layers(kernels: str, expands: str, depths: str, resolution: int) -> list[Layer]:
    """Layers of a subnet of the wide space, one digit a block, as in networks_help_ofa.csv."""
    choices = {"ks": list(kernels), "e": list(expands), "d": list(depths), "r": resolution}
    return _subnet(choices)


def layers_of_ops(ops: Sequence[Op], *, skips: bool = True) -> list[Layer]:
    """Layers of a network given operation by operation.

    An expansion, a depthwise convolution, what gates it and the projection become one block.
    """
    steps = list(_steps(ops))
    layers: list[Layer] = []
    at = 0
    while at < len(steps):
        block = _block_at(steps, at, skips=skips)
        if block:
            layer, at = block
        else:
            layer, at = _plain(steps[at]), at + 1
        layers.append(layer)
    return layers


@cache
def ops_file(path: Path) -> Mapping[str, list[Op]]:
    """The networks of arch_qed.json or arch_ncnn.json."""
    return artifacts.read_foreign_json(path)


def layer_of(row: Mapping[str, str]) -> Layer:
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


def _subnet(choices: Mapping[str, Any]) -> list[Layer]:
    stages, slot = [], 0
    for depth in map(int, choices["d"]):
        used = range(slot, slot + depth)
        stages.append(
            tuple(
                Block(kernel_size=int(choices["ks"][i]), expand_ratio=int(choices["e"][i]))
                for i in used
            )
        )
        slot += 4
    resolution = choices["r"][0] if isinstance(choices["r"], list) else choices["r"]
    arch = Arch(resolution=int(resolution), stages=tuple(stages))
    return list(network(WIDE_SPACE, arch).layers)


def _blocks(arch: Mapping[str, Any]) -> list[Layer]:
    hardswish: Activation = "hardswish" if arch["family"] == "MobileNetV3" else "relu6"
    stem = ConvLayer(
        in_size=arch["r"],
        in_channels=3,
        out_channels=arch["stem"],
        kernel_size=3,
        stride=2,
        activation=hardswish,
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
    expand_width, *feature_widths, num_classes = arch["head"]
    layers += [
        _pointwise(size, channels, expand_width, hardswish),
        PoolLayer(in_size=size, channels=expand_width),
    ]
    for width in feature_widths:
        layers.append(_pointwise(1, expand_width, width, hardswish))
        expand_width = width
    return [*layers, LinearLayer(in_features=expand_width, out_features=num_classes)]


@dataclass(frozen=True, kw_only=True)
class _Step:
    """One operation, whichever file it came from; sizes in px."""

    kind: Literal["conv", "depthwise", "pool", "linear"]
    in_size: int
    in_channels: int
    out_size: int = 1
    out_channels: int = 0
    kernel_size: int = 1
    hardswish: bool = False

    @property
    def pointwise(self) -> bool:
        """Whether it is a 1x1 convolution on a map."""
        return self.kind == "conv" and self.kernel_size == 1 and self.in_size > 1

    @property
    def stride(self) -> int:
        """Input size over output size."""
        return max(1, round(self.in_size / self.out_size))


def _steps(ops: Sequence[Op]) -> Iterator[_Step]:
    """The operations that count; element-wise ones belong to the one before."""
    for op, following in zip(ops, [*ops[1:], {}], strict=True):
        step = _tflite_step(op) if "op" in op else _ncnn_step(op)
        if step and following.get("t") == "act" and step.out_size > 1:
            step = replace(step, hardswish=True)
        if step:
            yield step


def _tflite_step(op: Op) -> _Step:
    kind = op["op"]
    if kind == "FULLY_CONNECTED":
        return _Step(kind="linear", in_size=1, in_channels=op["Input_channel"],
                     out_channels=int(op["Filter"]))  # fmt: skip
    channels, hardswish = op["Input_channel"], bool(op["hs"])
    if kind in ("MEAN", "AVERAGE_POOL_2D"):
        return _Step(kind="pool", in_size=int(op["Input_shape"]), in_channels=channels,
                     out_channels=channels)  # fmt: skip
    out_size = int(op["Output_shape"])
    depthwise = kind == "DEPTHWISE_CONV_2D"
    return _Step(
        kind="depthwise" if depthwise else "conv",
        in_size=out_size * int(op["Stride"]),  # the input shape may hold padding
        in_channels=channels,
        out_size=out_size,
        out_channels=channels if depthwise else int(op["Filter"]),
        kernel_size=int(op["Kernel"]),
        hardswish=hardswish,
    )


def _ncnn_step(op: Op) -> _Step | None:
    match op["t"]:
        case "conv" | "dw":
            return _Step(
                kind="conv" if op["t"] == "conv" else "depthwise",
                in_size=op["oh"] * op["s"],
                in_channels=op["ic"],
                out_size=op["oh"],
                out_channels=op["oc"],
                kernel_size=op["k"],
            )
        case "fc":
            return _Step(kind="linear", in_size=1, in_channels=op["ic"], out_channels=op["oc"])
        case "gap":
            return _Step(kind="pool", in_size=op["ih"], in_channels=op["ic"], out_channels=op["ic"])
    return None


def _block_at(steps: Sequence[_Step], start: int, *, skips: bool) -> tuple[MBConvLayer, int] | None:
    """The block that starts at a step, and the step after it, if one starts there."""
    at = start
    expands = steps[at].pointwise and at + 1 < len(steps) and steps[at + 1].kind == "depthwise"
    at += expands
    depthwise = steps[at]
    if depthwise.kind != "depthwise":
        return None
    at += 1
    gate = steps[at : at + 3]
    squeezes = gate[0].kind == "pool"
    at += 3 * squeezes
    projection = steps[at]
    hardswish = depthwise.hardswish or (expands and steps[start].hardswish)
    block = MBConvLayer(
        in_size=depthwise.in_size,
        in_channels=steps[start].in_channels,
        mid_channels=depthwise.out_channels,
        out_channels=projection.out_channels,
        kernel_size=depthwise.kernel_size,
        stride=depthwise.stride,
        activation="hardswish" if hardswish else "relu",
        expands=expands,
        se_channels=gate[1].out_channels if squeezes else 0,
        skips=skips,
    )
    return block, at + 1


def _plain(step: _Step) -> Layer:
    match step.kind:
        case "pool":
            return PoolLayer(in_size=step.in_size, channels=step.in_channels)
        case "linear":
            return LinearLayer(in_features=step.in_channels, out_features=step.out_channels)
    return ConvLayer(
        in_size=step.in_size,
        in_channels=step.in_channels,
        out_channels=step.out_channels,
        kernel_size=step.kernel_size,
        stride=step.stride,
        activation="hardswish" if step.hardswish else "relu",
    )


def _pointwise(size: int, in_channels: int, out_channels: int, activation: Activation) -> ConvLayer:
    return ConvLayer(
        in_size=size,
        in_channels=in_channels,
        out_channels=out_channels,
        kernel_size=1,
        stride=1,
        activation=activation,
    )
