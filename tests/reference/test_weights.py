"""Checkpoints of the reference: read safely in every form, checked whole, written back exactly."""

import io
import os
from collections import OrderedDict

import numpy as np
import pytest
import torch
from reference import fill

from ofa.errors import BadArtifact
from ofa.reference.keys import supernet_keys
from ofa.reference.weights import read_state, reference_state, supernet_state, write_state
from ofa.space import FirstBlock, Head, SearchSpace, Stage, Stem

SPACE = SearchSpace(
    num_classes=4,
    resolutions=(32,),
    expand_ratios=(3, 6),
    depths=(1, 2),
    stem=Stem(width=8),
    first_block=FirstBlock(width=8),
    stages=(Stage(width=16, stride=2), Stage(width=24, squeeze_excite=True)),
    head=Head(expand_width=32, feature_width=40),
)
STATE = fill.state(fill.shapes_of(SPACE))


def _equal(one, other):
    return list(one) == list(other) and all(
        one[key].dtype == other[key].dtype and torch.equal(one[key], other[key]) for key in one
    )


def _saved(path, content, **options):
    torch.save(content, path, **options)
    return path


@pytest.mark.parametrize("legacy", [False, True], ids=["zip", "legacy"])
@pytest.mark.parametrize("nested", [False, True])
def test_zip_and_legacy_files_are_read_whether_nested_or_not(tmp_path, legacy, nested):
    content = {"state_dict": OrderedDict(STATE), "epoch": 3} if nested else STATE
    path = _saved(tmp_path / "net.pth", content, _use_new_zipfile_serialization=not legacy)

    assert _equal(read_state(path), STATE)


def test_prefixes_of_parallel_training_and_the_older_spelling_are_understood(tmp_path):
    old = {
        "module." + name.replace(".conv.", ".mobile_inverted_conv.", 1)
        if name.startswith("blocks.")
        else "module." + name: tensor
        for name, tensor in STATE.items()
    }
    path = _saved(tmp_path / "net.pth", {"state_dict": old})

    assert _equal(read_state(path), STATE)


@pytest.mark.parametrize("kind", [np.float64, np.float32, np.int64])
def test_numpy_scalars_beside_the_weights_do_no_harm(tmp_path, kind):
    path = _saved(tmp_path / "net.pth", {"state_dict": STATE, "best_acc": kind(76.5)})

    assert _equal(read_state(path), STATE)


def test_a_file_that_would_run_code_is_refused_and_runs_nothing(tmp_path):
    class Trap:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "sprung"),)

    path = _saved(tmp_path / "net.pth", {"state_dict": STATE, "extra": Trap()})

    with pytest.raises(BadArtifact, match=r"mkdir.*save its state_dict alone"):
        read_state(path)
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[: len(data) // 2],
        lambda data: b"",
        lambda data: b"\x80\x02}q\x00.",
        lambda data: b"\x80\x02}q\x00X",
    ],
    ids=["cut off", "empty", "no tensors", "cut off within a number"],
)
@pytest.mark.parametrize("legacy", [False, True], ids=["zip", "legacy"])
def test_a_damaged_file_is_refused(tmp_path, damage, legacy):
    buffer = io.BytesIO()
    torch.save(STATE, buffer, _use_new_zipfile_serialization=not legacy)
    path = tmp_path / "net.pth"
    path.write_bytes(damage(buffer.getvalue()))

    with pytest.raises(BadArtifact, match=r"net\.pth: .*(copy|give)"):
        read_state(path)


def test_a_file_without_tensors_is_refused(tmp_path):
    path = _saved(tmp_path / "net.pth", {"state_dict": {"first_conv.conv.weight": 3}})

    with pytest.raises(BadArtifact, match=r"entry 'first_conv\.conv\.weight' is int"):
        read_state(path)


