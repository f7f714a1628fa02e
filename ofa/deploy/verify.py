"""The forms of a deployed subnet, from its supernet to its engines, and the ladder between them."""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int64
from torch import Tensor, nn

from ofa.data import ImageSet, Normalization, resized
from ofa.deploy.ladder import Form, Ladder, climb, torch_logits
from ofa.evaluate import run_engine, run_in_chunks
from ofa.runtime import AbstractSession
from ofa.space import AnyArch


@dataclass(frozen=True, kw_only=True)
class Climbed:
    """A ladder, and what each form said.

    Attributes:
        ladder: Its rungs.
        predicted: Label that each engine gives to every test image, by the engine's name.
        top1: Top-1 of each engine on the test split, percent.
    """

    ladder: Ladder
    predicted: Mapping[str, Int64[np.ndarray, "n"]]
    top1: Mapping[str, float]

    def judge(self, meant: str, *, portable: str) -> str:
        """The engine whose labels speak for the bundle: the one meant, if it could run here."""
        return meant if meant in self.predicted else portable


def climb_forms(
    *,
    supernet: nn.Module | None,
    arch: AnyArch,
    extracted: nn.Module | None,
    subnet: nn.Module | None,
    engines: Sequence[tuple[str, str, AbstractSession | None]],
    unchecked: Mapping[str, str],
    normalization: Normalization,
    test: ImageSet,
    input_type: str,
) -> Climbed:
    """Climb from the supernet to every engine that can run here, on the test images.

    Args:
        supernet: Run at ``arch`` with the statistics of ``extracted``; ``None`` starts higher.
        extracted: The subnet cut out of the supernet and recalibrated, afresh.
        subnet: The network whose weights are shipped; ``None`` if they are not.
        engines: Name, precision and session of each engine; the first is the portable one.
        unchecked: Engines that cannot run here, and why not.
    """
    pixels = resized(test.images, arch.resolution).numpy()
    labels = test.labels.numpy()

    def torch_form(name: str, net: nn.Module) -> Form:
        forward = torch_logits(net, normalization)
        return Form(name=name, precision="fp32", logits=run_in_chunks(forward, pixels))

    trunk = []
    if supernet is not None and extracted is not None:
        trunk.append(torch_form("supernet", AtArch(supernet, arch, statistics=extracted)))
        trunk.append(torch_form("extracted", extracted))
    if subnet is not None:
        trunk.append(torch_form("subnet", subnet))
    built = [
        Form(
            name=name,
            precision=precision,
            logits=run_engine(session, pixels, input_type=input_type),
        )
        for name, precision, session in engines
        if session is not None
    ]
    portable, *others = built
    ladder = climb([*trunk, portable], others, labels, unchecked=unchecked)
    predicted = {form.name: form.logits.argmax(1) for form in built}
    top1 = {name: 100 * float((found == labels).mean()) for name, found in predicted.items()}
    return Climbed(ladder=ladder, predicted=predicted, top1=top1)


class AtArch(nn.Module):
    """A supernet run at one arch, with the batch-norm statistics of that arch's subnet.

    The supernet's own statistics mix all subnets, so that the two could not be compared.
    """

    def __init__(self, supernet: nn.Module, arch: AnyArch, *, statistics: nn.Module) -> None:
        super().__init__()
        self.supernet = copy.deepcopy(supernet).eval()
        self.arch = arch
        norms = dict(self.supernet.named_modules())
        for name, module in statistics.named_modules():
            if isinstance(module, nn.BatchNorm2d):
                norm = norms[name]
                assert isinstance(norm, nn.BatchNorm2d)
                for key in ("running_mean", "running_var"):
                    values = getattr(module, key)
                    getattr(norm, key)[: len(values)] = values

    def forward(self, images: Tensor) -> Tensor:
        return self.supernet(images, self.arch)
