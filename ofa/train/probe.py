"""What a step costs, from a few real ones that change nothing."""

from dataclasses import dataclass

import torch

from ofa.recipe import IN_PLACE
from ofa.runtime import stopwatch
from ofa.train.module import SupernetModule
from ofa.train.phases import PlannedPhase
from ofa.train.step import Sizes, learn

_WARMUP_STEPS = 2


@dataclass(frozen=True, kw_only=True)
class Probe:
    """A mean step.

    Attributes:
        step_s: Seconds.
        subnets_per_step: Subnets it trains.
    """

    step_s: float
    subnets_per_step: float


def probe(module: SupernetModule, planned: PlannedPhase, *, num_steps: int) -> Probe:
    """Run the first steps of a phase without applying their gradients.

    Augmentation, every subnet's pass and the teacher's are timed; the optimizer is not.
    """
    train = module.recipe.train
    pixels = module.data.batch(torch.arange(min(train.batch_size, len(module.data))))
    labels = module.data.labels[: len(pixels)]
    num_subnets = 0
    elapsed_s = stopwatch()
    for step in range(-_WARMUP_STEPS, num_steps):
        if step == 0:
            elapsed_s = stopwatch()
        images = module.normalization(module.augmented(pixels, max(step, 0)))
        groups = module.subnets.draw(planned.phase, planned.first_step + max(step, 0))
        archs = tuple(group[0] for group in groups)
        num_subnets += len(archs) if step >= 0 else 0
        learn(
            module.supernet, archs, Sizes(images), labels,
            train=train,
            teacher=module.teacher_of(planned.phase),
            in_place=planned.phase.teacher == IN_PLACE,
            backward=lambda loss: loss.backward(),
        )  # fmt: skip
        module.supernet.zero_grad()
    return Probe(
        step_s=elapsed_s() * train.accumulate / num_steps,
        subnets_per_step=num_subnets / num_steps,
    )
