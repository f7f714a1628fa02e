"""A device behind ssh, here a real sshd on 127.0.0.1 with keys made for the test."""

import sys
import time
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from onnx import TensorProto, helper
from runtime.ssh_server import SSHD, Server, ssh_server

from ofa.errors import Disconnected, TargetFailure
from ofa.runtime import open_target

pytestmark = pytest.mark.skipif(
    SSHD is None, reason="needs sshd: apt-get install openssh-server openssh-client"
)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with ssh_server(tmp_path_factory.mktemp("sshd")) as running:
        yield running


@pytest.fixture
def target(server):
    return open_target(server.address, python=sys.executable, ssh_config=server.config)


def program(folder: Path, text: str) -> str:
    """An executable that stands for the Python of a device."""
    path = folder / "python that's; $(odd)"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


def engine(width: int) -> dict[str, bytes]:
    """One matrix product."""
    weight = helper.make_tensor(
        "w", TensorProto.FLOAT, (width, width), np.ones(width * width, np.float32)
    )
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])],
        "product",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ("batch", width))],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ("batch", width))],
        [weight],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return {"engine.onnx": model.SerializeToString()}


def test_engines_are_timed_there_by_its_own_python(target):
    timings = target.measure(
        {"narrow; $(ls) 'x'": engine(8), "wide": engine(512)}, threads=1, warmup=1, repeats=3
    )

    assert list(timings) == ["narrow; $(ls) 'x'", "wide"]
    assert timings["narrow; $(ls) 'x'"].median_ms < timings["wide"].median_ms
    assert timings["wide"].repeats == 3


def test_the_device_tells_what_it_is_and_runs(target):
    made_on = target.describe()

    assert (made_on.runtime, made_on.runtime_version) == ("onnxruntime", onnxruntime.__version__)
    assert "CPUs" in made_on.machine
    assert made_on.load_1min is not None


def test_an_unknown_host_key_is_refused_with_the_line_that_records_it(server: Server, tmp_path):
    config = tmp_path / "config"
    config.write_text(server.config.read_text().replace(str(server.known_hosts), "/dev/null"))

    with pytest.raises(TargetFailure, match=r"ssh-keyscan -p \d+ 127\.0\.0\.1 >>"):
        open_target(server.address, ssh_config=config).describe()


def test_a_changed_host_key_is_refused_with_the_line_that_forgets_it(server: Server, tmp_path):
    known, config = tmp_path / "known", tmp_path / "config"
    place = server.known_hosts.read_text().split()[0]
    algorithm, public = (server.config.parent / "key.pub").read_text().split()[:2]
    known.write_text(f"{place} {algorithm} {public}\n")
    config.write_text(server.config.read_text().replace(str(server.known_hosts), str(known)))

    with pytest.raises(TargetFailure, match=r"ssh-keygen -R '\[127\.0\.0\.1\]:\d+'"):
        open_target(server.address, ssh_config=config).describe()


def test_a_device_that_takes_no_key_tells_how_to_bring_one(server: Server, tmp_path):
    config = tmp_path / "config"
    config.write_text(server.config.read_text().replace("IdentityFile", "#"))

    with pytest.raises(TargetFailure, match="ssh-copy-id -p"):
        open_target(server.address, ssh_config=config).describe()


def test_nobody_listening_is_told_as_a_broken_connection(server: Server):
    with pytest.raises(Disconnected, match=r"connection failed .*refused"):
        open_target("ssh://127.0.0.1:1", ssh_config=server.config).describe()


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("exit 127", "cannot run .* name an interpreter .* by --python"),
        ("kill -9 $PPID", "connection failed"),
        ("cat >/dev/null; echo 'ofa-answer {\"index\": 0'", "not readable as JSON"),
        ("cat >/dev/null; echo 'ofa-answer {\"index\": 0, \"timings\": {}}'", "provenance"),
        ("cat >/dev/null; echo hello; exit 3", "ended with status 3"),
        ("cat >/dev/null; yes | head -c 5000000", "answers with 5,000,000 bytes"),
        (f"exec {sys.executable} -S \"$@\"", "lacks numpy; install it there: pip install numpy"),
    ],
    ids=["no python", "cut off", "cut short", "odd", "silent", "endless", "no numpy"],
)  # fmt: skip
def test_what_a_device_may_do_wrong_is_one_line_that_names_it(script, message, server, tmp_path):
    target = open_target(server.address, python=program(tmp_path, script), ssh_config=server.config)

    with pytest.raises(ValueError, match=message) as refusal:
        target.measure({"a": engine(8)}, threads=1, warmup=1, repeats=1)

    assert "\n" not in str(refusal.value)
    assert server.address in str(refusal.value)


def test_a_runtime_that_is_missing_there_is_told_by_the_name_of_its_package(server, tmp_path):
    absent = 'raise ModuleNotFoundError("absent", name="ai_edge_litert.interpreter")'
    (tmp_path / "ai_edge_litert.py").write_text(absent)
    python = program(tmp_path, f'PYTHONPATH={tmp_path} exec {sys.executable} "$@"')
    target = open_target(server.address, runtime="tflite", python=python, ssh_config=server.config)

    with pytest.raises(TargetFailure, match="lacks ai-edge-litert; install it there: pip install"):
        target.describe()


def test_a_disk_without_room_there_is_told(server, tmp_path):
    full = program(tmp_path, f'ulimit -f 0; exec {sys.executable} "$@"')

    with pytest.raises(TargetFailure, match=r"bundle cannot be copied there .*free space"):
        open_target(server.address, python=full, ssh_config=server.config).describe()


def test_a_file_that_is_no_engine_is_told(target):
    with pytest.raises(TargetFailure, match="cannot load an engine"):
        target.measure({"a": {"engine.onnx": b"no model"}}, threads=1, warmup=1, repeats=1)


def test_what_takes_too_long_is_told_as_that_and_ends_there_too(server, tmp_path, monkeypatch):
    monkeypatch.setattr("ofa.runtime.ssh._TIMEOUT_S", 5)
    (tmp_path / "there").mkdir()
    running = f"echo $$ > {tmp_path}/process; TMPDIR={tmp_path}/there exec {sys.executable}"
    python = program(tmp_path, f'{running} "$@"')
    target = open_target(server.address, python=python, ssh_config=server.config)

    with pytest.raises(TargetFailure, match=r"within 5 s; time fewer images a run") as refusal:
        target.measure({"a": engine(512)}, threads=1, warmup=1, repeats=10**7)

    assert not isinstance(refusal.value, Disconnected)  # else it would be asked again
    process = Path("/proc") / (tmp_path / "process").read_text().strip()
    deadline = time.monotonic() + 20
    while process.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not process.exists()
    assert list((tmp_path / "there").glob("*.zip")) == []


def test_no_bundle_stays_behind(server, tmp_path):
    python = program(tmp_path, f'TMPDIR={tmp_path / "there"} exec {sys.executable} "$@"')
    (tmp_path / "there").mkdir()

    open_target(server.address, python=python, ssh_config=server.config).describe()

    assert list((tmp_path / "there").glob("*.zip")) == []
