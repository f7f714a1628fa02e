"""The example of docs/own_backbone.md, run as it stands."""

import re
from pathlib import Path

import pytest
import torch

PAGE = Path(__file__).parents[2] / "docs" / "own_backbone.md"


@pytest.fixture(scope="module")
def example():
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), flags=re.DOTALL)
    names = {"__name__": "own_backbone"}
    exec(compile(code, str(PAGE), "exec"), names)
    return names, code


def test_the_example_is_under_sixty_lines(example):
    _, code = example

    assert len(code.splitlines()) < 60


def test_subnets_of_the_example_learn_on_shared_weights(example):
    names, _ = example
    torch.manual_seed(0)
    supernet = names["TinySupernet"]()
    optimizer = torch.optim.SGD(supernet.parameters(), lr=0.1, momentum=0.9)
    labels = torch.arange(64) % 10
    images = torch.randn(64, 1, 12, 12) * 0.3
    images[torch.arange(64), 0, labels, :] += 3.0  # each class is one bright row
    smallest = names["TinyArch"](width=8, kernel_size=3, depth=1)

    for _ in range(60):
        names["train_step"](supernet, optimizer, images, labels)

    assert (supernet(images, smallest).argmax(1) == labels).float().mean() > 0.6


def test_a_subnet_of_the_example_uses_only_its_slice(example):
    names, _ = example
    supernet = names["TinySupernet"]().eval()
    images, arch = torch.randn(2, 1, 12, 12), names["TinyArch"](width=8, kernel_size=3, depth=1)
    before = supernet(images, arch)

    with torch.no_grad():
        supernet.stem.weight[8:] = 9
        supernet.classifier.weight[:, 8:] = 9
        supernet.blocks[0].pointwise.weight[8:] = 9
        supernet.blocks[1].pointwise.weight[:] = 9

    torch.testing.assert_close(supernet(images, arch), before, rtol=0, atol=0)
