"""The ResNet50D family gives the reference's numbers, from names to training steps."""

import zlib
from dataclasses import replace

import numpy as np
import pytest
import torch
from reference import fill
from reference.fill import GOLDEN

from ofa.checkpoint import read_supernet
from ofa.errors import BadArtifact, IllegalArch, IllegalSpace
from ofa.reference import (
    export_weights,
    import_checkpoint,
    import_predictor,
    inspect,
    read_resnet_arch,
    read_resnet_predictor,
    write_resnet_arch,
)
from ofa.reference.keys import subnet_keys, supernet_keys
from ofa.reference.resnet_predictor import TRAINED_SIZES, ResNetPredictor
from ofa.reference.schedules import resnet_subnet_at
from ofa.search import neighbors
from ofa.space import ResNetEncoding, ResNetSpace, macs, params, resnet_network
from ofa.subnet import extract, recalibrating
from ofa.supernets import sort_bottleneck_channels_
from ofa.train.losses import label_loss

GOLD = GOLDEN["resnet"]
SPACE = ResNetSpace(resolutions=tuple(range(64, 257, 4)))
CASES = GOLD["forward"]
CHOICES = {"d": [2, 0, 1, 2, 1], "e": [0.2] * 18, "w": [0, 1, 2, 2, 1, 0], "image_size": 160}


@pytest.fixture(scope="module")
def supernet():
    """The filled supernet, float64."""
    return fill.supernet(SPACE)


def _name(value):
    return value["name"]


def test_names_shapes_and_order_are_those_of_the_reference():
    shapes = fill.shapes_of(SPACE)

    assert len(shapes) == GOLD["keys"]
    assert _checksum(shapes) == GOLD["keys_crc32"]
    for corner, arch in (("max", SPACE.largest()), ("min", SPACE.smallest())):
        shapes = fill.shapes_of(SPACE, resnet_network(SPACE, arch))
        assert _checksum(shapes) == GOLD["subnet_keys_crc32"][corner]


@pytest.mark.parametrize("case", CASES, ids=_name)
def test_macs_and_parameters_are_equal_integers(case):
    arch = read_resnet_arch(case["arch"], SPACE, resolution=case["resolution"])

    assert macs(resnet_network(SPACE, arch)) == case["macs"]
    assert params(resnet_network(SPACE, arch)) == case["params"]


@pytest.mark.parametrize("case", [case for case in CASES if case["resolution"] == 128], ids=_name)
def test_supernet_and_subnet_give_the_reference_logits(supernet, case):
    _check_logits(supernet, case)


@pytest.mark.slow  # forward passes of up to 7.5 GMACs in float64
@pytest.mark.parametrize("case", [case for case in CASES if case["resolution"] > 128], ids=_name)
def test_large_supernet_and_subnet_give_the_reference_logits(supernet, case):
    _check_logits(supernet, case)


@torch.no_grad()
def _check_logits(supernet, case):
    arch = read_resnet_arch(case["arch"], SPACE, resolution=case["resolution"])
    images = fill.images(2, case["resolution"])
    subnet = extract(supernet, SPACE, arch)

    logits = supernet(images.double(), arch)

    golden = torch.tensor(case["logits"], dtype=torch.float64)
    torch.testing.assert_close(logits[:, :3], golden, rtol=0, atol=1e-9)
    assert logits.sum(1).tolist() == pytest.approx(case["sums"], rel=0, abs=1e-9)
    assert logits.norm(dim=1).tolist() == pytest.approx(case["norms"], rel=0, abs=1e-9)
    torch.testing.assert_close(subnet(images.double()), logits, rtol=0, atol=1e-9)
    single = subnet.float()(images)[:, :3]
    torch.testing.assert_close(single, torch.tensor(case["logits32"]), rtol=1e-4, atol=1e-6)


@pytest.mark.slow  # ten images through the largest subnet in float64
@torch.no_grad()
def test_recalibration_in_the_reference_mode_gives_its_statistics(supernet):
    golden = GOLD["calibration"]
    arch = replace(SPACE.largest(), resolution=golden["resolution"])
    subnet = extract(supernet, SPACE, arch)

    with recalibrating([subnet], average="reference"):
        for tag, num in golden["batches"].items():
            subnet(fill.images(num, arch.resolution, tag).double())

    state, keys = subnet.state_dict(), supernet_keys(SPACE)
    for name, (total, squares) in golden["statistics"].items():
        values = state[keys[name]]
        assert values.sum().item() == pytest.approx(total, rel=1e-12, abs=1e-9)
        assert values.square().sum().item() == pytest.approx(squares, rel=1e-12, abs=1e-9)
    logits = subnet(fill.images(2, arch.resolution).double())
    assert logits.sum(1).tolist() == pytest.approx(golden["sums"], rel=0, abs=1e-9)


