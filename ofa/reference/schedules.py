"""What a reference run visits, step by step: subnets, input sizes and learning rates.

A reference run seeds Python's generator before every draw, so its whole course follows from step
numbers.

Source: mit-han-lab/once-for-all @ f03b267, ``train_ofa_net.py`` and ``progressive_shrinking.py``.
"""

import math
import random
from dataclasses import dataclass

from ofa.space import Arch, Block, ResNetArch, ResNetSpace, SearchSpace, StageChoice, StemChoice


@dataclass(frozen=True, kw_only=True)
class ReferencePhase:
    """One phase of the reference's progressive shrinking.

    Attributes:
        name: Its name in the reference.
        kernel_sizes: Kernel sizes in play, px.
        expand_ratios: Expand ratios in play.
        depths: Depths in play.
        epochs: Passes over the images after the warm-up.
        warmup_epochs: Passes during which the learning rate rises.
        learning_rate: Highest learning rate, for one worker of 64 images.
        num_subnets: Subnets a step; their gradients are summed.
    """

    name: str
    kernel_sizes: tuple[int, ...] = (3, 5, 7)
    expand_ratios: tuple[float, ...] = (6,)
    depths: tuple[int, ...] = (4,)
    epochs: int
    warmup_epochs: int
    learning_rate: float
    num_subnets: int

    def learning_rate_at(
        self, *, epoch: int, batch: int, batches_per_epoch: int, num_workers: int
    ) -> float:
        """Learning rate of a step: a linear rise from that of one worker, then half a cosine."""
        highest = self.learning_rate * num_workers
        step = epoch * batches_per_epoch + batch
        warmup = self.warmup_epochs * batches_per_epoch
        if step < warmup:
            return self.learning_rate + (highest - self.learning_rate) * (step + 1) / warmup
        progress = (step - warmup) / (self.epochs * batches_per_epoch)
        return highest * (1 + math.cos(math.pi * progress)) / 2


PHASES = (
    ReferencePhase(name="kernel", epochs=120, warmup_epochs=5, learning_rate=3e-2, num_subnets=1),
    ReferencePhase(
        name="depth1", depths=(3, 4),
        epochs=25, warmup_epochs=0, learning_rate=2.5e-3, num_subnets=2,
    ),
    ReferencePhase(
        name="depth2", depths=(2, 3, 4),
        epochs=120, warmup_epochs=5, learning_rate=7.5e-3, num_subnets=2,
    ),
    ReferencePhase(
        name="expand1", depths=(2, 3, 4), expand_ratios=(4, 6),
        epochs=25, warmup_epochs=0, learning_rate=2.5e-3, num_subnets=4,
    ),
    ReferencePhase(
        name="expand2", depths=(2, 3, 4), expand_ratios=(3, 4, 6),
        epochs=120, warmup_epochs=5, learning_rate=7.5e-3, num_subnets=4,
    ),
)  # fmt: skip
"""Phases after the largest network was trained, in order."""


def subnet_at(space: SearchSpace, *, iteration: int, subnet: int, resolution: int) -> Arch:
    """The subnet that a reference run trains.

    Args:
        iteration: Steps since the phase began.
        subnet: Position among the subnets of the step.
        resolution: Input size of the step, px.
    """
    rng = _generator(iteration, subnet)
    slots = [max(depths) for depths in space.stage_depths]
    kernel_sizes = [rng.choice(space.kernel_sizes) for _ in range(sum(slots))]
    expand_ratios = [rng.choice(space.expand_ratios) for _ in range(sum(slots))]
    blocks = [
        Block(kernel_size=kernel_size, expand_ratio=expand_ratio)
        for kernel_size, expand_ratio in zip(kernel_sizes, expand_ratios, strict=True)
    ]
    stages: list[tuple[Block, ...]] = []
    first = 0
    for most, depths in zip(slots, space.stage_depths, strict=True):
        stages.append(tuple(blocks[first : first + rng.choice(depths)]))
        first += most
    return Arch(resolution=resolution, stages=tuple(stages))


def resnet_subnet_at(
    space: ResNetSpace, *, iteration: int, subnet: int, resolution: int
) -> ResNetArch:
    """The bottleneck subnet that a reference run trains; arguments as for ``subnet_at``."""
    rng = _generator(iteration, subnet)
    slots = [max(depths) for depths in space.stage_depths]
    expand_ratios = [rng.choice(space.expand_ratios) for _ in range(sum(slots))]
    residual = rng.choice((True, False))
    depths = [rng.choice(depths) for depths in space.stage_depths]
    middle, end, *widths = (rng.choice(space.width_ratios) for _ in range(2 + len(slots)))
    stages: list[StageChoice] = []
    first = 0
    for most, depth, width in zip(slots, depths, widths, strict=True):
        used = tuple(expand_ratios[first : first + depth])
        stages.append(StageChoice(width_ratio=width, expand_ratios=used))
        first += most
    stem = StemChoice(middle_width_ratio=middle, width_ratio=end, residual=residual)
    return ResNetArch(resolution=resolution, stem=stem, stages=tuple(stages))


def resolution_at(resolutions: tuple[int, ...], *, epoch: int, batch: int) -> int:
    """The input size of a batch of a reference run, px.

    Args:
        resolutions: Candidates; a run over all sizes takes each multiple of 4 from 128 to 224.
    """
    return random.Random(int(f"{batch}{epoch:03d}")).choices(resolutions)[0]


def _generator(iteration: int, subnet: int) -> random.Random:
    return random.Random(int(f"{iteration}{subnet:03d}000"))
