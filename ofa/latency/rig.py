"""Times networks on this machine with ONNX Runtime: the export and session that are deployed."""

from functools import partial

import numpy as np

from ofa.latency.host import Rig, Run, describe_machine
from ofa.space import AnyNetwork

WARMUP = 3
"""Runs of a network that come before those that count."""
REPEATS = 30
"""Runs of a network that count."""


def onnxruntime_rig(*, threads: int) -> Rig:
    """ONNX Runtime on the CPU, one image a run, uint8 images, weights at random."""
    import onnxruntime

    from ofa.runtime.timing import measure_ms

    return Rig(
        runtime=f"onnxruntime {onnxruntime.__version__}, threads {threads}",
        machine=describe_machine(),
        prepare=partial(_prepare, threads=threads),
        measure=partial(measure_ms, warmup=WARMUP, repeats=REPEATS),
    )


def _prepare(network: AnyNetwork, *, threads: int) -> Run:
    from ofa.runtime.onnx_export import export_onnx
    from ofa.runtime.onnxruntime import OrtSession
    from ofa.subnet import build_subnet

    channels, resolution = network.in_channels, network.resolution
    engine = export_onnx(
        build_subnet(network).eval(),
        in_channels=channels,
        resolution=resolution,
        mean=(0.5,) * channels,
        std=(0.25,) * channels,
    )
    session = OrtSession(engine, threads=threads)
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (1, channels, resolution, resolution), np.uint8)
    return partial(session.run, images)
