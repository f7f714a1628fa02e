"""Where the milliseconds go: the share of each layer in a network's estimated latency."""

from dataclasses import dataclass

from ofa.latency import LatencyModel
from ofa.space import AnyNetwork, ResNetNetwork


@dataclass(frozen=True, kw_only=True)
class LayerTime:
    """Estimated latency of one layer, or of what no layer owns.

    Attributes:
        name: Layer, e.g. ``stage 2, block 1``.
        latency_ms: Its part of the network's latency.
    """

    name: str
    latency_ms: float


def layer_times(network: AnyNetwork, model: LatencyModel) -> tuple[LayerTime, ...]:
    """The estimate of a network, layer by layer, in order of execution.

    The model is additive, so a layer's part is what the estimate loses without it; what remains
    without any layer is spent on the network as a whole.
    """
    layers = tuple(network.layers)
    whole_ms = model.estimate(layers).latency_ms
    parts = [
        LayerTime(
            name=name,
            latency_ms=whole_ms
            - model.estimate((*layers[:index], *layers[index + 1 :])).latency_ms,
        )
        for index, name in enumerate(_names(network))
    ]
    rest_ms = whole_ms - sum(part.latency_ms for part in parts)
    if rest_ms > 1e-6 * whole_ms:
        parts.append(LayerTime(name="once a run", latency_ms=rest_ms))
    return tuple(parts)


def _names(network: AnyNetwork) -> list[str]:
    blocks = [
        f"stage {i}, block {j}"
        for i, stage in enumerate(network.stages, start=1)
        for j, _ in enumerate(stage, start=1)
    ]
    if isinstance(network, ResNetNetwork):
        residual = ["stem residual"] if network.stem_residual else []
        names = ["stem", *residual, "stem end", "pooling", *blocks, "mean", "classifier"]
    else:
        head = ["head"] if network.head else []
        feature = ["features"] if network.feature else []
        names = ["stem", "first block", *blocks, *head, "mean", *feature, "classifier"]
    assert len(names) == len(network.layers)
    return names
