"""Figures of a space, for reading."""

from ofa.space import (
    SearchSpace,
    activation_bytes,
    macs,
    network,
    params,
    summarize,
    summarize_space,
)

SPACE = SearchSpace()


def test_rows_add_up_to_the_network():
    net = network(SPACE, SPACE.smallest())

    summary = summarize(SPACE, SPACE.smallest())

    assert sum(row.macs for row in summary.layers) == summary.macs == macs(net)
    assert sum(row.params for row in summary.layers) == summary.params == params(net)
    assert summary.activation_bytes == activation_bytes(net)
    assert len(summary.layers) == len(net.layers)


def test_a_space_is_told_by_its_size_and_its_corners():
    text = str(summarize_space(SPACE))

    assert text.startswith("mobilenet_v3 space of 8.7e+19 subnets")
    assert "smallest  41.48 M MACs" in text
    assert "largest   566.17 M MACs, 7.66 M parameters" in text
    assert "stages.1.0" in text and "24>144>40" in text and "se40" in text
