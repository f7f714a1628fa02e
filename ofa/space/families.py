"""Where the families meet: one name for what every room does with either kind of space.

Inverted-residual and bottleneck networks differ in what is elastic, so each has a space, archs, an
encoding and a layer arithmetic of its own. A room that only passes them on calls these functions
and need not know which kind it holds. A new kind is one branch in each.
"""

from collections.abc import Callable, Sequence
from typing import Any, Literal, overload

from ofa.errors import IllegalArch
from ofa.space import layers, table
from ofa.space.arch import Arch
from ofa.space.cost import AnyNetwork
from ofa.space.encoding import Encoding
from ofa.space.genes import Genotypes
from ofa.space.layers import Network
from ofa.space.resnet import ResNetArch, ResNetNetwork, ResNetSpace, resnet_network
from ofa.space.resnet_encoding import ResNetEncoding
from ofa.space.resnet_table import ResNetCostTable, resnet_cost_table
from ofa.space.search_space import SearchSpace
from ofa.space.table import CostTable

AnySpace = SearchSpace | ResNetSpace
AnyArch = Arch | ResNetArch
AnyEncoding = Encoding | ResNetEncoding
AnyCostTable = CostTable | ResNetCostTable


@overload
def encoding_of(space: SearchSpace) -> Encoding: ...
@overload
def encoding_of(space: ResNetSpace) -> ResNetEncoding: ...
def encoding_of(space: AnySpace) -> AnyEncoding:
    """What translates between the archs of a space and genotype matrices."""
    return ResNetEncoding(space) if isinstance(space, ResNetSpace) else Encoding(space)


def genotypes_of(encoding: AnyEncoding, archs: Sequence[AnyArch]) -> Genotypes:
    """The genotype matrix of ``archs``.

    Raises:
        IllegalArch: If the space does not hold one of them.
    """
    for arch in archs:
        _check_kind(encoding.space, arch)
    return encoding.encode(archs)  # type: ignore[arg-type]  # each is of the encoding's kind


def check_arch(space: AnySpace, arch: AnyArch) -> None:
    """Refuse an arch that a space does not hold.

    Raises:
        IllegalArch: Names the gene, its value, and the legal choices.
    """
    _check_kind(space, arch)
    space.check(arch)  # type: ignore[arg-type]


@overload
def network(space: SearchSpace, arch: Arch) -> Network: ...
@overload
def network(space: ResNetSpace, arch: ResNetArch) -> ResNetNetwork: ...
@overload
def network(space: AnySpace, arch: AnyArch) -> AnyNetwork: ...
def network(space: AnySpace, arch: AnyArch) -> AnyNetwork:
    """The layers of ``arch``.

    Raises:
        IllegalArch: If the space does not hold the arch.
    """
    if isinstance(space, ResNetSpace) and isinstance(arch, ResNetArch):
        return resnet_network(space, arch)
    if isinstance(space, SearchSpace) and isinstance(arch, Arch):
        return layers.network(space, arch)
    raise _of_another_kind(space, arch)


@overload
def cost_table(
    encoding: Encoding,
    layer_cost: Callable[..., float],
    *,
    constant: float = 0.0,
    reduce: Literal["sum", "max"] = "sum",
) -> CostTable: ...
@overload
def cost_table(
    encoding: ResNetEncoding,
    layer_cost: Callable[..., float],
    *,
    constant: float = 0.0,
    reduce: Literal["sum", "max"] = "sum",
) -> ResNetCostTable: ...
def cost_table(
    encoding: AnyEncoding, layer_cost: Callable[..., float], **settings: Any
) -> AnyCostTable:
    """Tabulate ``layer_cost`` over every layer of a space.

    Args:
        layer_cost: Cost of one layer, e.g. ``macs`` or a latency model's milliseconds.
        constant: Cost of a network beyond its layers.
        reduce: How layer costs combine into the cost of a network.
    """
    if isinstance(encoding, ResNetEncoding):
        return resnet_cost_table(encoding, layer_cost, **settings)
    return table.cost_table(encoding, layer_cost, **settings)


def _check_kind(space: AnySpace, arch: AnyArch) -> None:
    if isinstance(space, ResNetSpace) != isinstance(arch, ResNetArch):
        raise _of_another_kind(space, arch)


def _of_another_kind(space: AnySpace, arch: AnyArch) -> IllegalArch:
    return IllegalArch(
        f"arch {arch.describe()!r} is of another kind than those of a {space.family} space; give "
        "the space it was made for"
    )
