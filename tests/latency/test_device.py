"""Devices are found by id and alias, and refused by name."""

from pathlib import Path

import pytest

from ofa.errors import BadArtifact, UnknownDevice
from ofa.latency import list_devices, load_device, twins

SHIPPED = Path(__file__).parent.parent.parent / "devices"
DEVICE = """
aliases: [{aliases}]
hardware: {{name: Some Phone, soc: Some Chip, unit: cpu}}
runtime: {{name: tflite}}
precision: fp32
threads: 1
batch: 1
target: none
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name, aliases in (("pixel", "pixel1"), ("note10", ""), ("host", "local")):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "device.yaml").write_text(DEVICE.format(aliases=aliases))
    return tmp_path


def test_a_device_answers_to_its_id_and_to_its_aliases(root):
    assert load_device(root, "pixel") == load_device(root, "pixel1")
    assert load_device(root, "pixel1").id == "pixel"


def test_a_folder_of_its_own_is_a_device(root):
    assert load_device(root, str(root / "note10")).id == "note10"


def test_devices_are_listed_by_id(root):
    assert [device.id for device in list_devices(root)] == ["host", "note10", "pixel"]


def test_a_misspelt_device_is_answered_with_near_names(root):
    with pytest.raises(
        UnknownDevice, match=r"'Pixle'; did you mean pixel.*ofa devices lists all 5 names"
    ):
        load_device(root, "Pixle")


def test_a_name_near_to_none_is_answered_with_where_names_are_listed(root):
    with pytest.raises(UnknownDevice, match=r"'../etc'; ofa devices lists all 5 names"):
        load_device(root, "../etc")


def test_a_folder_that_describes_no_device_is_told_what_it_lacks(root):
    (root / "pi5").mkdir()

    with pytest.raises(
        UnknownDevice, match=r"pi5', and the folder of that name holds no device\.yaml; describe"
    ):
        load_device(root, str(root / "pi5"))


def test_one_name_for_two_devices_is_refused(root):
    (root / "host" / "device.yaml").write_text(DEVICE.format(aliases="note10"))

    with pytest.raises(BadArtifact, match=r"note10.device.yaml: 'note10' already names 'host'"):
        list_devices(root)


def test_a_folder_without_devices_is_refused(tmp_path):
    with pytest.raises(BadArtifact, match=r"holds no <id>/device.yaml"):
        list_devices(tmp_path)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("batch: 1", "batch: 0", r"batch: 0 is not a count"),
        ("precision: fp32", "precision: fp31", r"device.yaml: precision"),
        ("target: none", "target: none\ncolour: red", r"device.yaml: colour"),
    ],
)
def test_a_malformed_description_is_refused_by_file_and_field(root, old, new, message):
    path = root / "host" / "device.yaml"
    path.write_text(path.read_text().replace(old, new))

    with pytest.raises(BadArtifact, match=message):
        load_device(root, "host")


def test_every_shipped_device_is_well_formed_and_has_a_card():
    devices = list_devices(SHIPPED)

    known = {name for device in devices for name in device.names}
    assert known >= {
        "host", "pixel", "pixel1", "pixel2", "pixel4", "pixel4-cpu-all", "pixel4-gpu", "note10",
        "note8", "s7edge", "lg-g8", "s10", "mi8se", "iphone-xs", "raspberry-pi-4", "jetson-nano",
        "jetson-tx2", "jetson-orin", "v100", "2080ti", "titan-xp", "titan-rtx", "1080ti", "xeon",
    }  # fmt: skip
    assert all((device.folder / "README.md").is_file() for device in devices)


def test_twins_differ_in_precision_alone(root):
    halved = root / "pixel-int8"
    halved.mkdir()
    (halved / "device.yaml").write_text(DEVICE.format(aliases="").replace("fp32", "int8"))
    threaded = root / "pixel-int8-all"
    threaded.mkdir()
    (threaded / "device.yaml").write_text(
        DEVICE.format(aliases="").replace("fp32", "int8").replace("threads: 1", "threads: 2")
    )
    for other in ("note10", "host"):
        path = root / other / "device.yaml"
        path.write_text(path.read_text().replace("Some Phone", other))

    found = twins(load_device(root, "pixel1"))

    assert [device.id for device in found] == ["pixel", "pixel-int8"]


def test_a_device_described_once_is_its_only_twin(root):
    for other in ("note10", "host"):
        path = root / other / "device.yaml"
        path.write_text(path.read_text().replace("Some Phone", other))

    assert twins(load_device(root, "note10")) == (load_device(root, "note10"),)
