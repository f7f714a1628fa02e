"""``ofa profile``, from the description of a device to its latency model, with real engines."""

import json
import subprocess
import sys
from contextlib import nullcontext

import ncnn
import onnxruntime
import pytest
from runtime.ssh_server import SSHD, ssh_server

from ofa import pipeline
from ofa.cli import main
from ofa.errors import BadArtifact, TargetFailure
from ofa.latency import Description, Hardware, Runtime, load_device, load_model
from ofa.latency.plan import informative_plan
from ofa.latency.remembered import Memory, Remembered
from ofa.runtime import open_target
from ofa.runtime.rounds import Protocol
from ofa.shipped import shipped

DEVICE = """
hardware: {{name: Some board, soc: Some chip, unit: {unit}}}
runtime: {{name: {runtime}, version: {version}}}
precision: fp32
threads: 1
batch: 1
target: "{target}"
"""


def describe(folder, *, target, version="null", runtime="onnxruntime", unit="cpu", more=""):
    """A folder with a description of a device."""
    folder.mkdir()
    described = DEVICE.format(target=target, version=version, runtime=runtime, unit=unit)
    (folder / "device.yaml").write_text(described + more)
    return str(folder)


def fails(capsys, *argv):
    """The one line on stderr with which a command line is refused."""
    assert main(list(argv)) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    return captured.err


def test_a_device_of_ones_own_is_measured_once_and_remembered(tmp_path, capsys):
    device = describe(tmp_path / "board", target="local")

    assert main(["profile", "--device", device, "--num", "4", "--json"]) == 0

    printed = json.loads(capsys.readouterr().out)[device]
    assert printed["model"]["sources"][0]["rows"] == 6
    kept = {path: path.read_bytes() for path in (tmp_path / "board" / "profiles").iterdir()}
    assert {path.suffix for path in kept} == {".json", ".jsonl"}
    assert pipeline.profile(device=device, checkpoint="fashion_mnist").label == "calibrated"
    assert {path: path.read_bytes() for path in kept} == kept


def test_a_check_compares_or_refuses_a_machine_that_was_disturbed_since(tmp_path, capsys):
    device = describe(tmp_path / "board", target="local")
    assert main(["profile", "--device", device, "--num", "2", "--quiet"]) == 0
    (kept,) = (tmp_path / "board" / "profiles").glob("*.json")
    body = json.loads(kept.read_text())
    body["profile"]["reference_ms"] *= 10
    kept.write_text(json.dumps(body))

    line = fails(capsys, "profile", "--device", device, "--check", "2", "--json")

    assert "its reference network's latency is -" in line
    assert "one of the two was disturbed" in line