def test_the_first_missing_unknown_or_misshapen_tensor_is_named():
    missing = {key: tensor for key, tensor in STATE.items() if "point_linear" not in key}
    with pytest.raises(
        BadArtifact, match=r"net as x: lacks \d+ of \d+ tensors, first blocks\.0\.conv"
    ):
        supernet_state(missing, SPACE, where="net as x")

    unknown = {**STATE, "blocks.9.conv.weight": torch.zeros(1)}
    with pytest.raises(BadArtifact, match=r"1 unknown tensors, first blocks\.9\.conv\.weight"):
        supernet_state(unknown, SPACE, where="net")

    misshapen = {**STATE, "classifier.linear.bias": torch.zeros(5)}
    with pytest.raises(BadArtifact, match=r"classifier\.linear\.bias has shape \(5,\), but \(4,\)"):
        supernet_state(misshapen, SPACE, where="net")

    rounded = {**STATE, "classifier.linear.bias": torch.zeros(4, dtype=torch.float16)}
    with pytest.raises(BadArtifact, match=r"bias is torch\.float16, but torch\.float32"):
        supernet_state(rounded, SPACE, where="net")

    broken = {**STATE, "classifier.linear.bias": torch.full((4,), torch.nan)}
    with pytest.raises(BadArtifact, match="bias holds values that are not finite"):
        supernet_state(broken, SPACE, where="net")


def test_a_static_network_of_the_largest_arch_becomes_a_supernet_with_identity_transforms():
    static = supernet_keys(SPACE, elastic=False)
    shapes = dict(zip(supernet_keys(SPACE).values(), fill.shapes_of(SPACE).values(), strict=True))
    state = {theirs: fill.tensor(theirs, tuple(shapes[ours])) for theirs, ours in static.items()}

    ours = supernet_state(state, SPACE, where="net")

    assert torch.equal(ours["stages.0.0.depthwise.transforms.7to5"], torch.eye(25))
    assert torch.equal(
        ours["stages.0.0.depthwise.weight"], state["blocks.1.conv.depth_conv.conv.weight"]
    )


def test_weights_written_back_are_bit_for_bit_the_file_that_was_read(tmp_path):
    ours = supernet_state(STATE, SPACE, where="net")

    write_state(tmp_path / "net.pth", reference_state(ours, supernet_keys(SPACE)))

    content = torch.load(tmp_path / "net.pth", weights_only=True)
    assert list(content) == ["state_dict"]
    assert _equal(content["state_dict"], STATE)


def _partly_static(blocks):
    """``STATE`` with some blocks spelled as in the static network of the largest arch."""
    ours = supernet_keys(SPACE)
    static = {name: theirs for theirs, name in supernet_keys(SPACE, elastic=False).items()}
    state = {}
    for theirs, tensor in STATE.items():
        is_static = theirs.startswith(blocks) and ours[theirs] in static
        state[static[ours[theirs]] if is_static else theirs] = tensor
    return state


def test_a_file_spelled_partly_as_elastic_and_partly_as_static_is_read_tensor_by_tensor():
    mixed = _partly_static(("blocks.1.", "blocks.3."))
    assert mixed.keys() != STATE.keys()

    assert _equal(
        supernet_state(mixed, SPACE, where="net"), supernet_state(STATE, SPACE, where="net")
    )


def test_only_kernels_spelled_as_static_ones_may_lack_their_transforms():
    mixed = _partly_static(("blocks.1.",))
    transform = "depth_conv.conv.7to5_matrix"
    without = {key: t for key, t in mixed.items() if key != f"blocks.1.conv.{transform}"}

    ours = supernet_state(without, SPACE, where="net")

    assert torch.equal(ours["stages.0.0.depthwise.transforms.7to5"], torch.eye(25))
    del without[f"blocks.2.conv.{transform}"]
    with pytest.raises(BadArtifact, match=r"lacks 2 of .* first blocks\.1|first blocks\.2"):
        supernet_state(without, SPACE, where="net")


def test_a_tensor_in_both_spellings_is_refused_by_name():
    elastic, static = "blocks.1.conv.point_linear.conv.conv", "blocks.1.conv.point_linear.conv"
    twice = {**STATE, f"{static}.weight": STATE[f"{elastic}.weight"]}

    with pytest.raises(BadArtifact, match=rf"twice, as {elastic}\.weight and as {static}\.weight"):
        supernet_state(twice, SPACE, where="net")
