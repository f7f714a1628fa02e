"""Engines of a bundle timed elsewhere."""

from dataclasses import dataclass, field, replace

import numpy as np
import onnx
import pytest

from ofa import pipeline
from ofa.deploy.bench import bench_remote
from ofa.deploy.bundle import Bundle, bundle_contents, write_bundle
from ofa.deploy.manifest import Origin
from ofa.errors import BadArtifact, MissingExtra, OfaError, TargetFailure
from ofa.runtime import RUNTIMES, AbstractTarget, Provenance, Runtime, Source, Timing


@dataclass(frozen=True)
class Board(AbstractTarget):
    """A device that takes 2 ms for anything, and keeps what it was sent."""

    runtime: str = "onnxruntime"
    sent: list[dict[str, bytes]] = field(default_factory=list)

    def describe(self):
        return Provenance(
            machine="a board", system="Linux", runtime=self.runtime, runtime_version="1.0"
        )

    def measure(self, engines, *, threads, warmup, repeats):
        self.sent.extend(engines.values())
        timing = Timing(median_ms=2.0, p10_ms=1.5, p90_ms=3.0, repeats=repeats)
        return dict.fromkeys(engines, timing)


@pytest.fixture
def bundle(manifest, engine, tmp_path):
    """A bundle as it was checked on reading: its hashes are right, whoever computed them."""
    contents = {"engine.onnx": engine}
    return Bundle(
        path=tmp_path, manifest=manifest, origin=Origin(made_by={}, inputs={}), contents=contents
    )


def test_engines_are_timed_elsewhere_one_image_a_run(bundle, engine):
    board = Board()

    found = bench_remote(bundle, lambda _: board, threads=[1, 4], repeats=9)

    assert [(speed.threads, speed.batch, speed.images_per_s) for speed in found.speeds] == [
        (1, 1, 500), (4, 1, 500),
    ]  # fmt: skip
    assert board.sent == [{"engine.onnx": engine}] * 2
    assert found.machine == "a board"


@pytest.fixture
def two_engines(bundle, engine, net):
    """The same, with an engine of ncnn beside the portable one."""
    source = Source(onnx=engine, precision="fp32", net=net, images=np.empty(0))
    files = {f"ncnn-fp32/{name}": data for name, data in RUNTIMES["ncnn"].build(source).items()}
    (portable,) = bundle.manifest.engines
    other = replace(portable, name="ncnn-fp32", runtime="ncnn", files=tuple(files))
    manifest = replace(bundle.manifest, engines=(portable, other))
    return replace(bundle, manifest=manifest, contents={**bundle.contents, **files})


def test_each_engine_is_timed_in_its_own_runtime(two_engines):
    boards = {name: Board(runtime=name) for name in ("onnxruntime", "ncnn")}

    found = bench_remote(two_engines, boards.__getitem__, threads=[1], repeats=9)

    assert [speed.name for speed in found.speeds] == ["onnxruntime-fp32", "ncnn-fp32"]
    assert list(boards["ncnn"].sent[0]) == ["engine.param", "engine.bin"]


def test_an_engine_of_a_runtime_that_the_device_lacks_is_left_out(two_engines):
    def refuse(runtime):
        if runtime == "onnxruntime":
            raise TargetFailure("it lacks onnxruntime")
        return Board(runtime=runtime)

    one = bench_remote(two_engines, lambda _: Board(), threads=[1], repeats=9)
    other = bench_remote(two_engines, refuse, threads=[1], repeats=9)

    assert one.left_out == {"ncnn-fp32": "a board times onnxruntime alone"}
    assert other.left_out == {"onnxruntime-fp32": "it lacks onnxruntime"}
    assert [speed.name for speed in other.speeds] == ["ncnn-fp32"]


def test_an_engine_that_cannot_be_checked_here_is_sent_nowhere(two_engines, monkeypatch):
    monkeypatch.setattr(Runtime, "version", _absent)
    board = Board(runtime="ncnn")

    with pytest.raises(TargetFailure, match="before it is sent: ncnn: is not installed; pip inst"):
        bench_remote(two_engines, lambda _: board, threads=[1], repeats=9)

    assert board.sent == []


def _absent(runtime):
    raise MissingExtra(f"{runtime.name}: is not installed; pip install it")


def test_a_graph_that_ofa_does_not_write_is_sent_nowhere(bundle, engine):
    stranger = onnx.load_from_string(engine)
    stranger.graph.node[0].op_type = "RandomNormalLike"
    contents = {"engine.onnx": stranger.SerializeToString()}
    board = Board()

    with pytest.raises(BadArtifact, match=":RandomNormalLike is none that ofa writes"):
        bench_remote(replace(bundle, contents=contents), lambda _: board, threads=[1], repeats=9)

    assert board.sent == []


@pytest.mark.parametrize(
    ("counts", "blamed"),
    [
        ({"threads": [1], "repeats": 0}, r"repeats: \[0\]"),
        ({"threads": [-3], "repeats": 9}, r"threads: \[-3\]"),
        ({"threads": [], "repeats": 9}, r"threads: \[\]"),
    ],
)
def test_a_count_that_is_none_is_refused_elsewhere_as_it_is_here(bundle, counts, blamed):
    board = Board()

    with pytest.raises(OfaError, match=f"{blamed} holds no or an impossible count; use 1 or more"):
        bench_remote(bundle, lambda _: board, **counts)

    assert board.sent == []


@pytest.mark.parametrize("asked", [{"batches": [1, 8]}, {"compile": True}])
def test_a_target_is_not_asked_for_what_it_cannot_time(tmp_path, asked):
    with pytest.raises(OfaError, match="one image a run; leave out --batches and --compile"):
        pipeline.bench(bundle=tmp_path, target="ssh://board", **asked)


def test_a_phone_is_timed_by_the_program_that_is_named(manifest, engine, tmp_path):
    contents = bundle_contents(
        manifest, engines={"engine.onnx": engine}, report="", front=b"", inputs={}
    )
    write_bundle(tmp_path / "b.zip", contents)
    program = tmp_path / "my_benchmark"
    program.write_bytes(b"")

    with pytest.raises(TargetFailure, match="name it by --benchmark"):
        pipeline.bench(bundle=tmp_path / "b.zip", target="adb:X")
    with pytest.raises(TargetFailure, match="my_benchmark: is no benchmark program known here"):
        pipeline.bench(bundle=tmp_path / "b.zip", target="adb:X", benchmark=program)
