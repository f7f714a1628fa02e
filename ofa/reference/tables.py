"""The reference project's latency tables: one measured layer an entry, in two grammars.

Both name a layer by its sizes. The ``note10`` grammar gives middle channels, squeeze-excite and
hard swish, and has one table an input size; the ``pixel1`` grammar gives the expand ratio, and its
last entry holds pooling and classifier together. A network takes the sum of its entries. A layer
without entry is reported; nothing is guessed in its place.

Source: mit-han-lab/once-for-all @ f03b267, ``ofa/tutorial/latency_table.py`` and
``ofa/nas/efficiency_predictor/latency_lookup_table.py``; tables of han-cai/files @ a7c9bcd.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from ofa import artifacts
from ofa.errors import BadArtifact, UnmeasuredLayer
from ofa.space import (
    ConvLayer,
    CostTable,
    Encoding,
    Layer,
    LinearLayer,
    MBConvLayer,
    Network,
    PoolLayer,
    cost_table,
    on_grid,
)

Grammar = Literal["note10", "pixel1"]


@dataclass(frozen=True, kw_only=True)
class LayerTable:
    """Measured layers of one device.

    Attributes:
        grammar: How a layer is spelled.
        layer_ms: Measured latency of each layer, by input size of the network, px, then by
            spelling.
    """

    grammar: Grammar
    layer_ms: Mapping[int, Mapping[str, float]]

    def latency_ms(self, net: Network) -> float:
        """Latency of a network: the sum of its layers.

        Raises:
            UnmeasuredLayer: If layers of the network have no entry; gives their count and the
                first.
        """
        if missing := self.missing(net):
            raise UnmeasuredLayer(
                f"the latency table lacks {len(missing)} of {len(net.layers)} layers at "
                f"{net.stem.in_size} px, first {missing[0]}; measure them, or choose a space "
                f"within the table ({self._extent})"
            )
        entries = self.layer_ms[net.stem.in_size]
        return sum(on_grid(entries[key]) for key in self._keys(net.layers))

    def missing(self, net: Network) -> list[str]:
        """Layers of a network that have no entry, as the table would spell them."""
        entries = self.layer_ms.get(net.stem.in_size, {})
        return [key for key in self._keys(net.layers) if key not in entries]

    def table(self, encoding: Encoding) -> CostTable:
        """Latency over a whole space, ms.

        Raises:
            UnmeasuredLayer: If the space holds layers that have no entry; gives count and first.
        """
        space = encoding.space
        missing: dict[str, None] = {}
        parts = []
        for resolution in space.resolutions:
            entries = self.layer_ms.get(resolution, {})

            def cost(layer: Layer, entries: Mapping[str, float] = entries) -> float:
                key = layer_key(layer, self.grammar)
                if key is None:
                    return 0.0
                if key not in entries:
                    missing[key] = None
                return entries.get(key, 0.0)

            parts.append(cost_table(Encoding(replace(space, resolutions=(resolution,))), cost))
        if missing:
            raise UnmeasuredLayer(
                f"the latency table lacks {len(missing)} layers of the space, "
                f"first {next(iter(missing))}; measure them, or narrow the space to the table "
                f"({self._extent})"
            )
        return CostTable(
            encoding=encoding,
            fixed=np.concatenate([part.fixed for part in parts]),
            slots=np.concatenate([part.slots for part in parts], axis=1),
        )

    @property
    def _extent(self) -> str:
        counts = ", ".join(
            f"{len(entries)} at {size} px" for size, entries in self.layer_ms.items()
        )
        return f"{self.grammar} grammar, {counts}"

    def _keys(self, layers: Iterable[Layer]) -> list[str]:
        return [key for layer in layers if (key := layer_key(layer, self.grammar)) is not None]


def read_table(paths: Mapping[int, Path]) -> LayerTable:
    """A latency table of the reference project.

    Args:
        paths: YAML file of each input size, px.

    Raises:
        BadArtifact: If a file is missing, malformed, or of another grammar than the others.
    """
    grammars: dict[Grammar, Path] = {}
    layer_ms: dict[int, dict[str, float]] = {}
    for size, path in paths.items():
        entries = artifacts.read_yaml(path)
        grammars["note10" if any("-hs:" in str(key) for key in entries) else "pixel1"] = path
        layer_ms[size] = {
            str(key): _mean_ms(entry, f"{path}: {key}") for key, entry in entries.items()
        }
    if len(grammars) != 1:
        raise BadArtifact(
            f"{' and '.join(map(str, grammars.values()))} are of different grammars; "
            "read them apart"
        )
    return LayerTable(grammar=next(iter(grammars)), layer_ms=layer_ms)


def write_table(path: Path, table: LayerTable, *, inputs: Mapping[str, Path]) -> None:
    """Write a table in this project's format, with the hashes of the files it came from."""
    entries = {str(size): dict(entries) for size, entries in table.layer_ms.items()}
    body = {"grammar": table.grammar, "layer_ms": entries}
    artifacts.write_json(path, body, schema="ofa.layer_table", inputs=inputs)


def read_imported_table(path: Path) -> LayerTable:
    """A table in this project's format.

    Raises:
        BadArtifact: If the file is missing, corrupt, or holds something else.
    """
    body = artifacts.read_json(path, schema="ofa.layer_table")
    fields = {key: body[key] for key in ("grammar", "layer_ms") if key in body}
    return artifacts.parse(LayerTable, fields, where=str(path))


def layer_key(layer: Layer, grammar: Grammar) -> str | None:
    """A layer as a table spells it; ``None`` for a layer that the grammar counts with another."""
    match layer:
        case MBConvLayer():
            return _block_key(layer, grammar)
        case ConvLayer():
            name = "Conv" if layer.kernel_size > 1 else "Conv_2" if layer.in_size == 1 else "Conv_1"
            return f"{name}-{_input(layer)}-{_output(layer)}"
        case PoolLayer():
            shape = f"input:{layer.in_size}x{layer.in_size}x{layer.channels}"
            return f"AvgPool2D-{shape}-output:1x1x{layer.channels}" if grammar == "note10" else None
        case LinearLayer():
            # The pixel1 tables name the map before pooling, 7x7 in the one size they hold.
            map_size = 1 if grammar == "note10" else 7
            shape = f"input:{map_size}x{map_size}x{layer.in_features}"
            return f"Logits-{shape}-output:{layer.out_features}"


def _block_key(layer: MBConvLayer, grammar: Grammar) -> str:
    shape = f"{_input(layer)}-{_output(layer)}"
    steps = f"kernel:{layer.kernel_size}-stride:{layer.stride}-idskip:{int(layer.skip)}"
    if grammar == "pixel1":
        return f"expanded_conv-{shape}-expand:{layer.mid_channels / layer.in_channels:g}-{steps}"
    flags = f"se:{int(layer.se_channels > 0)}-hs:{int(layer.activation == 'hardswish')}"
    return f"expanded_conv-{shape}-expand:{layer.mid_channels}-{steps}-{flags}"


def _input(layer: ConvLayer | MBConvLayer) -> str:
    return f"input:{layer.in_size}x{layer.in_size}x{layer.in_channels}"


def _output(layer: ConvLayer | MBConvLayer) -> str:
    return f"output:{layer.out_size}x{layer.out_size}x{layer.out_channels}"


def _mean_ms(entry: object, where: str) -> float:
    mean = entry.get("mean") if isinstance(entry, Mapping) else None
    if not isinstance(mean, int | float) or isinstance(mean, bool) or not 0 < mean < 1e6:
        raise BadArtifact(f"{where}: has no mean latency in ms above 0; copy the table again")
    return float(mean)
