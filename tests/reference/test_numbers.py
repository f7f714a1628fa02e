"""Supernets, subnets, calibration, sorting and training steps give the reference's numbers."""

import zlib
from dataclasses import replace

import pytest
import torch
from reference import fill
from reference.fill import GOLDEN, choices

from ofa.reference.dialects import read_arch
from ofa.reference.keys import subnet_keys, supernet_keys
from ofa.space import FAMILIES, macs, network, params
from ofa.subnet import StaticNet, extract, recalibrating
from ofa.supernets import sort_expansion_channels_
from ofa.train.losses import distillation_loss, label_loss

CASES = [
    (family, case)
    for family in GOLDEN["families"]
    for case in GOLDEN["families"][family]["forward"]
]
SMALL = [(family, case) for family, case in CASES if case["resolution"] <= 140]
LARGE = [(family, case) for family, case in CASES if case["resolution"] > 140]


@pytest.fixture(scope="module")
def supernets():
    """Filled supernets, float64, by family."""
    return {}


def _supernet(supernets, family):
    if family not in supernets:
        supernets[family] = fill.supernet(FAMILIES[family]())
    return supernets[family]


def _space(family):
    """The family's space at the input sizes of the golden figures."""
    return replace(FAMILIES[family](), resolutions=tuple(range(128, 241, 4)))


def _name(value):
    return value["name"] if isinstance(value, dict) else value


@pytest.mark.parametrize(("family", "case"), CASES, ids=_name)
def test_macs_and_parameters_are_equal_integers(family, case):
    space = _space(family)
    net = network(space, read_arch(choices(case["arch"]), space, resolution=case["resolution"]))

    assert macs(net) == case["macs"]
    assert params(net) == case["params"]


@pytest.mark.parametrize(("family", "case"), SMALL, ids=_name)
def test_supernet_and_subnet_give_the_reference_logits(supernets, family, case):
    _check_logits(_supernet(supernets, family), family, case)


@pytest.mark.slow  # forward passes of up to 1 GMACs in float64
@pytest.mark.parametrize(("family", "case"), LARGE, ids=_name)
def test_large_supernet_and_subnet_give_the_reference_logits(supernets, family, case):
    _check_logits(_supernet(supernets, family), family, case)


