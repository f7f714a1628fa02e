"""What a supernet can become: archs, the space that holds them, what each costs. No torch."""

from ofa.space.arch import Arch, Block
from ofa.space.cost import (
    AnyLayer,
    AnyNetwork,
    activation_bytes,
    kept_by,
    macs,
    on_grid,
    params,
    weight_bytes,
)
from ofa.space.costs import COSTS, Cost
from ofa.space.encoding import Encoding
from ofa.space.families import (
    AnyArch,
    AnyCostTable,
    AnyEncoding,
    AnySpace,
    check_arch,
    cost_table,
    encoding_of,
    genotypes_of,
    network,
)
from ofa.space.genes import Genotypes
from ofa.space.layers import (
    ConvLayer,
    Layer,
    LinearLayer,
    MBConvLayer,
    Network,
    PoolLayer,
    make_divisible,
    mid_channels,
    squeeze_channels,
)
from ofa.space.presets import FAMILIES, RESNET_FAMILIES, mobilenet_v3, proxyless
from ofa.space.resnet import (
    BottleneckLayer,
    MaxPoolLayer,
    ResNetArch,
    ResNetLayer,
    ResNetNetwork,
    ResNetSpace,
    ResNetStage,
    StageChoice,
    StemChoice,
    resnet_network,
)
from ofa.space.resnet_encoding import ResNetEncoding
from ofa.space.resnet_table import ResNetCostTable, resnet_cost_table
from ofa.space.search_space import Activation, FirstBlock, Head, SearchSpace, Stage, Stem
from ofa.space.summary import NetworkSummary, SpaceSummary, summarize, summarize_space
from ofa.space.table import CostTable

__all__ = [
    "COSTS",
    "FAMILIES",
    "RESNET_FAMILIES",
    "Activation",
    "AnyArch",
    "AnyCostTable",
    "AnyEncoding",
    "AnyLayer",
    "AnyNetwork",
    "AnySpace",
    "Arch",
    "Block",
    "BottleneckLayer",
    "ConvLayer",
    "Cost",
    "CostTable",
    "Encoding",
    "FirstBlock",
    "Genotypes",
    "Head",
    "Layer",
    "LinearLayer",
    "MBConvLayer",
    "MaxPoolLayer",
    "Network",
    "NetworkSummary",
    "PoolLayer",
    "ResNetArch",
    "ResNetCostTable",
    "ResNetEncoding",
    "ResNetLayer",
    "ResNetNetwork",
    "ResNetSpace",
    "ResNetStage",
    "SearchSpace",
    "SpaceSummary",
    "Stage",
    "StageChoice",
    "Stem",
    "StemChoice",
    "activation_bytes",
    "check_arch",
    "cost_table",
    "encoding_of",
    "genotypes_of",
    "kept_by",
    "macs",
    "make_divisible",
    "mid_channels",
    "mobilenet_v3",
    "network",
    "on_grid",
    "params",
    "proxyless",
    "resnet_cost_table",
    "resnet_network",
    "squeeze_channels",
    "summarize",
    "summarize_space",
    "weight_bytes",
]