def test_a_device_that_no_one_can_reach_is_measured_by_a_bundle(tmp_path, capsys):
    device = describe(tmp_path / "far", target="none")
    assert "never measured; pack what to run" in fails(capsys, "profile", "--device", device)

    packed = tmp_path / "out.zip"
    flags = ["--device", device, "--num", "4"]
    assert main(["profile", *flags, "--pack", str(packed)]) == 0
    there = tmp_path / "there"
    there.mkdir()
    for _ in range(2):  # the second start finds everything done
        done = subprocess.run(
            [sys.executable, "-I", str(packed)], cwd=there, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout
    assert main(["profile", *flags, "--ingest", str(there / "results.jsonl")]) == 0

    model = pipeline.profile(device=device, checkpoint="fashion_mnist")
    assert model.sources[0].rows == 6
    assert onnxruntime.__version__ in model.sources[0].repository


def test_results_that_were_cut_off_or_are_of_another_plan_are_refused(tmp_path, capsys):
    device = describe(tmp_path / "far", target="none")
    memory = Memory(
        folder=tmp_path,
        device=load_device(shipped("devices"), device),
        space=shipped_space(),
    )
    heading = {"name": "ofa.latency-rounds", "version": 1}
    results = tmp_path / "results.jsonl"
    results.write_text(
        json.dumps({"schema": heading, "identity": memory.plan(4).identity()}) + "\n"
    )
    about = ["profile", "--device", device, "--ingest", str(results)]

    assert "1 of 1 rounds are missing; start it again there" in fails(capsys, *about, "--num", "4")
    assert "was measured for another subnets" in fails(capsys, *about, "--num", "5")


def test_a_device_that_runs_another_version_than_told_is_refused(tmp_path):
    device = describe(tmp_path / "board", target="local", version="'0.1'")

    with pytest.raises(BadArtifact, match=r"runtime is onnxruntime 0\.1, but the device runs"):
        pipeline.profile(device=device, checkpoint="fashion_mnist", num=4)


def test_what_is_remembered_of_another_board_or_version_is_not_used(tmp_path):
    def described(target, version=None):
        runtime = Runtime(name="onnxruntime", version=version)
        hardware = Hardware(name="a board", soc="an soc", unit="cpu")
        return Description(
            hardware=hardware, runtime=runtime, precision="fp32", threads=1, batch=1, target=target
        )

    model = load_model(shipped("devices") / "pixel1" / "model.yaml")
    kept = Remembered(
        model=model, num=4, machine=("board", "onnxruntime 1.20"), reference_ms=1.0,
        target="ssh://board",
    )  # fmt: skip

    assert kept.fits(described("ssh://board"))
    assert kept.fits(described("ssh://board", "1.20"))
    assert kept.fits(described("none"))
    assert not kept.fits(described("ssh://other"))
    assert not kept.fits(described("ssh://board", "1.21"))


def test_measuring_again_what_no_one_can_reach_is_refused(capsys):
    for flags in (["--fresh"], ["--num", "5"]):
        line = fails(capsys, "profile", "--device", "pixel", *flags)
        assert "nobody here can reach pixel" in line


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("board.local", "is no address; use local, ssh://"),
        ("ssh://-oProxyCommand=ls", "is no address"),
        ("ssh://pi@board; reboot", "is no address"),
        ("ssh://$(reboot)@board", "is no address"),
        ("ssh://pi:secret@board", "holds no password"),
        ("ssh://board:port", "is no address"),
        ("ssh://board/path", "is no address"),
        ("adb:-e", "is no address"),
        ("adb:a b", "is no address"),
    ],
)
def test_an_address_that_could_be_anything_else_is_refused(target, message, tmp_path, capsys):
    device = describe(tmp_path / "board", target=target)

    line = fails(capsys, "profile", "--device", device)

    assert message in line
    assert "device.yaml" in line


def test_a_phone_without_a_benchmark_program_is_refused_with_the_line_to_add(tmp_path):
    device = describe(tmp_path / "phone", target="adb:R58M")

    with pytest.raises(TargetFailure, match=r"device\.yaml: benchmark: "):
        pipeline.profile(device=device, checkpoint="fashion_mnist")


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--pack", "a.zip", "--ingest", "b"], "give one of them"),
        (["--device", "pixel", "--pack", "a.zip"], "take one --device"),
    ],
)
def test_flags_that_do_not_go_together_are_refused(flags, message, capsys):
    assert message in fails(capsys, "profile", "--device", "host", *flags)


@pytest.mark.parametrize("reached", ["local", "ssh", "none"])
def test_a_device_of_another_runtime_is_measured_in_it(reached, tmp_path):
    """Here, behind ssh and out of reach it is the same: what is timed are its own engines."""
    if reached == "ssh" and SSHD is None:
        pytest.skip("needs sshd: apt-get install openssh-server")
    with ssh_server(tmp_path) if reached == "ssh" else nullcontext() as server:
        target = server.address if server else reached
        device = describe(tmp_path / "board", target=target, runtime="ncnn")
        about = {"device": device, "checkpoint": "fashion_mnist", "num": 1}
        if reached == "none":
            packed = pipeline.pack_profile(**about, out=tmp_path / "far.zip")
            command = [sys.executable, "-I", packed.name]
            subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
            model = pipeline.ingest_profile(**about, results=tmp_path / "results.jsonl")
        elif server:
            found = load_device(shipped("devices"), device)
            memory = Memory(folder=tmp_path / "kept", device=found, space=shipped_space())
            reach = {"python": sys.executable, "ssh_config": server.config}
            model = memory.measure(open_target(target, runtime="ncnn", **reach), num=1)
        else:
            model = pipeline.profile(**about)

    assert model.sources[0].rows == 3
    assert f"ncnn {ncnn.__version__}" in model.sources[0].repository


