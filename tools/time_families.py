"""Time extraction and forward passes of the reference families: ``python tools/time_families.py``.

One thread, batch 1, 224 px, medians over interleaved rounds; run it on an idle machine.
"""

import torch

from ofa.runtime import measure_ms
from ofa.space import FAMILIES
from ofa.subnet import extract
from ofa.supernets import build_supernet


def main() -> None:
    """Measure and print, family by family."""
    torch.set_num_threads(1)
    images = torch.zeros(1, 3, 224, 224)
    print("| family, largest subnet | extraction, ms | supernet, ms | extracted, ms | ratio |")
    print("|---|---|---|---|---|")
    for name, make_space in FAMILIES.items():
        space = make_space()
        supernet, arch = build_supernet(space).eval(), space.largest()
        net = extract(supernet, space, arch)
        with torch.inference_mode():
            cut, elastic, static = measure_ms(
                [
                    lambda: extract(supernet, space, arch),  # noqa: B023
                    lambda: supernet(images, arch),  # noqa: B023
                    lambda: net(images),  # noqa: B023
                ],
                warmup=3,
                repeats=30,
            )
        print(
            f"| {name} | {cut.median_ms:.1f} | {elastic.median_ms:.1f} | {static.median_ms:.1f} "
            f"| {elastic.median_ms / static.median_ms:.2f} |"
        )


if __name__ == "__main__":
    main()
