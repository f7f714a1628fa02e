"""A known device is adapted to a new one from few networks, in milliseconds and no other unit."""

import json
import shutil
import zipfile
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

from ofa import pipeline
from ofa.artifacts import parse
from ofa.errors import BadArtifact, IllegalArch, OfaError
from ofa.latency import Source, load_device, load_model
from ofa.latency.adapt import adapt, check_likeness, check_units, form, read_measured
from ofa.latency.judge import judge, noise_of
from ofa.latency.posterior import Measured, design
from ofa.latency.residual import reach_of
from ofa.opened import find_checkpoint, open_supernet
from ofa.runtime import RUNTIMES, OrtSession, Runtime
from ofa.space import Arch, Encoding, SearchSpace, network

SHIPPED = Path(__file__).parent.parent.parent / "devices"
BASE = load_model(load_device(SHIPPED, "note10").model_path)
SPACE = SearchSpace()
ARCHS = Encoding(SPACE).decode(Encoding(SPACE).sample(30, np.random.default_rng(3)))
SOURCE = Source(repository="a desk", commit=None, path="", licence="own measurement", rows=8)


def networks(archs, *, factor: float = 2.5, offset_ms: float = 3.0, noise: float = 0.01):
    """Networks as a device of another speed and a slow start would run them."""
    rng = np.random.default_rng(0)
    return [
        Measured(
            name=arch.id,
            layers=(layers := network(SPACE, arch).layers),
            latency_ms=(factor * BASE.estimate(layers).latency_ms + offset_ms)
            * rng.lognormal(0, noise),
        )
        for arch in archs
    ]


def test_eight_networks_carry_a_device_over_to_another():
    model = adapt(BASE, networks(ARCHS[:8]), source=SOURCE)

    errors = [
        abs(model.estimate(one.layers).latency_ms / one.latency_ms - 1)
        for one in networks(ARCHS[8:], noise=0)
    ]
    assert np.mean(errors) < 0.03
    assert model.label == "transferred"
    assert adapt(BASE, networks(ARCHS[:20]), source=SOURCE).label == "calibrated"
    assert model.sources[0].repository == "a desk"
    assert model.evidence.num_networks == len(model.evidence.points) == 8


def test_intervals_hold_about_nine_in_ten_networks_not_seen():
    model = adapt(BASE, networks(ARCHS[:15], noise=0.04), source=SOURCE)
    encoding = Encoding(SPACE)
    unseen = networks(encoding.decode(encoding.sample(100, np.random.default_rng(9))), noise=0.04)

    estimates = [model.estimate(one.layers) for one in unseen]

    inside = [e.low_ms <= one.latency_ms <= e.high_ms for e, one in zip(estimates, unseen)]
    assert 0.8 <= np.mean(inside) <= 1.0


def test_two_networks_are_too_few():
    with pytest.raises(
        BadArtifact, match=r"2 different networks are too few to adapt to; measure 3"
    ):
        adapt(BASE, networks(ARCHS[:2]), source=SOURCE)


@pytest.mark.parametrize(
    ("factor", "message"),
    [(1e-3, r"are they seconds\? multiply them by 1000"),
     (1e6, r"are they microseconds\? divide them by 1000")],
)  # fmt: skip
def test_latencies_in_another_unit_are_caught(factor, message):
    table = networks(ARCHS[:5], factor=factor, offset_ms=0)

    with pytest.raises(BadArtifact, match=message):
        check_units(table, unit="cpu", batch=1, where="networks.csv")


def test_latencies_in_milliseconds_pass():
    check_units(networks(ARCHS[:5]), unit="cpu", batch=1, where="networks.csv")


def test_noise_holds_nine_in_ten_errors_beside_the_spread():
    rng = np.random.default_rng(0)
    logs, spreads = 0.05 * rng.standard_normal(200), np.full(200, 0.02)

    noise = noise_of(logs, spreads)

    assert np.mean(np.abs(logs) <= np.hypot(noise, spreads)) == pytest.approx(0.9, abs=0.02)


def test_few_errors_give_a_wider_interval_than_many_of_their_size():
    assert noise_of(np.array([0.02, -0.02, 0.02, -0.02]), np.zeros(4)) > 0.02


def test_a_network_is_never_shown_to_the_fit_that_foretells_it():
    data = design(networks(ARCHS[:6]), reach_of(()))
    hidden = []

    def foretell(seen, unseen):
        hidden.append(set(unseen.latency_ms) & set(seen.latency_ms))
        return np.tile(unseen.latency_ms[:, None], (1, 2))

    judged = judge(foretell, data, names=list("abcdef"))

    assert hidden == [set()] * 6
    assert judged.evidence.mape_percent == 0
    assert [point.name for point in judged.evidence.points] != []


