from dataclasses import replace
from pathlib import Path

import pytest
import torch

from ofa.errors import BadArtifact
from ofa.space import SearchSpace
from ofa.supernets import build_supernet
from ofa.train import warm_start_

FILE = Path("weights")


def test_tensors_of_equal_shape_are_taken_and_the_others_listed(tiny_space):
    given = build_supernet(replace(tiny_space, num_classes=7)).state_dict()
    supernet = build_supernet(tiny_space)

    start = warm_start_(supernet, given, where=FILE)

    assert torch.equal(supernet.stem.conv.weight, given["stem.conv.weight"])
    assert [name.split(" (")[0] for name in start.left] == ["classifier.weight", "classifier.bias"]
    assert "(7, 48) given, (4, 48) needed" in start.left[0]


def test_torchvision_blocks_find_their_place():
    from torchvision.models import mobilenet_v3_large

    given = mobilenet_v3_large(weights=None).state_dict()
    supernet = build_supernet(SearchSpace())

    start = warm_start_(supernet, given, where=FILE)

    assert torch.equal(supernet.head.conv.weight, given["features.16.0.weight"])
    assert torch.equal(supernet.classifier.weight, given["classifier.3.weight"])
    # torchvision's widest blocks have 6 times 160 channels, as ours.
    assert torch.equal(supernet.stages[4][1].expand.weight, given["features.14.block.0.0.weight"])
    gate = supernet.stages[4][1].squeeze_excite.reduce.weight
    assert torch.equal(gate, given["features.14.block.2.fc1.weight"])
    assert len(start.taken) + len(start.left) == len(supernet.state_dict())


def test_weights_that_fit_nowhere_are_refused(tiny_space):
    with pytest.raises(BadArtifact, match="weights: no tensor fits the space"):
        warm_start_(build_supernet(tiny_space), {"other": torch.zeros(1)}, where=FILE)