@torch.no_grad()
def _check_logits(supernet, family, case):
    space = _space(family)
    supernet.space = space
    arch = read_arch(choices(case["arch"]), space, resolution=case["resolution"])
    images = fill.images(2, case["resolution"])
    subnet = extract(supernet, space, arch)

    logits = supernet(images.double(), arch)

    golden = torch.tensor(case["logits"], dtype=torch.float64)
    torch.testing.assert_close(logits[:, :3], golden, rtol=0, atol=1e-9)
    assert logits.sum(1).tolist() == pytest.approx(case["sums"], rel=0, abs=1e-9)
    assert logits.norm(dim=1).tolist() == pytest.approx(case["norms"], rel=0, abs=1e-9)
    torch.testing.assert_close(subnet(images.double()), logits, rtol=0, atol=1e-9)
    single = subnet.float()(images)[:, :3]
    torch.testing.assert_close(single, torch.tensor(case["logits32"]), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("family", GOLDEN["families"])
@torch.no_grad()
def test_recalibration_in_the_reference_mode_gives_its_statistics(supernets, family):
    golden = GOLDEN["families"][family]["calibration"]
    space = _space(family)
    arch = replace(space.largest(), resolution=golden["resolution"])
    subnet = extract(_supernet(supernets, family), space, arch)

    with recalibrating([subnet], average="reference"):
        for tag, num in golden["batches"].items():
            subnet(fill.images(num, arch.resolution, tag).double())

    state, keys = subnet.state_dict(), subnet_keys(network(space, arch))
    for name, (total, squares) in golden["statistics"].items():
        values = state[keys[name]]
        assert values.sum().item() == pytest.approx(total, rel=1e-12, abs=1e-9)
        assert values.square().sum().item() == pytest.approx(squares, rel=1e-12, abs=1e-9)
    logits = subnet(fill.images(2, arch.resolution).double())
    assert logits[:, :3].flatten().tolist() == pytest.approx(_flat(golden["logits"]), abs=1e-9)
    assert logits.sum(1).tolist() == pytest.approx(golden["sums"], abs=1e-9)


@pytest.mark.parametrize("family", GOLDEN["families"])
@torch.no_grad()
def test_sorting_orders_channels_as_the_reference_does(family):
    golden = GOLDEN["families"][family]["sorting"]
    space = _space(family)
    supernet = fill.supernet(space)
    before = {name: tensor.clone() for name, tensor in supernet.state_dict().items()}

    sort_expansion_channels_(supernet, space, expand_ratios=(max(space.expand_ratios),))

    keys, after = supernet_keys(space), supernet.state_dict()
    for name, checksum in golden["permutations_crc32"].items():
        number, kind = name.split(".")
        depth_conv = f"blocks.{number}.conv.depth_conv"
        part = "bn.bn.bias" if kind == "dw" else "se.fc.reduce.bias"
        tensor = keys[f"{depth_conv}.{part}"]
        place = {value: index for index, value in enumerate(before[tensor].tolist())}
        order = [place[value] for value in after[tensor].tolist()]
        assert _checksum(order) == checksum, name
    narrow = replace(space, expand_ratios=(3,)).largest()
    narrow = replace(narrow, resolution=128)
    logits = supernet(fill.images(2, 128).double(), narrow)[:, :3]
    assert logits.flatten().tolist() == pytest.approx(_flat(golden["logits"]), abs=1e-9)


@pytest.mark.slow  # eight backward passes and two teachers in float64
def test_two_training_steps_give_the_reference_losses_gradients_and_weights():
    golden = GOLDEN["training"]
    space = replace(FAMILIES["ofa_mbv3_w1.0"](), resolutions=(golden["resolution"],))
    supernet = fill.supernet(space).train()
    teacher = _teacher(space).train()
    images = fill.images(golden["batch"], golden["resolution"], "train").double()
    labels = torch.tensor(golden["labels"])
    ours = supernet_keys(space)
    parameters = {theirs: dict(supernet.named_parameters()).get(ours[theirs]) for theirs in ours}
    plain = [p for name, p in parameters.items() if p is not None and _undecayed(name)]
    decayed = [p for name, p in parameters.items() if p is not None and not _undecayed(name)]
    groups = [{"params": decayed, "weight_decay": 3e-5}, {"params": plain, "weight_decay": 0.0}]
    optimizer = torch.optim.SGD(groups, lr=0.05, momentum=0.9, nesterov=True)
    for step in golden["steps"]:
        optimizer.zero_grad()
        with torch.no_grad():
            soft = teacher(images)
        for subnet in step["subnets"]:
            arch = read_arch(choices(subnet["arch"]), space, resolution=golden["resolution"])
            logits = supernet(images, arch)
            ce = label_loss(logits, labels, smoothing=0.1)
            kd = distillation_loss(logits, soft)
            assert ce.item() == pytest.approx(subnet["ce"], rel=1e-8)
            assert kd.item() == pytest.approx(subnet["kd"], rel=1e-8)
            (ce + kd).backward()
        for name, (total, norm) in step["gradients"].items():
            gradient = parameters[name].grad
            assert gradient.norm().item() == pytest.approx(norm, rel=1e-8)
            assert gradient.sum().item() == pytest.approx(total, abs=1e-8 * norm)
        optimizer.step()
        for name, (total, norm) in step["weights"].items():
            assert parameters[name].norm().item() == pytest.approx(norm, rel=1e-8)
            assert parameters[name].sum().item() == pytest.approx(total, abs=1e-8 * norm)
        state = supernet.state_dict()
        for name, total in step["buffers"].items():
            assert state[ours[name]].sum().item() == pytest.approx(total, rel=1e-8)


def _teacher(space):
    """The static network of the largest arch, filled by its own reference names."""
    net = network(space, space.largest())
    teacher = StaticNet(net)
    filled = fill.state(fill.shapes_of(space, net))
    teacher.load_state_dict({ours: filled[theirs] for theirs, ours in subnet_keys(net).items()})
    return teacher.double()


def _undecayed(name):
    return "bn" in name or "bias" in name


def _flat(rows):
    return [value for row in rows for value in row]


def _checksum(order):
    return zlib.crc32(str(order).replace(" ", "").encode())