def measured_file(path: Path, *, factor: float = 1.0, **changes) -> Path:
    space = open_supernet(find_checkpoint("fashion_mnist"))[1].space
    archs = Encoding(space).decode(Encoding(space).sample(5, np.random.default_rng(1)))
    rows = [
        {
            "arch": asdict(arch) | changes,
            "latency_ms": factor * BASE.estimate(network(space, arch).layers).latency_ms,
        }
        for arch in archs
    ]
    path.write_text(json.dumps({"networks": rows}))
    return path


def test_a_maker_adapts_a_device_from_a_file_and_searches_for_it(tmp_path):
    path = measured_file(tmp_path / "networks.json", factor=2.0)
    out = tmp_path / "my-phone"

    model = pipeline.adapt_device(
        device="note10", measured=path, checkpoint="fashion_mnist", out=out
    )

    assert pipeline.profile(device=str(out), checkpoint="fashion_mnist") == model
    assert model.evidence.mape_percent < 5


def test_a_device_adapted_from_one_within_reach_is_none_that_can_be_reached(tmp_path):
    base = shutil.copytree(SHIPPED / "note10", tmp_path / "at-hand")
    described = (base / "device.yaml").read_text()
    reached = described.replace("target: none", "target: adb:R58M\nbenchmark: benchmark_model")
    (base / "device.yaml").write_text(reached)
    out = tmp_path / "my-phone"

    model = pipeline.adapt_device(
        device=str(base),
        measured=measured_file(tmp_path / "networks.json", factor=2.0),
        checkpoint="fashion_mnist",
        out=out,
    )

    adapted = load_device(SHIPPED, str(out)).description
    assert (adapted.target, adapted.benchmark) == ("none", None)
    assert pipeline.profile(device=str(out), checkpoint="fashion_mnist") == model


def test_networks_are_packed_with_the_form_that_makes_a_device_of_them(
    tmp_path, monkeypatch, caplog
):
    """As ONNX files, where what builds the device's own engines is not installed."""
    monkeypatch.setattr(Runtime, "available", lambda runtime: runtime.name != "tflite")
    about = {"device": "note10", "checkpoint": "fashion_mnist"}
    space = open_supernet(find_checkpoint("fashion_mnist"))[1].space

    packed = pipeline.pack_networks(**about, out=tmp_path / "networks.zip", num=4)

    with zipfile.ZipFile(packed) as archive:
        rows = json.loads(archive.read("networks.json"))["networks"]
        files = {name: archive.read(name) for name in archive.namelist()}
    assert set(files) == {row["file"] for row in rows} | {"networks.json", "README.txt"}
    assert len(rows) == 4
    archs = [parse(Arch, row["arch"], where="row") for row in rows]
    assert {space.largest(), space.smallest()} <= set(archs)
    for row, arch in zip(rows, archs):
        session = OrtSession(files[row["file"]])
        assert session.describe().resolution == arch.resolution
        row["latency_ms"] = 3 * BASE.estimate(network(space, arch).layers).latency_ms
    readme = files["README.txt"].decode()
    assert "ofa devices adapt note10 --measured networks.json" in readme
    assert (
        f"onnxruntime_perf_test -e cpu -m times -r 100 -x 1 -o 99 -I -s {space.largest().id}"
        in readme
    )
    assert "pip install 'ofa-toolkit[tflite]'" in caplog.text

    filled = tmp_path / "networks.json"
    filled.write_text(json.dumps({"networks": rows}))
    model = pipeline.adapt_device(**about, measured=filled, out=tmp_path / "mine")
    assert model.evidence.num_networks == 4 and model.evidence.mape_percent < 5


def test_networks_are_packed_for_the_runtime_of_the_device(tmp_path):
    packed = pipeline.pack_networks(
        device="raspberry-pi-4", checkpoint="fashion_mnist", out=tmp_path / "networks.zip", num=3
    )

    with zipfile.ZipFile(packed) as archive:
        rows = json.loads(archive.read("networks.json"))["networks"]
        files = {name: archive.read(name) for name in archive.namelist()}
    graphs = {row["file"] for row in rows}
    weights = {name.replace(".param", ".bin") for name in graphs}
    assert set(files) == graphs | weights | {"networks.json", "README.txt"}
    for graph in graphs:
        engine = {"engine.param": files[graph], "engine.bin": files[graph.replace("param", "bin")]}
        assert RUNTIMES["ncnn"].load(engine).describe().num_classes == 10
    assert "The files are for\n   ncnn;" in files["README.txt"].decode()


