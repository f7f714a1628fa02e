"""What depthwise kernels of 3, 5 and 7 cost in each runtime: ``python benchmarks/wide_kernels.py``.

Prints a Markdown table of medians at batch 1 on one thread, of the largest subnet of the shipped
space with one kernel size throughout; run it on an idle machine. ``whole`` is what comes of a 7 x 7
that nobody wrote as a sum.
"""

from dataclasses import replace
from unittest import mock

import numpy as np

from ofa.latency.engines import engine_of
from ofa.opened import find_checkpoint, open_supernet
from ofa.runtime import RUNTIMES, EngineFiles, measure_ms
from ofa.space import AnyNetwork, Arch, network

RUNNING_HERE = ("onnxruntime", "openvino", "ncnn", "tflite", "executorch")
BY_XNNPACK = ("tflite", "executorch")
SIZES = 3, 5, 7
REPEATS = 100


def main() -> None:
    """Measure and print."""
    space = open_supernet(find_checkpoint("fashion_mnist"))[1].space
    largest = space.largest()
    assert isinstance(largest, Arch)
    nets = [network(space, _with_kernels(largest, size)) for size in SIZES]
    print("| runtime | 3 x 3, ms | 5 x 5, ms | 7 x 7, ms | 7 x 7 whole, ms |")
    print("|---|---|---|---|---|")
    for name in (name for name in RUNNING_HERE if RUNTIMES[name].available()):
        engines = [engine_of(net, runtime=name) for net in nets]
        if name in BY_XNNPACK:
            with mock.patch("ofa.runtime.xnnpack.narrowed", lambda net: net):
                engines.append(engine_of(nets[-1], runtime=name))
        cells = [f"{ms:.3f}" for ms in _medians_ms(name, engines, nets[0])]
        print(f"| {name} | {' | '.join([*cells, '–'][:4])} |", flush=True)


def _with_kernels(arch: Arch, size: int) -> Arch:
    stages = tuple(
        tuple(replace(block, kernel_size=size) for block in stage) for stage in arch.stages
    )
    return replace(arch, stages=stages)


def _medians_ms(runtime: str, engines: list[EngineFiles], net: AnyNetwork) -> list[float]:
    image = np.zeros((1, net.in_channels, net.resolution, net.resolution), np.uint8)
    sessions = [RUNTIMES[runtime].load(engine) for engine in engines]
    runs = [lambda session=session: session.run(image) for session in sessions]
    return [timing.median_ms for timing in measure_ms(runs, warmup=10, repeats=REPEATS)]


if __name__ == "__main__":
    main()
