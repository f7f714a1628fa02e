"""What a user types: import, export, inspect."""

import hashlib
import json

import numpy as np
import pytest
import torch
from reference import fill

from ofa import artifacts, checkpoint
from ofa.errors import BadArtifact, IllegalArch, IllegalSpace
from ofa.reference import (
    ZOO,
    export_weights,
    import_checkpoint,
    import_predictor,
    import_subnet,
    inspect,
    read_imported,
    read_predictor,
)
from ofa.reference.keys import subnet_keys
from ofa.run_files import SubnetNotes, read_subnet, write_subnet
from ofa.shipped import shipped
from ofa.space import (
    FAMILIES,
    RESNET_FAMILIES,
    Encoding,
    NetworkSummary,
    SearchSpace,
    Stage,
    macs,
    network,
)
from ofa.subnet import build_subnet

FAMILY = "ofa_mbv3_w1.0"
SPACE = FAMILIES[FAMILY]()
SMALL = SearchSpace(num_classes=2, resolutions=(32,), stages=(Stage(width=16, stride=2),))


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """A checkpoint in the reference's spelling."""
    path = tmp_path_factory.mktemp("published") / "ofa_mbv3_d234_e346_k357_w1.0"
    torch.save({"state_dict": fill.state(fill.shapes_of(SPACE))}, path)
    return path


def test_a_checkpoint_is_imported_with_its_space_and_its_hash_and_exported_unchanged(
    published, tmp_path
):
    imported = import_checkpoint(published, family=FAMILY, out=tmp_path)

    _, notes = checkpoint.read_supernet(imported)
    origin = artifacts.read_json(tmp_path / "import.json", schema="ofa.import")
    assert notes.space == SPACE and notes.data is None and len(notes.classes) == 1000
    digest = hashlib.sha256(published.read_bytes()).hexdigest()
    assert origin["inputs"]["checkpoint"] == {"file": published.name, "sha256": digest}

    export_weights(imported, out=tmp_path / "back.pth")

    before, after = (torch.load(p)["state_dict"] for p in (published, tmp_path / "back.pth"))
    assert list(after) == list(before)
    assert all(torch.equal(after[key], before[key]) for key in before)
    assert all(after[key].shape == before[key].shape for key in before)