def test_a_form_that_was_not_filled_in_is_refused_by_network(tmp_path):
    path = tmp_path / "networks.json"
    path.write_text(form({f"{arch.id}.onnx": arch for arch in ARCHS[:3]}))

    first = f"{ARCHS[0].id}.onnx"
    with pytest.raises(
        BadArtifact, match=f"networks.json: network 1: latency_ms is not filled in; .* {first} took"
    ):
        read_measured(path, SPACE)
    with pytest.raises(OfaError, match="2 networks are too few to adapt to; pack 3 or more"):
        pipeline.pack_networks(
            device="note10", checkpoint="fashion_mnist", out=tmp_path / "x.zip", num=2
        )


@pytest.mark.parametrize("device", ["note10", "raspberry-pi-4", "jetson-nano", "2080ti"])
@pytest.mark.parametrize(
    ("factor", "message"), [(1e-3, "if they are seconds"), (1e3, "if they are microseconds")]
)
def test_a_file_in_another_unit_is_refused_for_fast_and_slow_devices(factor, message, device):
    base = load_model(load_device(SHIPPED, device).model_path)
    table = [
        replace(one, latency_ms=factor * base.estimate(one.layers).latency_ms)
        for one in networks(ARCHS[:5])
    ]

    with pytest.raises(BadArtifact, match=rf"networks.json: .*{message}"):
        check_likeness(base, table, where="networks.json")


def test_a_file_in_another_unit_leaves_no_device_behind(tmp_path):
    path = measured_file(tmp_path / "networks.json", factor=100)

    with pytest.raises(BadArtifact, match=r"networks.json: the networks take 1e\+02 times"):
        pipeline.adapt_device(
            device="note10", measured=path, checkpoint="fashion_mnist", out=tmp_path / "x"
        )

    assert not (tmp_path / "x").exists()


def test_a_network_that_comes_several_times_counts_once(tmp_path):
    path = measured_file(tmp_path / "networks.json")
    rows = json.loads(path.read_text())["networks"]
    slower = [row | {"latency_ms": 1.5 * row["latency_ms"]} for row in rows]
    path.write_text(json.dumps({"networks": rows + slower + rows}))

    measured = read_measured(path, open_supernet(find_checkpoint("fashion_mnist"))[1].space)

    assert [one.latency_ms for one in measured] == [row["latency_ms"] for row in rows]


def test_equal_latencies_say_nothing_of_the_order(tmp_path):
    path = measured_file(tmp_path / "networks.json")
    rows = json.loads(path.read_text())["networks"]
    middle = sorted(row["latency_ms"] for row in rows)[2]
    path.write_text(json.dumps({"networks": [row | {"latency_ms": middle} for row in rows]}))

    model = pipeline.adapt_device(
        device="note10", measured=path, checkpoint="fashion_mnist", out=tmp_path / "x"
    )

    assert model.evidence.spearman == 0


def test_a_description_written_by_hand_is_not_overwritten(tmp_path):
    path, out = measured_file(tmp_path / "networks.json"), tmp_path / "pi5"
    out.mkdir()
    by_hand = (SHIPPED / "raspberry-pi-4" / "device.yaml").read_text()
    (out / "device.yaml").write_text(by_hand)
    about = {"device": "note10", "measured": path, "checkpoint": "fashion_mnist"}

    with pytest.raises(BadArtifact, match=r"device\.yaml: describes 'Raspberry Pi 4.* already"):
        pipeline.adapt_device(**about, out=out)

    assert (out / "device.yaml").read_text() == by_hand
    assert len(list(out.iterdir())) == 1
    with pytest.raises(BadArtifact, match="device name 'my phone'"):
        pipeline.adapt_device(**about, out=tmp_path / "my phone")
    again = [pipeline.adapt_device(**about, out=tmp_path / "mine") for _ in range(2)]
    assert again[0] == again[1]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[]", r"JSON object"),
        ('{"networks": [{"latency_ms": 1}]}', r"networks.0.arch"),
        ('{"nets": []}', r"nets"),
    ],
)
def test_a_malformed_file_is_refused_by_field(tmp_path, text, message):
    path = tmp_path / "networks.json"
    path.write_text(text)

    with pytest.raises(BadArtifact, match=message):
        read_measured(path, SPACE)


def test_a_network_of_another_space_is_refused(tmp_path):
    path = measured_file(tmp_path / "networks.json", resolution=9)

    with pytest.raises(
        IllegalArch, match=r"networks\.json: network 1: .* 9 is not one of .*; give"
    ):
        read_measured(path, open_supernet(find_checkpoint("fashion_mnist"))[1].space)


@pytest.mark.parametrize("factor", [0.0, -1.0, 1e-310, 1e9])
def test_a_latency_that_no_device_has_is_refused(factor, tmp_path):
    path = measured_file(tmp_path / "networks.json", factor=factor)

    with pytest.raises(BadArtifact, match=r"network 1: latency_ms is .*; give ms from 0.001"):
        read_measured(path, open_supernet(find_checkpoint("fashion_mnist"))[1].space)
