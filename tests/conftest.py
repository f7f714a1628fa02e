"""Settings of the whole suite."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import settings
from PIL import Image
from typechecker import begin_test

from ofa.space import FirstBlock, Head, SearchSpace, Stage, Stem

if TYPE_CHECKING:
    from torch import nn

# The same examples on every run: a failure on one machine can be repeated on another.
settings.register_profile("suite", derandomize=True, deadline=None, database=None)
settings.load_profile("suite")


@pytest.fixture(autouse=True)
def checked_types() -> None:
    """Within every test the first calls of every function are checked."""
    begin_test()


@pytest.fixture
def tiny_space() -> SearchSpace:
    """A space small enough to train in a test: 2 stages, 3 channels, 2 * 30**2 subnets."""
    return SearchSpace(
        num_classes=4,
        resolutions=(12, 16),
        kernel_sizes=(3, 5),
        expand_ratios=(2, 3, 4),
        depths=(1, 2),
        stem=Stem(width=8, stride=1),
        first_block=FirstBlock(width=8, stride=1),
        stages=(
            Stage(width=16, stride=2),
            Stage(width=24, stride=2, activation="hardswish", squeeze_excite=True),
        ),
        head=Head(expand_width=48, feature_width=0),
    )


@pytest.fixture
def supernet(tiny_space: SearchSpace) -> "nn.Module":
    """An untrained supernet of ``tiny_space`` with tensors away from their initial values."""
    import torch

    from ofa.supernets import build_supernet

    generator = torch.Generator().manual_seed(0)
    net = build_supernet(tiny_space)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter += 0.1 * torch.randn(parameter.shape, generator=generator)
        for name, buffer in net.named_buffers():
            if "running" in name:
                buffer += 0.2 * torch.rand(buffer.shape, generator=generator)
    return net.eval()


@pytest.fixture(scope="session")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint with measured subnets and a predictor, on which every command takes a second."""
    from benchmarks.tiny_journey import write_checkpoint
    from ofa import pipeline

    folder = tmp_path_factory.mktemp("fitted")
    write_checkpoint(folder, num_measured=60)
    pipeline.fit_predictor(checkpoint=str(folder))
    return folder


@pytest.fixture(scope="module")
def striped_images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of two classes told apart by the direction of their stripes."""
    root = tmp_path_factory.mktemp("images")
    rng = np.random.default_rng(0)
    for part, count in (("train", 110), ("test", 40)):
        for name in ("rows", "columns"):
            folder = root / part / name
            folder.mkdir(parents=True)
            for index in range(count):
                pixels = rng.integers(0, 220, (32, 32, 3), dtype=np.uint8)
                stripes = slice(int(rng.integers(4)), None, 4)
                pixels[(stripes, slice(None)) if name == "rows" else (slice(None), stripes)] += 35
                Image.fromarray(pixels).save(folder / f"{index}.png")
    return root


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip tests marked ``gpu`` where there is none."""
    on_gpu = [item for item in items if item.get_closest_marker("gpu")]
    if not on_gpu:
        return
    import torch

    if not torch.cuda.is_available():
        for item in on_gpu:
            item.add_marker(pytest.mark.skip(reason="needs a CUDA device"))
