"""What a step costs, from a few real ones that change nothing."""

from collections.abc import Iterator
from dataclasses import dataclass

from torch import Tensor

from ofa.runtime import stopwatch
from ofa.train.module import SupernetModule
from ofa.train.phases import PlannedPhase
from ofa.train.place import Place

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


def probe(module: SupernetModule, planned: PlannedPhase, place: Place, *, num_steps: int) -> Probe:
    """Run the first steps of a phase without applying their gradients.

    Reading images, augmentation, every subnet's pass and the teacher's are timed; the optimizer is
    not.
    """
    module.to(place.device)
    batches = batches_on(module, place)
    num_subnets = 0
    elapsed_s = stopwatch()
    for step in range(-_WARMUP_STEPS, num_steps):
        if step == 0:
            place.wait()
            elapsed_s = stopwatch()
        pixels, labels = next(batches)
        with place.precision():
            learned = module.learn(
                planned.phase, pixels, labels,
                step=planned.first_step + max(step, 0),
                number=max(step, 0),
                backward=lambda loss: loss.backward(),
            )  # fmt: skip
        num_subnets += len(learned.losses) if step >= 0 else 0
        module.supernet.zero_grad()
    place.wait()
    return Probe(
        step_s=elapsed_s() * module.recipe.train.accumulate / num_steps,
        subnets_per_step=num_subnets / num_steps,
    )


def batches_on(module: SupernetModule, place: Place) -> Iterator[tuple[Tensor, Tensor]]:
    """Batches of the first epoch on a device, over and over."""
    while True:
        for pixels, labels in module.train_dataloader():
            yield pixels.to(place.device), labels.to(place.device)
