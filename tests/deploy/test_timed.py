"""An engine is timed as the device runs it: with as many images a run as its description says."""

from dataclasses import dataclass, field, replace

import onnx
import pytest

from ofa.deploy import EngineRequest
from ofa.deploy.engines import BuiltEngine
from ofa.deploy.timed import time_here, time_on
from ofa.runtime import AbstractTarget, OrtSession, Timing
from ofa.runtime.runner import circumstances


@dataclass(frozen=True)
class Recorder(AbstractTarget):
    """A device that remembers what it was given."""

    given: list[dict[str, bytes]] = field(default_factory=list)

    def describe(self):
        return circumstances("onnxruntime")

    def measure(self, engines, *, threads, warmup, repeats):
        self.given.extend(engines.values())
        timing = Timing(median_ms=1.0, p10_ms=0.9, p90_ms=1.1, repeats=repeats)
        return dict.fromkeys(engines, timing)


@pytest.fixture
def built(engine):
    return BuiltEngine(
        request=EngineRequest(runtime="onnxruntime", precision="fp32"),
        version="1",
        onnx=engine,
        files={"engine.onnx": engine},
        session=OrtSession(engine),
    )


@pytest.mark.parametrize(("batch", "told"), [(1, "threads 2"), (8, "threads 2, 8 images a run")])
def test_a_device_of_a_batch_times_the_batch(built, batch, told):
    target = Recorder()

    latency = time_on(target, built, threads=2, batch=batch)

    (given,) = target.given
    taken = onnx.load_from_string(given["engine.onnx"]).graph.input[0].type.tensor_type.shape.dim[0]
    assert taken.dim_value == batch
    assert latency.machine.endswith(told)


def test_so_does_this_machine(built, images):
    one = time_here((built,), images[:1], threads=1)["onnxruntime-fp32"]
    many = time_here((built,), images[:16], threads=1)["onnxruntime-fp32"]

    assert many.latency_ms > 2 * one.latency_ms
    assert many.machine.endswith("16 images a run")


@pytest.mark.parametrize("runtime", ["openvino", "tensorrt", "onnxruntime_cuda"])
def test_a_device_that_times_by_another_runtime_tells_nothing_of_an_engine(built, runtime):
    target = Recorder()
    meant = replace(built, request=EngineRequest(runtime=runtime, precision="fp32"))

    assert time_on(target, meant, threads=1) is None
    assert target.given == []
