"""What leaves this machine names no one, and what comes to it is shown, never obeyed."""

import shlex
import shutil
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

from ofa.checkpoint import SupernetNotes, read_supernet, write_supernet
from ofa.cli import main
from ofa.data.load import load_splits
from ofa.errors import BadArtifact, BadData, OfaError, TargetFailure
from ofa.latency import load_device
from ofa.opened import has_images, judges
from ofa.provenance import command, provenance
from ofa.recipe import Data
from ofa.run_files import SubnetNotes, read_subnet, write_subnet
from ofa.runtime import open_target
from ofa.runtime.ssh import SshTarget
from ofa.supernets import build_supernet

ODD = ("a b", "a'b", 'a"b', "a;b", "$(touch canary)", "`touch canary`", "a\nb", "-oProxyCommand=x",
       "a|b", "a&b", "a\x00b", "../a", "a/b", "~a", "", "\x1b[2Ja", "\u202ea")  # fmt: skip


@pytest.fixture(autouse=True)
def at_home(tmp_path, monkeypatch):
    """A home folder, and an empty folder to work in."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "home"


def test_an_artifact_tells_the_command_without_the_home_folder(at_home, monkeypatch):
    words = ["/usr/bin/ofa", "train", "--out", f"{at_home}/my runs/x", f"--data.root={at_home}"]
    monkeypatch.setattr("sys.argv", words)

    told = provenance()["command"]

    assert told == "ofa train --out ~/'my runs/x' '--data.root=~'"
    assert str(at_home) not in str(provenance())


@pytest.mark.parametrize("word", [word for word in ODD if "\x00" not in word and word != "~a"])
def test_a_command_in_an_artifact_can_be_pasted_into_a_shell(word):
    assert shlex.split(command(["ofa", word])) == ["ofa", word]


def test_a_checkpoint_keeps_the_folder_of_its_images_without_the_home_folder(
    at_home, tmp_path, tiny_space
):
    path = tmp_path / "supernet.safetensors"
    data = Data(name="image_folder", root=str(at_home / "images"), num_search=2)
    notes = SupernetNotes(
        space=tiny_space, data=data, classes=tuple("abcd"), mean=(0.5,) * 3, std=(0.2,) * 3, ofa="0"
    )

    write_supernet(path, {"w": np.ones(3, np.float32)}, notes)

    assert str(at_home).encode() not in path.read_bytes()
    read = read_supernet(path)[1].data
    assert asdict(read) == asdict(replace(data, root="~/images"))
    with pytest.raises(BadData, match=str(at_home / "images")):  # where it is looked for
        load_splits(read, tiny_space)


def test_no_file_asks_for_a_download(tmp_path, tiny_space):
    data = Data(name="cifar10", download=True)
    facts = {"classes": tuple("abcd"), "mean": (0.5,) * 3, "std": (0.2,) * 3}
    supernet, tensors = tmp_path / "supernet.safetensors", {"w": np.ones(3, np.float32)}
    subnet = SubnetNotes(
        space=tiny_space, arch=tiny_space.largest(), search_top1=1, test_top1=1, num_test_images=1,
        macs=1, params=1, supernet_sha256="", finetuned_epochs=1, transferred_to=data, **facts,
    )  # fmt: skip

    write_supernet(supernet, tensors, SupernetNotes(space=tiny_space, data=data, ofa="0", **facts))
    write_subnet(tmp_path / "subnet", tensors, subnet, inputs={})

    assert not read_supernet(supernet)[1].data.download
    assert not read_subnet(tmp_path / "subnet")[1].transferred_to.download


def test_a_checkpoint_finds_the_images_it_was_trained_on_in_the_home_folder(
    at_home, striped_images, tmp_path, tiny_space
):
    space = replace(tiny_space, num_classes=2)
    data = Data(name="image_folder", root=str(at_home / "images"), num_search=20)
    seen = load_splits(replace(data, root=str(striped_images)), space).normalization
    notes = SupernetNotes(
        space=space, data=data, classes=("columns", "rows"), mean=seen.mean, std=seen.std, ofa="0"
    )
    net = build_supernet(notes.space)
    tensors = {name: value.numpy() for name, value in net.state_dict().items()}
    write_supernet(tmp_path / "supernet.safetensors", tensors, notes)
    assert not has_images(tmp_path)

    shutil.copytree(striped_images, at_home / "images")

    assert has_images(tmp_path)
    assert len(judges(tmp_path).test) == 80


@pytest.mark.parametrize("name", [name for name in ODD if name and "\x00" not in name])
def test_a_device_whose_name_is_more_than_a_word_is_refused(tmp_path, name):
    folder = tmp_path / "devices" / name.replace("/", "$")
    folder.mkdir(parents=True)
    text = (Path(__file__).parent.parent / "devices/host/device.yaml").read_text()
    (folder / "device.yaml").write_text(text)
    plain = tmp_path / "plain"
    plain.mkdir()
    (plain / "device.yaml").write_text(text.replace("[local]", "[" + repr(name) + "]"))

    with pytest.raises(BadArtifact, match="use letters, digits"):
        load_device(tmp_path, str(folder))
    with pytest.raises(BadArtifact):
        load_device(tmp_path, str(plain))

    assert list(Path.cwd().iterdir()) == []


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("address", ["ssh://{}", "ssh://{}@host", "ssh://host:{}", "adb:{}", "{}"])
def test_an_address_that_is_more_than_a_name_is_refused(address, odd):
    if (address, odd) == ("ssh://host:{}", ""):
        return  # ssh takes its own port
    with pytest.raises(TargetFailure, match=r"is no address|holds no password"):
        open_target(address.format(odd), benchmark=Path("onnxruntime_perf_test"))


def test_ssh_asks_nothing_and_trusts_no_unknown_host():
    target = open_target("ssh://user@host:22")
    assert isinstance(target, SshTarget)

    words = target._command()

    assert words[0] == "ssh" and "BatchMode=yes" in words and "StrictHostKeyChecking=yes" in words
    assert words.index("--") == len(words) - 3  # nothing after it is an option


def test_an_error_shows_what_a_terminal_would_obey():
    error = OfaError("device: \x1b[2J\x07 \u202e \ud800 says ä × …")

    assert str(error) == r"device: \x1b[2J\x07 \u202e \ud800 says ä × …"


def test_the_command_line_prints_hostile_text_in_one_plain_line(tmp_path, capsys):
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text('"\\e[31mtrain": {"\\u202e": 1}\n')

    assert main(["train", "--recipe", str(recipe)]) == 1

    line = capsys.readouterr().err.removesuffix("\n")
    assert line.isprintable() and line.startswith("ofa train: ")