@torch.no_grad()
def test_sorting_orders_channels_as_the_reference_does():
    supernet = fill.supernet(SPACE)
    before = {name: tensor.clone() for name, tensor in supernet.state_dict().items()}

    largest = max(SPACE.expand_ratios)
    sort_bottleneck_channels_(supernet, SPACE, expand_ratios=(largest,), width_ratios=(1.0,))

    keys, after = supernet_keys(SPACE), supernet.state_dict()
    for name, checksum in GOLD["sorting"]["permutations_crc32"].items():
        tensor = keys[f"blocks.{name}.bn.bn.bias"]
        place = {value: index for index, value in enumerate(before[tensor].tolist())}
        order = [place[value] for value in after[tensor].tolist()]
        assert zlib.crc32(str(order).replace(" ", "").encode()) == checksum, name


@pytest.mark.slow  # four backward passes in float64
def test_two_training_steps_give_the_reference_losses_gradients_and_weights():
    golden = GOLD["training"]
    supernet = fill.supernet(SPACE).train()
    images = fill.images(golden["batch"], golden["resolution"], "train").double()
    labels = torch.tensor(golden["labels"])
    named = dict(supernet.named_parameters())
    ours = {theirs: name for theirs, name in supernet_keys(SPACE).items() if name in named}
    plain = [named[name] for theirs, name in ours.items() if "bn" in theirs or "bias" in theirs]
    decayed = [named[n] for theirs, n in ours.items() if not ("bn" in theirs or "bias" in theirs)]
    groups = [{"params": decayed, "weight_decay": 3e-5}, {"params": plain, "weight_decay": 0.0}]
    optimizer = torch.optim.SGD(groups, lr=0.05, momentum=0.9, nesterov=True)
    for step in golden["steps"]:
        optimizer.zero_grad()
        for subnet in step["subnets"]:
            arch = read_resnet_arch(subnet["arch"], SPACE, resolution=golden["resolution"])
            ce = label_loss(supernet(images, arch), labels, smoothing=0.1)
            assert ce.item() == pytest.approx(subnet["ce"], rel=1e-8)
            ce.backward()
        for name, (total, norm) in step["gradients"].items():
            gradient = named[ours[name]].grad
            assert gradient.norm().item() == pytest.approx(norm, rel=1e-8)
            assert gradient.sum().item() == pytest.approx(total, abs=1e-8 * norm)
        optimizer.step()
        for name, (total, norm) in step["weights"].items():
            assert named[ours[name]].norm().item() == pytest.approx(norm, rel=1e-8)
            assert named[ours[name]].sum().item() == pytest.approx(total, abs=1e-8 * norm)
        state, keys = supernet.state_dict(), supernet_keys(SPACE)
        for name, total in step["buffers"].items():
            assert state[keys[name]].sum().item() == pytest.approx(total, rel=1e-8, abs=1e-9)


def test_the_subnets_of_a_run_are_those_of_the_reference():
    for draw in GOLD["sampling"]:
        arch = resnet_subnet_at(
            SPACE, iteration=draw["iteration"], subnet=draw["subnet"], resolution=160
        )
        assert arch == read_resnet_arch(draw["arch"], SPACE, resolution=160)


def test_the_slope_of_a_linear_predictor_is_what_each_choice_changes():
    encoding = ResNetEncoding(ResNetSpace(resolutions=TRAINED_SIZES[::2]))
    arch = encoding.encode([encoding.space.largest()])
    num_features = ResNetPredictor(encoding=encoding, layers=()).features(arch).shape[1]
    weight = np.random.default_rng(0).normal(size=(1, num_features))
    predictor = ResNetPredictor(encoding=encoding, layers=((weight, np.zeros(1)),))
    around = neighbors(encoding, arch)  # all choices, in the order of the genes

    slope = predictor.slope(arch)[0]

    gene = np.repeat(np.arange(encoding.num_genes), encoding.num_choices)
    made = slope[np.cumsum(encoding.num_choices) - encoding.num_choices + arch[0]]
    changes = predictor.top1(around) - predictor.top1(arch)
    depths = range(encoding.num_genes)[encoding.depth_genes]
    others = ~np.isin(gene, depths)  # a depth shows in its blocks alone
    np.testing.assert_allclose((slope - made[gene])[others], changes[others], atol=1e-9)
    assert not slope[~others].any()


def test_the_predictor_reads_an_arch_as_the_reference_does():
    space = ResNetSpace(resolutions=TRAINED_SIZES)
    predictor = ResNetPredictor(encoding=ResNetEncoding(space), layers=())
    for case in GOLD["features"]:
        genotypes = predictor.encoding.encode([read_resnet_arch(case["arch"], space)])
        assert np.flatnonzero(predictor.features(genotypes)[0]).tolist() == case["columns"]
    with pytest.raises(IllegalSpace, match=r"space.resolutions: \[132\] are beyond"):
        ResNetPredictor(encoding=ResNetEncoding(ResNetSpace(resolutions=(128, 132))), layers=())


