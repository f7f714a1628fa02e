"""Learning-rate range test: a short run whose rate rises until the loss blows up.

Source: Smith, "Cyclical Learning Rates for Training Neural Networks", WACV 2017, arXiv:1506.01186.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch

from ofa.errors import OfaError
from ofa.train.module import SupernetModule
from ofa.train.phases import PlannedPhase
from ofa.train.place import Place
from ofa.train.probe import batches_on

_LOWEST, _HIGHEST, _NUM_STEPS = 1e-3, 10.0, 100
_DECAY = 0.9  # of the smoothed loss


@dataclass(frozen=True, kw_only=True)
class RangeTest:
    """Loss along rising learning rates.

    Attributes:
        learning_rates: One a step, each the same factor above the last; as a phase would give
            them, that is for ``reference_batch`` images where the recipe scales its rates.
        losses: Loss of the step's first subnet, smoothed.
        suggested: Highest learning rate to train with.
    """

    learning_rates: tuple[float, ...]
    losses: tuple[float, ...]
    suggested: float


def range_test(module: SupernetModule, planned: PlannedPhase, place: Place) -> RangeTest:
    """Train the first steps of a phase, of one batch each, with rates from ``_LOWEST`` up.

    The module's weights are spoiled by it. Steps are in full precision, whatever the recipe's.

    Raises:
        OfaError: If the loss never falls, or the first one is not finite.
    """
    module.to(place.device)
    optimizer = module.configure_optimizers()
    train = module.recipe.train
    scale = train.batch_size / train.reference_batch if train.reference_batch else 1.0
    steps = enumerate(np.geomspace(_LOWEST, _HIGHEST, _NUM_STEPS))
    rates, losses = [], []
    for (step, rate), (pixels, labels) in zip(steps, batches_on(module, place)):
        learned = module.learn(
            planned.phase, pixels, labels,
            step=step, number=step, backward=lambda loss: loss.backward(),
        )  # fmt: skip
        loss = float(learned.loss)
        if not math.isfinite(loss) or (losses and loss > 4 * min(losses)):
            break
        rates.append(float(rate) / scale)
        losses.append(loss)
        for group in optimizer.param_groups:
            group["lr"] = float(rate)
        if train.gradient_clip:
            torch.nn.utils.clip_grad_norm_(module.supernet.parameters(), train.gradient_clip)
        optimizer.step()
        optimizer.zero_grad()
    smoothed = _smoothed(losses)
    return RangeTest(
        learning_rates=tuple(rates),
        losses=tuple(smoothed),
        suggested=suggested_learning_rate(rates, smoothed),
    )


def suggested_learning_rate(rates: list[float], smoothed: list[float]) -> float:
    """A third of the rate at which the smoothed loss is lowest.

    There the loss has stopped falling, so the largest rate that still helps lies below.

    Raises:
        OfaError: If the loss never falls.
    """
    if not smoothed or min(smoothed) == smoothed[0]:
        raise OfaError(
            "the loss never falls within the range of learning rates; lower the range, or check "
            "the images' labels"
        )
    return float(f"{rates[int(np.argmin(smoothed))] / 3:.2g}")


def _smoothed(losses: list[float]) -> list[float]:
    """Exponential average, without the pull of its start."""
    average, result = 0.0, []
    for count, loss in enumerate(losses, start=1):
        average = _DECAY * average + (1 - _DECAY) * loss
        result.append(average / (1 - _DECAY**count))
    return result
