"""Programs that time a model on a phone: how each is asked, and what it prints.

They are the runtimes' own, known by the end of their names: ``onnxruntime_perf_test``, which is
built from ONNX Runtime, and ``benchmark_model``, which LiteRT offers ready-made for Android.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ofa.errors import TargetFailure


@dataclass(frozen=True, kw_only=True)
class Sample:
    """What one run of a benchmark program tells.

    Attributes:
        lowest_ms: Fastest inference, or the fastest but for one in twenty.
        median_ms: Median, or the mean where the program tells no median.
        high_ms: A tenth of the inferences took more, or a twentieth; the mean where the program
            tells nothing.
    """

    lowest_ms: float
    median_ms: float
    high_ms: float


@dataclass(frozen=True, kw_only=True)
class Program:
    """A benchmark program.

    Attributes:
        name: What the name of its file ends with.
        runtime: What it runs models with.
        suffix: What the name of a model ends with.
        arguments: Its arguments for a model, so many threads and inferences that count.
        read: What it printed, as numbers.
        tells: How it tells a person the median.
    """

    name: str
    runtime: str
    suffix: str
    arguments: Callable[[str, int, int], list[str]]
    read: Callable[[str], Sample]
    tells: str


def program_of(name: str) -> Program:
    """The program that a file is, by its name.

    Raises:
        TargetFailure: If it is none that is known; names those that are.
    """
    for program in PROGRAMS:
        if name.endswith(program.name):
            return program
    known = " or ".join(program.name for program in PROGRAMS)
    raise TargetFailure(
        f"{name}: is no benchmark program known here; get {known} for the device, and keep its name"
    )


def _perf_test_arguments(model: str, threads: int, repeats: int) -> list[str]:
    """It warms up once by itself."""
    return ["-e", "cpu", "-m", "times", "-r", str(repeats), "-x", str(threads),
            "-o", "99", "-I", "-s", model, f"{model}.result"]  # fmt: skip


def _read_perf_test(output: str) -> Sample:
    found = [
        re.search(rf"{name} Latency(?: is|:) ([0-9.eE+-]+) s", output)
        for name in ("Min", "P50", "P90")
    ]
    return _sample([float(match[1]) * 1e3 for match in found if match], output)


def _benchmark_model_arguments(model: str, threads: int, repeats: int) -> list[str]:
    """It goes on for as long as it is told, so that the clock rises before anything counts."""
    return [f"--graph={model}", f"--num_threads={threads}", f"--num_runs={repeats}",
            "--min_secs=0.2", "--warmup_min_secs=0.1", "--use_xnnpack=true"]  # fmt: skip


def _read_benchmark_model(output: str) -> Sample:
    """The last line of statistics is of the inferences that count; old versions tell no median."""
    lines = re.findall(r"count=\d+ first=.*", output)
    told = dict(re.findall(r"(\w+)=([0-9.eE+-]+)", lines[-1])) if lines else {}
    names = ("p5", "median", "p95") if "median" in told else ("min", "avg", "avg")
    return _sample([float(told[name]) / 1e3 for name in names if name in told], output)


PROGRAMS = (
    Program(
        name="onnxruntime_perf_test",
        runtime="onnxruntime",
        suffix=".onnx",
        arguments=_perf_test_arguments,
        read=_read_perf_test,
        tells="P50, in seconds",
    ),
    Program(
        name="benchmark_model",
        runtime="tflite",
        suffix=".tflite",
        arguments=_benchmark_model_arguments,
        read=_read_benchmark_model,
        tells="median of its last line of counts, in microseconds",
    ),
)


def _sample(figures_ms: Sequence[float], output: str) -> Sample:
    if len(figures_ms) != 3 or not 0 < figures_ms[0] <= figures_ms[1] <= figures_ms[2] < 3.6e6:
        shown = " ".join(output.split())[-200:] or "nothing"
        raise TargetFailure(f"the benchmark program prints no statistics known here: {shown}")
    lowest_ms, median_ms, high_ms = figures_ms
    return Sample(lowest_ms=lowest_ms, median_ms=median_ms, high_ms=high_ms)
