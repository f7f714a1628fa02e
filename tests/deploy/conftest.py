"""One deployed subnet, small and seeded: its network, its engine, and the facts about it."""

import numpy as np
import pytest
import torch
from torch import nn

from ofa.deploy import (
    Attempt,
    Cost,
    FrontPicture,
    FrontPoint,
    Input,
    InputFile,
    Ladder,
    Latency,
    LayerTime,
    Manifest,
    Origin,
    ReportData,
    Rung,
    ShippedEngine,
    Target,
    Top1,
    class_accuracies,
)
from ofa.deploy.manifest import resize_steps
from ofa.runtime.onnx_export import export_onnx
from ofa.space import (
    Arch,
    Block,
    FirstBlock,
    Head,
    SearchSpace,
    Stage,
    Stem,
    activation_bytes,
    macs,
    network,
    params,
)
from ofa.subnet import StaticNet

SPACE = SearchSpace(
    in_channels=1,
    num_classes=3,
    resolutions=(12, 16),
    kernel_sizes=(3, 5),
    expand_ratios=(2, 3),
    depths=(1, 2),
    stem=Stem(width=8, stride=1),
    first_block=FirstBlock(width=8, stride=2),
    stages=(Stage(width=16), Stage(width=24, activation="hardswish", squeeze_excite=True)),
    head=Head(expand_width=32, feature_width=0),
)
CLASSES = ("coat", "shirt & tie", "boot")
MEAN, STD = (0.3,), (0.35,)


@pytest.fixture(scope="session")
def arch():
    stages = (
        (Block(kernel_size=5, expand_ratio=3),),
        (Block(kernel_size=3, expand_ratio=2), Block(kernel_size=5, expand_ratio=2)),
    )
    return Arch(resolution=16, stages=stages)


@pytest.fixture(scope="session")
def net(arch):
    generator = torch.Generator().manual_seed(0)
    net = StaticNet(network(SPACE, arch))
    for parameter in net.parameters():
        nn.init.normal_(parameter, std=0.3, generator=generator)
    return net.eval()


@pytest.fixture(scope="session")
def engine(net, arch):
    return export_onnx(net, in_channels=1, resolution=arch.resolution, mean=MEAN, std=STD)


@pytest.fixture(scope="session")
def images(arch):
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (20, 1, arch.resolution, arch.resolution), dtype=np.uint8)


@pytest.fixture
def manifest(arch, engine):
    layers = network(SPACE, arch)
    return Manifest(
        arch=arch,
        space=SPACE,
        classes=CLASSES,
        input=Input(
            type="uint8",
            channels=1,
            resolution=arch.resolution,
            mean=MEAN,
            std=STD,
            resize=resize_steps(SPACE, arch.resolution),
        ),
        target=Target(
            id="phone",
            hardware="Phone <One>, Chip 821, cpu",
            runtime="tflite",
            precision="fp32",
            threads=1,
            batch=1,
        ),
        budget_ms=8.0,
        budget_origin="asked",
        attempts=(Attempt(searched_ms=8.0, estimated_ms=7.61, measured_ms=None),),
        top1=Top1(
            predicted=94.21,
            predicted_rmse=0.18,
            search=94.05,
            num_search_images=10_000,
            test=93.87,
            num_test_images=10_000,
            counted_by="onnxruntime-fp32",
        ),
        estimated=Latency(
            latency_ms=7.61,
            low_ms=6.9,
            high_ms=7.9,
            interval="90 % interval",
            label="calibrated",
            machine="Phone <One>",
        ),
        measured=None,
        measured_at_build=None,
        timed_at_build=None,
        cost=Cost(
            macs=macs(layers),
            params=params(layers),
            activation_bytes=activation_bytes(layers),
            engine_bytes=len(engine),
        ),
        engine="onnxruntime-fp32",
        engines=(
            ShippedEngine(
                name="onnxruntime-fp32",
                runtime="onnxruntime",
                version="1.32.0",
                precision="fp32",
                capability=None,
                files=("engine.onnx",),
                num_bytes=len(engine),
                top1=93.87,
                here=None,
                load='onnxruntime.InferenceSession("engine.onnx")',
            ),
        ),
        calibration=None,
        ladder=Ladder(
            rungs=(
                Rung(
                    name="subnet to onnxruntime-fp32",
                    precision="fp32",
                    max_abs_error=2e-6,
                    num_images=10_000,
                    num_top1_differing=0,
                    top1=93.87,
                    top1_drop=0.0,
                ),
            )
        ),
        supernet_sha256="ab" * 32,
        data_sha256={"test": "cd" * 32},
        request="ef" * 32,
    )


@pytest.fixture
def report_data(manifest):
    return ReportData(
        manifest=manifest,
        origin=Origin(
            made_by={"command": "ofa deploy <x>", "ofa": "0.1.0", "commit": None},
            inputs={"supernet": InputFile(file="supernet.safetensors", sha256="ab" * 32)},
        ),
        picture=FrontPicture(
            front=(
                FrontPoint(latency_ms=4.0, top1=92.5),
                FrontPoint(latency_ms=7.61, top1=94.21),
                FrontPoint(latency_ms=11.0, top1=94.6),
            ),
            random_front=(FrontPoint(latency_ms=8.0, top1=93.5),),
            uniform=(FrontPoint(latency_ms=9.0, top1=93.0),),
            candidates=(
                FrontPoint(latency_ms=7.61, top1=94.05),
                FrontPoint(latency_ms=7.4, top1=94.0),
            ),
            samples=(FrontPoint(latency_ms=6.5, top1=92.9), FrontPoint(latency_ms=9.5, top1=93.8)),
            chosen=FrontPoint(latency_ms=7.61, top1=94.05),
            low_ms=6.9,
            high_ms=7.9,
            budget_ms=8.0,
            machine="Phone <One>",
        ),
        classes=class_accuracies(
            np.array([0, 0, 0, 1, 1, 1, 1, 2]), np.array([0, 0, 1, 1, 0, 0, 2, 2]), CLASSES
        ),
        layers=(
            LayerTime(name="stem", latency_ms=2.0),
            LayerTime(name="stage 1, block 1", latency_ms=5.61),
        ),
    )
