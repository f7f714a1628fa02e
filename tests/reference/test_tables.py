"""Latency tables of the reference, in both grammars."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from reference.fill import GOLDEN

from ofa.errors import BadArtifact, UnmeasuredLayer
from ofa.reference.tables import (
    LayerTable,
    layer_key,
    read_imported_table,
    read_table,
    write_table,
)
from ofa.space import FAMILIES, Arch, Block, Encoding, network, proxyless
from ofa.space.search_space import Stage

PIXEL1 = dict(zip(GOLDEN["pixel1"]["keys"], GOLDEN["pixel1"]["means"], strict=True))
MEASURED = {key: mean for key, mean in PIXEL1.items() if mean is not None}


def _proxyless_mobile():
    """The network that ProxylessNAS publishes for the Pixel 1, block by block."""
    kernels = [[5, 3], [7, 3, 5, 5], [7, 5, 5, 5], [5, 5, 5, 5], [7, 7, 7, 7], [7]]
    ratios = [[3, 3], [3, 3, 3, 3], [6, 3, 3, 3], [6, 3, 3, 3], [6, 6, 3, 3], [6]]
    stages = tuple(
        tuple(Block(kernel_size=k, expand_ratio=e) for k, e in zip(ks, es, strict=True))
        for ks, es in zip(kernels, ratios, strict=True)
    )
    space = proxyless(width=1.0)
    first = Stage(width=32, stride=2, activation="relu6")
    space = replace(space, stages=(first, *space.stages[1:]))
    return space, Arch(resolution=224, stages=stages)


def test_layers_are_spelled_as_in_the_pixel1_table():
    net = network(*_proxyless_mobile())

    keys = [key for layer in net.layers if (key := layer_key(layer, "pixel1"))]

    assert keys == GOLDEN["pixel1"]["keys"]


def test_layers_are_spelled_as_in_the_note10_table():
    space = FAMILIES["ofa_mbv3_w1.2"]()
    net = network(space, replace(space.smallest(), resolution=160))

    keys = [layer_key(layer, "note10") for layer in net.layers]

    first = "input:80x80x24-output:80x80x24-expand:24-kernel:3-stride:1-idskip:1-se:0-hs:0"
    assert keys[0] == "Conv-input:160x160x3-output:80x80x24"
    assert keys[1] == f"expanded_conv-{first}"
    assert keys[-4:] == [
        "Conv_1-input:5x5x192-output:5x5x1152",
        "AvgPool2D-input:5x5x1152-output:1x1x1152",
        "Conv_2-input:1x1x1152-output:1x1x1536",
        "Logits-input:1x1x1536-output:1000",
    ]


def test_a_network_with_unmeasured_layers_is_reported_with_their_count():
    space, arch = _proxyless_mobile()
    table = LayerTable(grammar="pixel1", layer_ms={224: MEASURED})

    assert table.missing(network(space, arch)) == [key for key in PIXEL1 if key not in MEASURED]
    with pytest.raises(
        UnmeasuredLayer, match=r"lacks 3 of 24 layers at 224 px, first expanded_conv"
    ):
        table.latency_ms(network(space, arch))
    with pytest.raises(UnmeasuredLayer, match=r"lacks 23 of 24 layers at 192 px"):
        table.latency_ms(network(space, replace(arch, resolution=192)))
    with pytest.raises(UnmeasuredLayer, match=r"lacks \d+ layers of the space, first"):
        table.table(Encoding(replace(space, resolutions=(224,))))


def test_a_network_takes_the_sum_of_its_layers():
    space, arch = _proxyless_mobile()
    net = network(space, arch)
    table = LayerTable(
        grammar="pixel1", layer_ms={224: {key: PIXEL1[key] or 5.0 for key in PIXEL1}}
    )

    assert table.latency_ms(net) == pytest.approx(
        sum(PIXEL1[key] or 5.0 for key in GOLDEN["pixel1"]["keys"]), abs=1e-9
    )


def test_a_table_over_a_space_agrees_with_every_network_at_every_size():
    space = replace(
        FAMILIES["ofa_mbv3_w1.2"](), resolutions=(160, 224), kernel_sizes=(3,), expand_ratios=(3, 6)
    )
    encoding = Encoding(space)
    genotypes = encoding.sample(40, np.random.default_rng(0))
    nets = [network(space, arch) for arch in encoding.decode(genotypes)]
    layer_ms = {size: {} for size in space.resolutions}
    for index, net in enumerate(nets):
        for layer in net.layers:
            layer_ms[net.stem.in_size].setdefault(layer_key(layer, "note10"), 1 + index / 7)
    # Every other layer of the space occurs in one of two uniform networks.
    for size, ratio in itertools.product(space.resolutions, space.expand_ratios):
        largest = replace(space, resolutions=(size,), expand_ratios=(ratio,)).largest()
        for layer in network(space, largest).layers:
            layer_ms[size].setdefault(layer_key(layer, "note10"), 2.0)
    table = LayerTable(grammar="note10", layer_ms=layer_ms)

    latencies = table.table(encoding)(genotypes)

    np.testing.assert_allclose(latencies, [table.latency_ms(net) for net in nets], atol=1e-9)


def test_a_file_of_the_reference_survives_import(tmp_path):
    lines = [
        f"{key}:\n  count: 982\n  mean: {mean!r}\n  var: 0.25" for key, mean in MEASURED.items()
    ]
    source = tmp_path / "table.yaml"
    source.write_text("\n".join(lines))

    table = read_table({224: source})
    write_table(tmp_path / "layers.json", table, inputs={"224 px": source})

    assert table == LayerTable(grammar="pixel1", layer_ms={224: MEASURED})
    assert read_imported_table(tmp_path / "layers.json") == table


@pytest.mark.parametrize(
    "entry", ["3.0", "{count: 2}", "{mean: -1.0}", "{mean: yes}", "{mean: .nan}"]
)
def test_an_entry_without_a_mean_latency_is_refused(tmp_path, entry):
    path = tmp_path / "table.yaml"
    path.write_text(f"Conv-input:224x224x3-output:112x112x32: {entry}\n")

    with pytest.raises(BadArtifact, match=r"has no mean latency in ms above 0|holds nan"):
        read_table({224: path})


def test_tables_of_two_grammars_do_not_mix(tmp_path):
    for name, key in (("a.yaml", "x-se:0-hs:1"), ("b.yaml", "x-idskip:1")):
        (tmp_path / name).write_text(f"{key}: {{mean: 1.0}}\n")

    with pytest.raises(BadArtifact, match="different grammars"):
        read_table({160: tmp_path / "a.yaml", 224: tmp_path / "b.yaml"})
