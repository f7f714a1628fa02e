"""A phone behind adb: the real client, before a stand-in for its server. No phone was at hand."""

import logging
import re
import shutil
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from itertools import groupby
from threading import Event

import pytest
from runtime.adb_server import Phone, adb_server

from ofa.errors import Disconnected, TargetFailure
from ofa.runtime import open_target
from ofa.runtime.programs import program_of

BENCHMARK_MODEL = """
INFO: Running benchmark for at least 1 iterations and at least 0.1 seconds
INFO: count=9 first=90000 curr=3100 min=3050 max=90000 avg=12700.4 std=27000{0}
INFO: Running benchmark for at least 2 iterations and at least 0.2 seconds
INFO: count=66 first=3000 curr=3010 min=2990 max=4200 avg={1} std=120{2}
INFO: Inference timings in us: Init: 900, First inference: 90000, Warmup (avg): 12700.4, Inference
"""
"""Newer versions print percentiles, older ones the mean alone."""
NEW = BENCHMARK_MODEL.format(
    " p5=3050 median=3120 p95=90000", "3.05e+03", " p5=2995 median=3040 p95=3400"
)
OLD = BENCHMARK_MODEL.format("", "3.05e+03", "")

PERF_TEST = """
Session creation time cost: 0.0131 s
Average inference time cost: 3.59 ms
Min Latency{0} {1} {2}
Max Latency{0} 0.0042 {2}
P50 Latency{0} {3} {2}
P90 Latency{0} 0.00371 {2}
"""


def a_phone(serial="R58M123", **told) -> Phone:
    """A phone whose perf test finds engines the slower the later they were pushed."""
    properties = {"ro.product.model": "Some Phone", "ro.soc.model": "SM1", **told}

    def answer(words):
        match words:
            case ["getprop", name]:
                return (0, properties[name] + "\n") if name in properties else (0, "\n")
            case ["cat", "/proc/loadavg"]:
                return 0, "0.52 0.58 0.59 1/1234 5678\n"
            case ["cat", _]:
                return 1, "cat: Permission denied\n"
            case [program, *_, model, _] if program.endswith("perf_test"):
                nth = int(model.rpartition("/")[2].removesuffix(".onnx"))
                return 0, PERF_TEST.format(":", 0.003, "s", 0.003 + nth / 10000)
            case [program, graph, *_] if program.endswith("benchmark_model"):
                assert graph.startswith("--graph=") and graph.endswith(".tflite")
                return 0, NEW
            case _:
                return 0, ""

    return Phone(serial=serial, answer=answer)


@pytest.fixture
def connect(monkeypatch, tmp_path):
    """Opens a phone; its server lives until the test is over."""
    if shutil.which("adb") is None:
        pytest.skip("needs adb: apt-get install adb")
    folder = tmp_path / "a folder; $(odd) 'x'"
    folder.mkdir()
    with ExitStack() as stack:

        def open_phone(
            phone: Phone, *, serial: str | None = None, program: str = "onnxruntime_perf_test"
        ):
            benchmark = folder / program
            benchmark.write_bytes(b"\x7fELF")
            port = stack.enter_context(adb_server(phone))
            monkeypatch.setenv("ANDROID_ADB_SERVER_PORT", str(port))
            monkeypatch.delenv("ADB_SERVER_SOCKET", raising=False)
            return open_target(f"adb:{serial or phone.serial}", benchmark=benchmark)

        yield open_phone


def test_engines_are_pushed_timed_in_turns_and_removed(connect):
    phone = a_phone()

    timings = connect(phone).measure(
        {"first; $(ls)": {"engine.onnx": b"one"}, "second": {"engine.onnx": b"two"}},
        threads=4,
        warmup=1,
        repeats=10,
    )

    assert timings["first; $(ls)"].median_ms == pytest.approx(3.0)
    assert timings["second"].median_ms == pytest.approx(3.1)
    assert timings["second"].repeats == 10
    assert sorted(phone.files.values()) == sorted([b"\x7fELF", b"one", b"two"])
    runs = [words[-2] for words in phone.commands if words[0].endswith("perf_test")]
    assert runs == runs[:2] * 5 and runs[0] != runs[1]
    assert phone.commands[-1][:2] == ["rm", "-r"]


def folders_of(phone) -> list[str]:
    """The folder that each command on a phone was about."""
    found = (re.search(r"/data/local/tmp/[^/]+", " ".join(words)) for words in phone.commands)
    return [match[0] for match in found if match]


def test_every_measurement_has_a_folder_of_its_own_and_removes_no_other(connect):
    phone = a_phone()
    target = connect(phone)

    for _ in range(2):
        target.measure({"a": {"e": b"one"}}, threads=1, warmup=1, repeats=3)

    removed = [words[-1] for words in phone.commands if words[0] == "rm"]
    assert removed == [folder for folder, _ in groupby(folders_of(phone))]
    assert len(set(removed)) == 2
    assert {path.rpartition("/")[0] for path in phone.files} == set(removed)


