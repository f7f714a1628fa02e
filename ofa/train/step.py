"""The arithmetic of one step: which subnets run, what each learns from, one backward after another.

One backward a subnet keeps peak memory at one graph; gradients add up over subnets, as in the
reference project. Images are resized once a resolution, and a teacher runs once.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from ofa.nn import FastGradients
from ofa.recipe import Train
from ofa.space import AnyArch
from ofa.train.losses import Labels, alpha_divergence, distillation_loss, label_loss
from ofa.train.ranks import Ranks
from ofa.train.sampling import Groups

Teacher = Callable[["Sizes"], Tensor]
"""Logits for images that are asked for by their size."""


@dataclass(frozen=True, eq=False)
class Sizes:
    """Normalized images at any resolution, each made once."""

    images: Float[Tensor, "b c r r"]
    _made: dict[int, Tensor] = field(default_factory=dict)

    def at(self, resolution: int) -> Float[Tensor, "b c r2 r2"]:
        """The images at a resolution."""
        if resolution not in self._made:
            self._made[resolution] = self._resized(resolution)
        return self._made[resolution]

    def _resized(self, resolution: int) -> Tensor:
        images = self.images
        if images.shape[-1] != resolution:
            images = F.interpolate(images, size=resolution, mode="bilinear", antialias=True)
        return images.contiguous(memory_format=torch.channels_last)


@dataclass(frozen=True, kw_only=True, eq=False)
class Learned:
    """What came of a batch.

    Attributes:
        loss: Loss of the first subnet.
        logits: Logits of the first subnet.
        losses: Loss of every subnet.
    """

    loss: Float[Tensor, ""]
    logits: Float[Tensor, "b classes"]
    losses: Mapping[AnyArch, Float[Tensor, ""]]


def learn(
    supernet: nn.Module,
    archs: Sequence[AnyArch],
    sizes: Sizes,
    labels: Labels,
    *,
    train: Train,
    teacher: Teacher | None,
    in_place: bool,
    backward: Callable[[Tensor], None],
) -> Learned:
    """Add the gradients of every subnet of a step.

    Args:
        archs: The largest first, where the others learn from it.
        teacher: Whom all learn from, besides labels.
        in_place: Whether the first learns from labels, and the others from it.
        backward: Called with each loss.
    """
    target = teacher(sizes) if teacher else None
    first: Tensor | None = None
    losses: dict[AnyArch, Tensor] = {}
    for arch in archs:
        with FastGradients():
            logits = supernet(sizes.at(arch.resolution), arch)
        loss = _loss(logits, labels, target, train)
        backward(loss)
        losses[arch] = loss.detach()
        if first is None:
            first = logits.detach()
            if in_place:
                target = first
    assert first is not None
    return Learned(loss=losses[archs[0]], logits=first, losses=losses)


@torch.no_grad()
def chosen(
    supernet: nn.Module,
    groups: Groups,
    images: Sizes,
    labels: Labels,
    *,
    best: bool,
    ranks: Ranks,
) -> tuple[AnyArch, ...]:
    """One arch of each group: of several, that of the lowest or of the highest loss.

    Args:
        images: The same on every rank.
        ranks: They add their losses up, so that all choose alike, however each of them rounds.

    Source: best-up and worst-up sampling, Wang et al., CVPR 2021, arXiv:2011.09011, by loss.
    """

    def loss(arch: AnyArch) -> Tensor:
        return F.cross_entropy(supernet(images.at(arch.resolution), arch), labels)

    def pick(group: Sequence[AnyArch]) -> AnyArch:
        if len(group) == 1:
            return group[0]
        losses = ranks.sum(torch.stack([loss(arch) for arch in group]))
        return group[int(losses.argmin() if best else losses.argmax())]

    with without_dropout(supernet):  # its masks differ by rank
        return tuple(dict.fromkeys(map(pick, groups)))


@contextmanager
def without_dropout(net: nn.Module) -> Iterator[None]:
    """Let a net that judges or teaches use all its features, and batch statistics as before."""
    dropouts = [one for one in net.modules() if isinstance(one, nn.Dropout) and one.training]
    for dropout in dropouts:
        dropout.eval()
    try:
        yield
    finally:
        for dropout in dropouts:
            dropout.train()


def _loss(logits: Tensor, labels: Labels, target: Tensor | None, train: Train) -> Tensor:
    if target is None:
        return label_loss(logits, labels, smoothing=train.label_smoothing)
    divergence = alpha_divergence if train.distillation == "alpha" else distillation_loss
    loss = divergence(logits, target)
    if train.label_weight:
        labeled = label_loss(logits, labels, smoothing=train.label_smoothing)
        loss = loss + train.label_weight * labeled
    return loss
