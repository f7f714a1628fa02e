"""Weights to start from: a supernet's, or a torchvision MobileNetV3's, as far as shapes agree."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor, nn

from ofa.errors import BadArtifact


@dataclass(frozen=True, kw_only=True)
class WarmStart:
    """What was taken over.

    Attributes:
        taken: Tensors with given values.
        left: Tensors that keep their random start, with the reason.
    """

    taken: tuple[str, ...]
    left: tuple[str, ...]


def warm_start_(supernet: nn.Module, state: Mapping[str, Tensor], *, where: Path) -> WarmStart:
    """Give a supernet every tensor of ``state`` that has the shape of its own.

    Names are those of this project's supernets, or of torchvision's MobileNetV3.

    Raises:
        BadArtifact: If none fits.
    """
    given = _of_torchvision(state, supernet) if "features.0.0.weight" in state else dict(state)
    own = supernet.state_dict()
    taken, left = [], []
    for name, tensor in own.items():
        if name not in given:
            left.append(f"{name} (not given)")
        elif given[name].shape != tensor.shape:
            left.append(f"{name} ({tuple(given[name].shape)} given, {tuple(tensor.shape)} needed)")
        else:
            taken.append(name)
    if not taken:
        raise BadArtifact(f"{where}: no tensor fits the space; the first, {left[0]}")
    supernet.load_state_dict({name: given[name] for name in taken}, strict=False)
    return WarmStart(taken=tuple(taken), left=tuple(left))


def _of_torchvision(state: Mapping[str, Tensor], supernet: nn.Module) -> dict[str, Tensor]:
    """The tensors under this project's names, block by block in order of depth within stages."""
    last = max(int(name.split(".")[1]) for name in state if name.startswith("features."))
    renamed = {"stem.conv": "features.0.0", "stem.bn": "features.0.1"}
    renamed |= {"head.conv": f"features.{last}.0", "head.bn": f"features.{last}.1"}
    renamed |= {"feature.conv": "classifier.0", "classifier": "classifier.3"}
    renamed |= _block("first_block", "features.1", state)
    widths = {
        i: state[f"features.{i}.block.{_last_part(state, i)}.0.weight"].shape[0]
        for i in range(2, last)
    }
    block = 2
    for s, stage in enumerate(supernet.get_submodule("stages").children()):
        blocks = list(stage.children())
        project = blocks[0].get_submodule("project")
        assert isinstance(project, nn.Conv2d)
        while block < last and widths[block] != project.out_channels:
            block += 1
        for b in range(len(blocks)):
            if block < last and widths[block] == project.out_channels:
                renamed |= _block(f"stages.{s}.{b}", f"features.{block}", state)
                block += 1
    result = {
        f"{ours}.{leaf}": state[f"{theirs}.{leaf}"]
        for ours, theirs in renamed.items()
        for leaf in ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
        if f"{theirs}.{leaf}" in state
    }
    if "feature.conv.weight" in result:  # a linear layer there, a 1x1 convolution here
        result["feature.conv.weight"] = result["feature.conv.weight"][..., None, None]
    return result


def _last_part(state: Mapping[str, Tensor], block: int) -> int:
    prefix = f"features.{block}.block."
    return max(int(name.split(".")[3]) for name in state if name.startswith(prefix))


def _block(ours: str, theirs: str, state: Mapping[str, Tensor]) -> dict[str, str]:
    """Names of one inverted-residual block; squeeze-excite and expansion are there or not."""
    last = _last_part(state, int(theirs.split(".")[1]))
    parts = [f"{theirs}.block.{i}" for i in range(last + 1)]
    gates = [part for part in parts if f"{part}.fc1.weight" in state]
    convs = [part for part in parts if part not in gates]
    names = ("expand", "depthwise", "project")[-len(convs) :]
    renamed = {f"{ours}.{name}": f"{part}.0" for name, part in zip(names, convs, strict=True)}
    renamed |= {f"{ours}.{name}_bn": f"{part}.1" for name, part in zip(names, convs, strict=True)}
    for gate in gates:
        renamed |= {f"{ours}.squeeze_excite.reduce": f"{gate}.fc1"}
        renamed |= {f"{ours}.squeeze_excite.expand": f"{gate}.fc2"}
    return renamed
