"""Names and shapes of the reference's tensors, in its order."""

import zlib

import pytest
from reference.fill import GOLDEN, shapes_of

from ofa.reference.keys import subnet_keys, supernet_keys
from ofa.space import FAMILIES, network


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_a_supernet_has_the_names_shapes_and_order_of_the_reference(family):
    golden = GOLDEN["families"][family]

    shapes = shapes_of(FAMILIES[family]())

    assert len(shapes) == golden["keys"]
    assert _checksum(shapes) == golden["keys_crc32"]


@pytest.mark.parametrize("family", sorted(FAMILIES))
@pytest.mark.parametrize("corner", ["max", "min"])
def test_a_static_network_has_the_names_shapes_and_order_of_the_reference(family, corner):
    space = FAMILIES[family]()
    arch = space.largest() if corner == "max" else space.smallest()

    shapes = shapes_of(space, network(space, arch))

    assert _checksum(shapes) == GOLDEN["families"][family]["subnet_keys_crc32"][corner]


def test_blocks_take_the_numbers_that_the_file_gives_them():
    space = FAMILIES["ofa_mbv3_w1.0"]()
    net = network(space, space.smallest())
    positions = (1, 2, 5, 6, 9, 10, 13, 14, 17, 18)

    keys = subnet_keys(net, positions=positions)

    assert keys["blocks.5.conv.point_linear.conv.weight"] == "stages.1.0.project.weight"
    assert keys["blocks.18.conv.point_linear.conv.weight"] == "stages.4.1.project.weight"


def test_every_tensor_of_a_supernet_has_one_name_in_the_reference():
    keys = supernet_keys(FAMILIES["ofa_proxyless_w1.3"]())

    assert len(set(keys.values())) == len(keys)


def _checksum(shapes):
    return zlib.crc32("\n".join(f"{name} {shape}" for name, shape in shapes.items()).encode())
