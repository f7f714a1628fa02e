"""The rig runs real engines."""

import onnxruntime

from ofa.latency.host import Protocol, profile_space
from ofa.latency.rig import REPEATS, onnxruntime_rig
from ofa.space import SearchSpace, Stage, Stem, network

SPACE = SearchSpace(
    in_channels=1,
    num_classes=10,
    resolutions=(16, 20),
    depths=(1,),
    stem=Stem(stride=1),
    stages=(Stage(width=16, squeeze_excite=True), Stage(width=24, stride=2)),
)


def test_a_prepared_network_gives_the_logits_of_one_image():
    rig = onnxruntime_rig(threads=1)

    run = rig.prepare(network(SPACE, SPACE.largest()))

    assert run().shape == (1, SPACE.num_classes)


def test_subnets_are_timed_with_the_installed_runtime():
    rig = onnxruntime_rig(threads=1)
    whatever_the_noise = Protocol(num_subnets=2, max_drift=100.0)

    profile = profile_space(SPACE, rig, whatever_the_noise)

    assert onnxruntime.__version__ in rig.runtime
    for timing in profile.timings:
        assert 0 < timing.p10_ms <= timing.median_ms <= timing.p90_ms
        assert timing.repeats == REPEATS