def test_a_predictor_is_imported_and_computes_as_plain_torch_layers(tmp_path):
    sizes = [(82, 8), (8, 8), (8, 8)]
    shapes = {f"layers.{i}.0.weight": (o, n) for i, (n, o) in enumerate(sizes)}
    shapes |= {name.replace("weight", "bias"): shape[:1] for name, shape in shapes.items()}
    state = fill.state(shapes | {"layers.3.weight": (1, 8), "base_acc": (1,)})
    torch.save({"state_dict": state}, tmp_path / "acc.pth")
    encoding = ResNetEncoding(ResNetSpace(resolutions=TRAINED_SIZES))
    genotypes = encoding.sample(16, np.random.default_rng(0))

    path = import_predictor(tmp_path / "acc.pth", family="ofa_resnet50", out=tmp_path)
    predictor = read_resnet_predictor(path, encoding)

    values = torch.from_numpy(predictor.features(genotypes))
    double = {name: tensor.double() for name, tensor in state.items()}
    for i in range(3):
        values = values @ double[f"layers.{i}.0.weight"].T + double[f"layers.{i}.0.bias"]
        values = values.relu()
    wanted = 100 * (values @ double["layers.3.weight"].T + double["base_acc"])[:, 0]
    np.testing.assert_allclose(predictor.top1(genotypes), wanted.numpy(), rtol=0, atol=1e-9)


def test_archs_survive_being_written_and_read():
    encoding = ResNetEncoding(SPACE)

    for arch in encoding.decode(encoding.sample(30, np.random.default_rng(0))):
        assert read_resnet_arch(write_resnet_arch(arch, SPACE), SPACE) == arch


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"d": [2, 0, 1, 2]}, "neither a number nor a list of 5 numbers"),
        ({"d": [2, -1, 1, 2, 1]}, r"stages.0 depth: 1 is not one of \[2, 3, 4\]"),
        ({"e": 0.3}, "expand_ratio: 0.3 is not one of"),
        ({"w": 3}, "w: 3 is not an index of the widths"),
        ({"image_size": None}, "no input size is given"),
        ({"ks": 3}, "unknown key 'ks'"),
    ],
)
def test_an_illegal_entry_is_named(change, problem):
    with pytest.raises(IllegalArch, match=problem):
        read_resnet_arch(CHOICES | change, SPACE)


def test_a_checkpoint_is_imported_inspected_and_exported_unchanged(tmp_path):
    state = fill.state(fill.shapes_of(ResNetSpace()))
    torch.save({"state_dict": state}, tmp_path / "net.pth")

    path = import_checkpoint(tmp_path / "net.pth", family="ofa_resnet50", out=tmp_path)
    export_weights(path, out=tmp_path / "back.pth")

    assert read_supernet(path)[1].space == ResNetSpace()
    assert "48.11 M parameters" in str(inspect(str(path)))
    back = torch.load(tmp_path / "back.pth")["state_dict"]
    assert list(back) == list(state)
    assert all(torch.equal(back[key], state[key]) for key in state)
    with pytest.raises(BadArtifact, match=r"lacks 475 of 475 tensors, first first_conv"):
        import_checkpoint(tmp_path / "net.pth", family="ofa_mbv3_w1.0", out=tmp_path)


def test_a_subnet_without_the_stem_residual_renumbers_the_stem():
    net = resnet_network(SPACE, SPACE.smallest())

    assert subnet_keys(net)["input_stem.1.conv.weight"] == "stem_out.conv.weight"


def _checksum(shapes):
    return zlib.crc32("\n".join(f"{name} {shape}" for name, shape in shapes.items()).encode())


def test_a_predictor_of_another_family_is_not_imported(tmp_path):
    sizes = [(128, 8), (8, 8), (8, 8), (8, 1)]
    shapes = {f"{2 * i}.weight": (o, n) for i, (n, o) in enumerate(sizes)}
    shapes |= {name.replace("weight", "bias"): shape[:1] for name, shape in shapes.items()}
    torch.save(fill.state(shapes), tmp_path / "acc.pth")

    with pytest.raises(BadArtifact, match="reads 128 features, but the predictor of ofa_resnet50"):
        import_predictor(tmp_path / "acc.pth", family="ofa_resnet50", out=tmp_path)
    with pytest.raises(IllegalSpace, match="resolutions: those of a predictor of ofa_resnet50"):
        import_predictor(
            tmp_path / "acc.pth", family="ofa_resnet50", out=tmp_path, resolutions=(224,)
        )
