"""The host is profiled once per space and machine, and refused while it is noisy."""

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np
import pytest

from ofa.errors import BadArtifact, NoisyMachine
from ofa.latency.host import Protocol, Rig, Run, describe_machine, host_model, profile_space
from ofa.runtime.timing import Timing
from ofa.space import Encoding, Network, SearchSpace, Stage, Stem, macs, network

SPACE = SearchSpace(
    in_channels=1,
    num_classes=10,
    resolutions=(22, 28),
    expand_ratios=(2, 3, 4),
    depths=(1, 2),
    stem=Stem(stride=1),
    stages=(Stage(width=24), Stage(width=40, stride=2, squeeze_excite=True)),
)
PROTOCOL = Protocol(num_subnets=40, num_round=8)


class Machine:
    """A machine whose latencies are known: each call of a run returns them."""

    def __init__(self, *, noise: Callable[[int], float] = lambda _: 1.0) -> None:
        self.noise = noise
        self.num_rounds = 0

    def rig(self, *, runtime: str = "arithmetic 1.0") -> Rig:
        return Rig(runtime=runtime, machine="a desk", prepare=self.prepare, measure=self.measure)

    def prepare(self, net: Network) -> Run:
        return lambda: latency_ms(net)

    def measure(self, runs: Sequence[Run]) -> list[Timing]:
        factor = self.noise(self.num_rounds)
        self.num_rounds += 1
        medians_ms = [factor * float(str(run())) for run in runs]
        return [
            Timing(median_ms=ms, p10_ms=0.98 * ms, p90_ms=1.05 * ms, repeats=30)
            for ms in medians_ms
        ]


def test_the_model_of_a_profiled_machine_foretells_subnets_it_has_not_timed(tmp_path):
    model = host_model(tmp_path / "host.json", SPACE, Machine().rig(), PROTOCOL)
    encoding = Encoding(SPACE)
    unseen = encoding.sample(30, np.random.default_rng(99))

    foretold_ms = model.table(encoding)(unseen)

    true_ms = [latency_ms(network(SPACE, arch)) for arch in encoding.decode(unseen)]
    np.testing.assert_allclose(foretold_ms, true_ms, rtol=0.03)
    assert model.label == "calibrated"
    assert model.evidence.mape_percent < 2


def test_a_second_call_reads_the_file_and_times_nothing(tmp_path):
    path = tmp_path / "host.json"
    first = host_model(path, SPACE, Machine().rig(), PROTOCOL)
    idle = Machine()

    second = host_model(path, SPACE, idle.rig(), PROTOCOL)

    assert second == first
    assert idle.num_rounds == 0


def test_another_runtime_or_space_is_profiled_anew(tmp_path):
    path = tmp_path / "host.json"
    host_model(path, SPACE, Machine().rig(), PROTOCOL)
    newer, narrower = Machine(), Machine()

    host_model(path, SPACE, newer.rig(runtime="arithmetic 2.0"), PROTOCOL)
    host_model(path, dataclasses.replace(SPACE, expand_ratios=(2, 4)), narrower.rig(), PROTOCOL)

    assert newer.num_rounds > 0
    assert narrower.num_rounds > 0


def test_a_corrupt_file_is_refused_by_name(tmp_path):
    path = tmp_path / "host.json"
    path.write_text("{")

    with pytest.raises(BadArtifact, match=r"host\.json"):
        host_model(path, SPACE, Machine().rig(), PROTOCOL)


def test_a_round_in_which_the_reference_drifted_is_timed_again():
    disturbed = Machine(noise=lambda round_: 1.5 if round_ == 2 else 1.0)

    profile = profile_space(SPACE, disturbed.rig(), PROTOCOL)

    assert disturbed.num_rounds == -(-len(profile.archs) // PROTOCOL.num_round) + 1
    assert profile.drift == 0
    assert [timing.median_ms for timing in profile.timings] == pytest.approx(
        [latency_ms(network(SPACE, arch)) for arch in profile.archs]
    )


def test_a_machine_that_does_not_settle_is_refused_and_leaves_no_file(tmp_path):
    path = tmp_path / "host.json"
    restless = Machine(noise=lambda round_: 1 + round_ % 3)

    with pytest.raises(NoisyMachine, match=r"differs by \d+% .* stop other programs"):
        host_model(path, SPACE, restless.rig(), PROTOCOL)

    assert not path.exists()


def test_the_corners_of_the_space_are_timed_once_each():
    archs = profile_space(SPACE, Machine().rig(), PROTOCOL).archs

    assert archs[0] == SPACE.largest()
    assert archs[1] == SPACE.smallest()
    assert len(set(archs)) == len(archs)


def test_a_machine_is_described_in_one_line():
    assert "CPUs" in describe_machine()
    assert "\n" not in describe_machine()


def latency_ms(net: Network) -> float:
    """Linear in MACs and depth, but kernels of 5 cost more than their share."""
    blocks = [block for stage in net.stages for block in stage]
    odd_ms = 0.01 * sum(block.kernel_size == 5 for block in blocks)
    return 0.05 + 0.02 * len(blocks) + 0.03 * macs(net) / 1e6 + odd_ms
