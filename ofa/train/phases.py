"""Progressive shrinking as a plan: which phase a step belongs to, and its learning rate."""

import math
from dataclasses import dataclass

from ofa.errors import OfaError
from ofa.recipe import Phase, Train


@dataclass(frozen=True, kw_only=True)
class PlannedPhase:
    """A phase and where it lies in the run.

    Attributes:
        index: Position among the phases.
        first_epoch: Epoch of the run at which it starts.
        steps_per_epoch: Optimizer steps an epoch.
        scale: What its learning rates are multiplied by.
    """

    phase: Phase
    index: int
    first_epoch: int
    steps_per_epoch: int
    scale: float = 1.0

    @property
    def end_epoch(self) -> int:
        """Epoch of the run before which it ends."""
        return self.first_epoch + self.phase.epochs

    @property
    def first_step(self) -> int:
        """Step of the run at which it starts."""
        return self.first_epoch * self.steps_per_epoch

    @property
    def num_steps(self) -> int:
        """Optimizer steps of the phase."""
        return self.phase.epochs * self.steps_per_epoch

    def learning_rate(self, step: int) -> float:
        """Learning rate at a step of the run: linear rise, then half a cosine."""
        step -= self.first_step
        warmup = round(self.phase.warmup_epochs * self.steps_per_epoch)
        highest, final = self.phase.learning_rate, self.phase.final_learning_rate
        if step < warmup:
            return self.scale * highest * (step + 1) / warmup
        progress = (step - warmup) / max(1, self.num_steps - warmup)
        return self.scale * (final + (highest - final) * (1 + math.cos(math.pi * progress)) / 2)


def plan(train: Train, *, num_images: int, world: int = 1) -> tuple[PlannedPhase, ...]:
    """The phases in order, each with its place in the run.

    Args:
        num_images: Training images.
        world: Devices of all machines; each takes ``batch_size`` images a batch.

    Raises:
        OfaError: If the images do not fill a step.
    """
    images_per_step = train.batch_size * train.accumulate * world
    if num_images < images_per_step:
        raise OfaError(
            f"train.batch_size: {num_images} training images do not fill a step of "
            f"{train.batch_size} x {train.accumulate} images on {world} devices; use a smaller one"
        )
    scale = images_per_step / train.reference_batch if train.reference_batch else 1.0
    planned: list[PlannedPhase] = []
    epoch = 0
    for index, phase in enumerate(train.phases):
        planned.append(
            PlannedPhase(
                phase=phase,
                index=index,
                first_epoch=epoch,
                steps_per_epoch=num_images // images_per_step,
                scale=scale,
            )
        )
        epoch = planned[-1].end_epoch
    return tuple(planned)


def phase_at(planned: tuple[PlannedPhase, ...], epoch: int) -> PlannedPhase:
    """The phase that an epoch of the run belongs to."""
    return next(phase for phase in planned if epoch < phase.end_epoch)