def test_a_runtime_that_is_not_installed_here_is_refused_with_the_line_that_installs_it(
    tmp_path, monkeypatch, capsys
):
    device = describe(tmp_path / "board", target="local", runtime="ncnn")
    monkeypatch.setitem(sys.modules, "ncnn", None)

    line = fails(capsys, "profile", "--device", device)

    assert "ncnn is not installed; pip install 'ofa-toolkit[ncnn]'" in line


@pytest.mark.parametrize("target", ["local", "none"])
def test_a_runtime_that_is_timed_nowhere_is_refused_with_those_that_are(target, tmp_path, capsys):
    device = describe(tmp_path / "board", target=target, runtime="tensorrt")
    packed = tmp_path / "out.zip"
    flags = ["--pack", str(packed)] if target == "none" else []

    line = fails(capsys, "profile", "--device", device, *flags)

    assert "tensorrt" in line
    assert "onnxruntime, openvino, tflite, ncnn" in line
    assert not packed.exists()


@pytest.mark.parametrize(
    ("target", "flags"),
    [
        ("local", []),
        ("none", []),
        ("none", ["--pack", "out.zip"]),
        ("none", ["--ingest", "results.jsonl"]),
    ],
)
@pytest.mark.parametrize("unit", ["gpu", "npu"])
def test_a_gpu_is_not_measured_by_its_cpu(unit, target, flags, tmp_path, capsys, monkeypatch):
    device = describe(tmp_path / "board", target=target, unit=unit)
    monkeypatch.chdir(tmp_path)

    line = fails(capsys, "profile", "--device", device, *flags)

    assert f"timed on CPUs alone, but the unit is {unit}" in line
    assert "ofa devices adapt --pack" in line
    assert [path.name for path in tmp_path.rglob("*")] == ["board", "device.yaml"]


@pytest.mark.skipif(SSHD is None, reason="needs sshd: apt-get install openssh-server")
def test_a_board_behind_ssh_is_measured_and_its_profile_goes_on(tmp_path):
    memory = Memory(
        folder=tmp_path / "profiles",
        device=load_device(shipped("devices"), "host"),
        space=shipped_space(),
    )
    with ssh_server(tmp_path) as server:
        target = open_target(server.address, python=sys.executable, ssh_config=server.config)
        model = memory.measure(target, num=2)
        (rounds,) = memory.folder.glob("*.jsonl")
        written = rounds.read_bytes()
        again = memory.measure(target, num=2)

    assert model == again
    assert rounds.read_bytes() == written
    assert memory.recall().model == model


def test_a_plan_for_another_batch_makes_engines_of_that_batch():
    plan = informative_plan(shipped_space(), num=0, batch=3, protocol=Protocol(repeats=1))

    timings = open_target("local").measure(
        {plan.names[1]: plan.engine(plan.names[1])}, threads=1, warmup=1, repeats=1
    )

    assert timings[plan.names[1]].median_ms > 0
    import onnx

    model = onnx.load_from_string(plan.engine(plan.names[1])["engine.onnx"])
    assert model.graph.input[0].type.tensor_type.shape.dim[0].dim_value == 3


def shipped_space():
    """The space of the shipped supernet."""
    from ofa.opened import find_checkpoint, open_supernet

    return open_supernet(find_checkpoint("fashion_mnist"))[1].space
