"""Time extraction and forward passes of the reference families: ``python tools/time_families.py``.

The extracted net is compared with torchvision's own MobileNetV3, built of the same widths, kernel
sizes and squeeze-excite layers. One thread, batch 1, 224 px, medians over interleaved rounds; run
it on an idle machine.
"""

import torch
from torch import nn
from torchvision.models.mobilenetv3 import InvertedResidualConfig, MobileNetV3

from ofa.runtime import measure_ms
from ofa.space import FAMILIES, RESNET_FAMILIES, Network, network
from ofa.subnet import extract
from ofa.supernets import build_supernet


def torchvision_twin(net: Network) -> nn.Module:
    """Torchvision's MobileNetV3 with the blocks of a network."""
    assert net.feature is not None
    blocks = [
        InvertedResidualConfig(
            input_channels=block.in_channels,
            kernel=block.kernel_size,
            expanded_channels=block.mid_channels,
            out_channels=block.out_channels,
            use_se=block.se_channels > 0,
            activation="HS" if block.activation == "hardswish" else "RE",
            stride=block.stride,
            dilation=1,
            width_mult=1.0,
        )
        for block in net.blocks
    ]
    return MobileNetV3(blocks, last_channel=net.feature.out_channels)


def main() -> None:
    """Measure and print, family by family."""
    torch.set_num_threads(1)
    images = torch.zeros(1, 3, 224, 224)
    print("| family, largest subnet | extraction, ms | supernet, ms | extracted, ms |", end="")
    print(" torchvision, ms | supernet / extracted | extracted / torchvision |")
    print("|---|---|---|---|---|---|---|")
    for name, make_space in (FAMILIES | RESNET_FAMILIES).items():
        space = make_space()
        supernet, arch = build_supernet(space).eval(), space.largest()
        net, layers = extract(supernet, space, arch), network(space, arch)
        runs = [
            lambda: extract(supernet, space, arch),  # noqa: B023
            lambda: supernet(images, arch),  # noqa: B023
            lambda: net(images),  # noqa: B023
        ]
        if space.family == "mobilenet_v3":
            assert isinstance(layers, Network)
            twin = torchvision_twin(layers).eval()
            runs.append(lambda: twin(images))  # noqa: B023
        with torch.inference_mode():
            timings = measure_ms(runs, warmup=3, repeats=20)
        cut, elastic, static, *others = (timing.median_ms for timing in timings)
        foreign, ratio = (f"{others[0]:.1f}", f"{static / others[0]:.2f}") if others else ("", "")
        print(
            f"| {name} | {cut:.1f} | {elastic:.1f} | {static:.1f} | {foreign} "
            f"| {elastic / static:.2f} | {ratio} |"
        )


if __name__ == "__main__":
    main()