def test_a_second_command_waits_until_the_first_has_timed(connect, monkeypatch, tmp_path, caplog):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    phone, begun, told = a_phone(), Event(), Event()
    usual = phone.answer
    phone.answer = lambda words: (begun.set(), told.wait(30), usual(words))[-1]
    target = connect(phone)
    log = logging.getLogger("ofa.writing")
    monkeypatch.setattr(log, "filters", [lambda record: told.set() or True])

    with ThreadPoolExecutor(2) as pool:
        for _ in range(2):  # the second once the first is at work
            pool.submit(target.measure, {"a": {"e": b"one"}}, threads=1, warmup=1, repeats=3)
            assert begun.wait(30)

    assert len(list(groupby(folders_of(phone)))) == 2
    assert re.search(
        r"targets/adb:R58M123: is in use by process \d+ on .*; waiting for it", caplog.text
    )


def test_a_phone_is_timed_although_the_cache_cannot_be_written(connect, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", "/dev/null")

    timings = connect(a_phone()).measure({"a": {"e": b"one"}}, threads=1, warmup=1, repeats=3)

    assert timings["a"].repeats == 3


def test_a_program_that_takes_too_long_is_not_taken_for_a_phone_that_went_away(
    connect, monkeypatch
):
    monkeypatch.setattr("ofa.runtime.adb._TIMEOUT_S", 1)
    phone, ended = a_phone(), Event()
    usual = phone.answer
    phone.answer = lambda words: usual(words) if "-r" not in words[3:] else (ended.wait(30), "")

    with pytest.raises(
        TargetFailure, match=r"perf_test .* took longer than 1 s; time fewer images a run"
    ) as refusal:
        connect(phone).measure({"a": {"e": b"one"}}, threads=1, warmup=1, repeats=3)
    ended.set()

    assert not isinstance(refusal.value, Disconnected)
    assert phone.commands[-1][:2] == ["rm", "-r"]


def test_the_phone_tells_what_it_is(connect):
    made_on = connect(a_phone(**{"ro.build.version.release": "14"})).describe()

    assert made_on.machine == "Some Phone, SM1, R58M123"
    assert made_on.system == "Android 14"
    assert made_on.runtime == "onnxruntime"
    assert made_on.runtime_version.startswith("onnxruntime_perf_test ")
    assert made_on.load_1min == 0.52
    assert made_on.governor is None


def test_a_phone_that_is_not_there_is_told(connect):
    with pytest.raises(Disconnected, match=r"adb:OTHER: cannot be reached .*adb devices"):
        connect(a_phone(), serial="OTHER").describe()


def test_a_program_that_fails_there_is_told_in_one_line(connect):
    phone = a_phone()
    usual = phone.answer
    phone.answer = lambda words: (1, "no\nsuch option\n") if "-r" in words[3:] else usual(words)

    with pytest.raises(TargetFailure, match=r"failed there \(such option\)"):
        connect(phone).measure({"a": {"e": b"one"}}, threads=1, warmup=1, repeats=3)

    assert phone.commands[-1][:2] == ["rm", "-r"]


def test_litert_is_timed_by_its_own_program(connect):
    phone = a_phone()
    target = connect(phone, program="android_aarch64_benchmark_model")

    timings = target.measure({"a": {"engine.tflite": b"one"}}, threads=4, warmup=1, repeats=10)

    assert target.describe().runtime == "tflite"
    assert timings["a"].median_ms == 3.04
    assert {"--num_threads=4", "--num_runs=2"} < set(
        next(words for words in phone.commands if words[0].endswith("benchmark_model"))
    )


def test_a_program_that_is_not_known_is_refused_before_anything_is_sent(tmp_path):
    other = tmp_path / "my_benchmark"
    other.write_bytes(b"")

    with pytest.raises(
        TargetFailure, match="get onnxruntime_perf_test or benchmark_model for the device"
    ):
        open_target("adb:X", benchmark=other).measure({}, threads=1, warmup=1, repeats=3)


@pytest.mark.parametrize(("verb", "unit"), [(":", "s"), (" is", "sec")], ids=["short", "long"])
def test_the_output_of_onnxruntime_perf_test_is_read(verb, unit):
    printed = PERF_TEST.format(verb, 0.0034, unit, 0.00356)

    sample = program_of("onnxruntime_perf_test").read(printed)

    assert (sample.lowest_ms, sample.median_ms, sample.high_ms) == pytest.approx((3.4, 3.56, 3.71))


@pytest.mark.parametrize(
    ("printed", "told"), [(NEW, (2.995, 3.04, 3.4)), (OLD, (2.99, 3.05, 3.05))], ids=["new", "old"]
)
def test_the_output_of_benchmark_model_is_read_and_its_warm_up_is_not(printed, told):
    sample = program_of("benchmark_model").read(printed)

    assert (sample.lowest_ms, sample.median_ms, sample.high_ms) == pytest.approx(told)


@pytest.mark.parametrize("name", ["onnxruntime_perf_test", "benchmark_model"])
@pytest.mark.parametrize(
    "output", ["", "Segmentation fault", "P50 Latency: fast s count=nan", "count=3 first=1 avg=9"]
)
def test_other_output_is_refused(name, output):
    with pytest.raises(TargetFailure, match="no statistics known here"):
        program_of(name).read(output)