def test_a_checkpoint_of_another_family_is_refused_by_the_first_tensor_that_differs(
    published, tmp_path
):
    with pytest.raises(BadArtifact, match=r"as ofa_mbv3_w1\.2: first_conv\.conv\.weight has shape"):
        import_checkpoint(published, family="ofa_mbv3_w1.2", out=tmp_path)
    with pytest.raises(IllegalSpace, match="family 'mbv9' is not one of"):
        import_checkpoint(published, family="mbv9", out=tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_specialised_network_is_imported_as_a_fixed_subnet(tmp_path):
    arch = SPACE.smallest()
    net = network(SPACE, arch)
    state = fill.state(fill.shapes_of(SPACE, net))
    source = tmp_path / "note10"
    source.mkdir()
    torch.save({"state_dict": state}, source / "init")
    (source / "net.config").write_text(json.dumps(_netconfig(net)))
    (source / "run.config").write_text('{"image_size": 164}')

    path = import_subnet(source, out=tmp_path / "out")

    tensors, notes = read_imported(path)
    assert notes.arch.stages == arch.stages and notes.arch.resolution == 164
    for theirs, ours in subnet_keys(net).items():
        np.testing.assert_array_equal(tensors[ours], state[theirs].numpy())
    assert isinstance(inspect(str(path)), NetworkSummary)
    export_weights(path, out=tmp_path / "back")
    assert list(torch.load(tmp_path / "back")["state_dict"]) == list(state)


def test_an_extracted_subnet_is_exported_as_the_static_network_of_the_reference(tmp_path):
    arch = SMALL.smallest()
    folder = extracted(tmp_path / "subnet", arch)

    export_weights(folder / "subnet.safetensors", out=tmp_path / "back.pth")

    state = torch.load(tmp_path / "back.pth")["state_dict"]
    tensors, _ = read_subnet(folder)
    keys = subnet_keys(network(SMALL, arch))
    assert list(state) == list(keys)
    assert all(np.array_equal(state[theirs], tensors[ours]) for theirs, ours in keys.items())
    assert inspect(str(folder)).macs == macs(network(SMALL, arch))


def test_weights_that_nothing_tells_the_layers_of_are_not_exported(tmp_path):
    file = extracted(tmp_path / "subnet", SMALL.smallest()) / "subnet.safetensors"
    file.with_name("subnet.json").unlink()

    with pytest.raises(BadArtifact, match=r"lacks the subnet\.json beside it.*ofa extract wrote"):
        export_weights(file, out=tmp_path / "back.pth")

    file = extracted(tmp_path / "cut", SMALL.smallest(), without="classifier.bias")
    with pytest.raises(BadArtifact, match=r"lacks 1 of \d+ tensors, first classifier\.bias; copy"):
        export_weights(file / "subnet.safetensors", out=tmp_path / "back.pth")
    assert not (tmp_path / "back.pth").exists()


def test_a_predictor_is_imported_for_its_family(tmp_path):
    shapes = {
        f"{2 * i}.weight": (o, n) for i, (n, o) in enumerate([(128, 8), (8, 8), (8, 8), (8, 1)])
    }
    shapes |= {name.replace("weight", "bias"): shape[:1] for name, shape in shapes.items()}
    torch.save(fill.state(shapes), tmp_path / "acc.pth", _use_new_zipfile_serialization=False)

    path = import_predictor(tmp_path / "acc.pth", family="ofa_mbv3_w1.2", out=tmp_path)

    space = FAMILIES["ofa_mbv3_w1.2"]()
    with pytest.raises(IllegalSpace, match="beyond the predictor"):
        read_predictor(path, Encoding(space))
    with pytest.raises(BadArtifact, match=r"128 features, but ofa_proxyless_w1\.3"):
        import_predictor(tmp_path / "acc.pth", family="ofa_proxyless_w1.3", out=tmp_path)


def test_a_space_is_inspected_by_family_recipe_or_checkpoint(published, tmp_path):
    imported = import_checkpoint(published, family=FAMILY, out=tmp_path)
    (tmp_path / "recipe.yaml").write_text("space: {num_classes: 10, resolutions: [64]}\n")

    text = str(inspect(FAMILY))

    assert "5.44e+20 subnets" in text
    assert "566.17 M MACs, 7.66 M parameters" in text
    assert text == str(inspect(str(imported))) == str(inspect(str(tmp_path)))
    assert "[64]" in str(inspect(str(tmp_path / "recipe.yaml")))

    (tmp_path / "recipe.yaml").write_text("space: {family: resnet50d, width_ratios: [0.5, 1]}\n")
    assert "width ratios [0.5, 1.0]" in str(inspect(str(tmp_path / "recipe.yaml")))


def test_a_shipped_space_is_inspected_by_name_from_any_folder(monkeypatch, tmp_path):
    by_path = str(inspect(str(shipped("recipes") / "tiny.yaml")))
    monkeypatch.chdir(tmp_path)

    assert str(inspect("tiny")) == str(inspect("recipes/tiny.yaml")) == by_path
    assert "[22, 25, 28]" in str(inspect("fashion_mnist"))
    assert "24px" in str(inspect('{"ks": 3, "e": 2, "d": 1, "r": 24}', space="tiny"))
    with pytest.raises(BadArtifact, match=r"'tinny' is no checkpoint.*; did you mean tiny\?"):
        inspect("tinny")


def test_an_arch_is_inspected_in_our_form_and_in_the_reference_s():
    largest = SPACE.largest()

    ours = inspect(largest.to_json())
    theirs = inspect('{"ks": 7, "e": 6, "d": 4, "image_size": 224}')

    assert str(ours) == str(theirs)
    assert ours.macs == 566_170_656
    with pytest.raises(IllegalArch, match="expand_ratio"):
        inspect('{"ks": 7, "e": 5, "d": 4}')


@pytest.mark.parametrize("target", ["nowhere", "{", "{}", '{"resolution": 224, "stages": 3}'])
def test_what_is_neither_space_nor_arch_is_refused(target):
    with pytest.raises((BadArtifact, IllegalArch)):
        inspect(target)


def test_published_files_are_listed_without_a_hash_that_nobody_published():
    assert {entry.family for entry in ZOO if entry.kind == "supernet"} == (
        set(FAMILIES) | set(RESNET_FAMILIES)
    )
    assert all(entry.location.startswith("https://") and entry.sha256 is None for entry in ZOO)


def extracted(folder, arch, *, without=None):
    """The folder of a subnet, as ``ofa extract`` writes it."""
    net = network(SMALL, arch)
    tensors = {name: tensor.numpy() for name, tensor in build_subnet(net).state_dict().items()}
    notes = SubnetNotes(
        space=SMALL, arch=arch, classes=("a", "b"), mean=(0.5,) * 3, std=(0.25,) * 3,
        search_top1=50.0, test_top1=50.0, num_test_images=2, macs=1, params=1, supernet_sha256="",
    )  # fmt: skip
    tensors.pop(without, None)
    write_subnet(folder, tensors, notes, inputs={})
    return folder


def _netconfig(net):
    """The reference's description of a network."""
    acts = {"relu": "relu", "hardswish": "h_swish"}

    def conv(layer):
        return {"in_channels": layer.in_channels, "out_channels": layer.out_channels,
                "stride": layer.stride, "act_func": acts[layer.activation]}  # fmt: skip

    def block(layer):
        ratio = round(layer.mid_channels / layer.in_channels)
        entry = {"name": "MBConvLayer", **conv(layer), "kernel_size": layer.kernel_size,
                 "expand_ratio": ratio, "mid_channels": layer.mid_channels,
                 "use_se": layer.se_channels > 0}  # fmt: skip
        return {"conv": entry, "shortcut": {} if not layer.skip else {"name": "IdentityLayer"}}

    blocks = [net.first_block, *(layer for stage in net.stages for layer in stage)]
    return {
        "name": "MobileNetV3",
        "first_conv": conv(net.stem),
        "blocks": [block(layer) for layer in blocks],
        "final_expand_layer": conv(net.head),
        "feature_mix_layer": conv(net.feature),
        "classifier": {"out_features": net.classifier.out_features, "dropout_rate": 0},
    }
