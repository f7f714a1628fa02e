"""The supernet as a Lightning module: it wires phases, subnets and losses to the ``Trainer``.

What a step does depends on its number alone: the phase, the learning rate, the subnets, the batch
and its augmentation. So a run that was cut off goes on at the step it had come to.
"""

import logging
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from statistics import mean
from typing import Any

import pytorch_lightning as lightning
import torch
from pytorch_lightning.plugins.precision import MixedPrecision
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from torchmetrics.functional.classification import multiclass_accuracy

from ofa.data import (
    Normalization,
    TrainingImages,
    augmented,
    drawing,
    image_transform,
    mixed,
)
from ofa.errors import Diverged
from ofa.recipe import IN_PLACE, NO_TEACHER, Phase, Recipe
from ofa.space import AnyArch
from ofa.supernets import sort_channels_
from ofa.train.checkpoints import IDENTITY
from ofa.train.finite import (
    MAX_SKIPPED,
    Losses,
    culprit,
    is_finite_step,
    reset_spoiled_statistics_,
)
from ofa.train.identity import check_identity, identity
from ofa.train.loader import EpochOrder, epochs_loader, order_at
from ofa.train.phases import PlannedPhase, plan
from ofa.train.ranks import Ranks, average_gradients_, current_ranks
from ofa.train.sampling import Elastic, Subnets
from ofa.train.step import Learned, Sizes, Teacher, chosen, learn, without_dropout

_log = logging.getLogger(__name__)

Validate = Callable[[nn.Module, AnyArch, Ranks], float]

_PROBE_SIZE = 64
"""Training images on which guided samplers compare nets."""


class SupernetModule(lightning.LightningModule):
    """Trains a supernet through the phases of a recipe.

    Args:
        supernet: Changed in place.
        recipe: Phases, seeds, optimizer.
        data: Training images at the largest resolution.
        normalization: Turns pixels into inputs.
        validate: Top-1 of a subnet on the search split, in percent; ranks may share the work.
        subnets: What steps train; by default the recipe's space, phase by phase.
        teacher: Whom all subnets learn from; by default whom each phase names.
    """

    def __init__(
        self,
        supernet: nn.Module,
        recipe: Recipe,
        *,
        data: TrainingImages,
        normalization: Normalization,
        validate: Validate,
        subnets: Subnets | None = None,
        teacher: Teacher | None = None,
    ) -> None:
        super().__init__()
        # One backward a subnet keeps peak memory at one graph.
        self.automatic_optimization = False
        train = recipe.train
        self.supernet = supernet.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        # Measured and kept; batch-norm statistics are recalibrated, so weights alone are averaged.
        self.average = deepcopy(self.supernet) if train.ema_decay else self.supernet
        self.average.requires_grad_(not train.ema_decay)
        # Filled when a phase ends whose largest net a later one learns from.
        self.frozen = nn.ModuleDict(
            {
                name: deepcopy(self.supernet).requires_grad_(False)
                for name in sorted({p.teacher for p in train.phases} - {IN_PLACE, NO_TEACHER})
            }
        )
        self.recipe = recipe
        self.data = data
        self.normalization = normalization
        self.validate_subnet = validate
        self.subnets = subnets or Elastic(space=recipe.space, seed=train.seed)
        self.outside_teacher = teacher
        self.transform = image_transform(train.augment, max(recipe.space.resolutions))
        self.best_top1 = 0.0  # mean of the corners, in this phase
        self.saved_step: int | None = None
        self.ranks = Ranks()
        self.plan = plan(train, num_images=len(data))
        self._digest = data.digest()
        self._sums: list[Tensor | None] = []
        self._batches: list[Losses] = []
        self._num_skipped = 0
        self._probed: tuple[Tensor, Tensor] | None = None

    def setup(self, stage: str) -> None:
        """Share the run out among ranks, which are known by now."""
        self.ranks = current_ranks()
        self.plan = plan(self.recipe.train, num_images=len(self.data), world=self.ranks.world)

    def train_dataloader(self) -> Iterable:
        def order() -> EpochOrder:
            num_images, train = len(self.data), self.recipe.train
            return order_at(self.global_step, train, num_images=num_images, ranks=self.ranks)

        workers = self.recipe.data.workers
        return epochs_loader(self.data, order, transform=self.transform, workers=workers)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        train = self.recipe.train
        decayed, others = [], []
        for name, parameter in self.supernet.named_parameters():
            # Decay would pull kernel transforms towards zero, away from the identity they refine.
            plain = parameter.ndim < 2 or "transforms" in name
            (others if plain else decayed).append(parameter)
        groups = [
            {"params": decayed, "weight_decay": train.weight_decay},
            {"params": others, "weight_decay": 0.0},
        ]
        momentum = train.momentum
        return torch.optim.SGD(groups, lr=0.1, momentum=momentum, nesterov=momentum > 0)

    def training_step(self, batch: Sequence[Tensor], batch_idx: int) -> None:
        train, step = self.recipe.train, self.global_step
        planned = self._phase_of(step)
        part = batch_idx % train.accumulate
        if part == 0:
            self._sums, self._batches = [], []
            if step == planned.first_step:
                self._enter(planned)
        pixels, labels = batch
        # Numbers every batch of the run, whichever rank it falls to.
        number = (step * train.accumulate + part) * self.ranks.world + self.ranks.rank
        with self._without_sync(), drawing((train.seed, number, 2)):
            learned = self.learn(
                planned.phase, pixels, labels,
                step=step, number=number, backward=self.manual_backward,
            )  # fmt: skip
        self._batches.append(learned.losses)
        self._add_gradients(last=part + 1 == train.accumulate)
        if part + 1 < train.accumulate:
            return
        self._apply_gradients(planned.learning_rate(step), since=step - planned.first_step)
        every = self.trainer.log_every_n_steps  # type: ignore[attr-defined]
        if (step + 1) * train.accumulate % every == 0 and not self._num_skipped:
            self._log_step(learned, labels)

    def on_before_optimizer_step(self, optimizer: torch.optim.Optimizer) -> None:
        """Clip gradients, which half precision has just scaled back."""
        if self.recipe.train.gradient_clip:
            self.clip_gradients(optimizer, self.recipe.train.gradient_clip, "norm")

    def on_train_epoch_end(self) -> None:
        train, end = self.recipe.train, self.current_epoch + 1
        planned = self._phase_of(self.global_step - 1)
        self.log("phase", float(planned.index), rank_zero_only=True)
        if end != self.plan[-1].end_epoch and end % train.validate_every:
            return
        phase = planned.phase
        top1 = {name: self._top1(arch) for name, arch in self.subnets.corners(phase).items()}
        self.best_top1 = max(self.best_top1, mean(top1.values()))
        top1["best_mean"] = self.best_top1
        if others := self.subnets.middle(phase, train.validate_random):
            top1["random"] = mean(map(self._top1, others))
        for name, value in top1.items():
            self.log(f"search_top1/{name}", value, rank_zero_only=True)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        self.saved_step = self.global_step
        checkpoint[IDENTITY] = self._identity()
        checkpoint["ofa_best_top1"] = self.best_top1

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        check_identity(checkpoint.get(IDENTITY, {}), self._identity())
        self.best_top1 = checkpoint["ofa_best_top1"]
        self.saved_step = checkpoint["global_step"]

    def augmented(self, pixels: Tensor, number: int) -> Tensor:
        """The images of a batch as its number changes them."""
        seed = (self.recipe.train.seed + 1) * 1_000_000_007 + number
        return augmented(pixels, self.recipe.train.augment, torch.Generator().manual_seed(seed))

    def learn(
        self,
        phase: Phase,
        pixels: Tensor,
        labels: Tensor,
        *,
        step: int,
        number: int,
        backward: Callable[[Tensor], None],
    ) -> Learned:
        """Add the gradients of one batch.

        Args:
            step: Settles the subnets.
            number: Settles what augmentation makes of the batch.
            backward: Called with the loss of every subnet.
        """
        train = self.recipe.train
        images = self.normalization(self.augmented(pixels, number))
        images, targets = mixed(
            images,
            labels,
            train.augment,
            (train.seed, number, 1),
            num_classes=self.recipe.space.num_classes,
        )
        groups = self.subnets.draw(phase, step)
        if any(len(group) > 1 for group in groups):
            probe, probe_labels = self._probe(pixels.device)
            best = phase.sampler == "best_up"
            archs = chosen(self.supernet, groups, probe, probe_labels, best=best, ranks=self.ranks)
        else:
            archs = tuple(arch for (arch,) in groups)
        return learn(
            self.supernet,
            archs,
            Sizes(images),
            targets,
            train=train,
            teacher=self.teacher_of(phase),
            in_place=phase.teacher == IN_PLACE,
            backward=backward,
        )

    def teacher_of(self, phase: Phase) -> Teacher | None:
        """Whom the nets of a phase learn from, unless it is the step's own largest."""
        if self.outside_teacher or phase.teacher in (IN_PLACE, NO_TEACHER):
            return self.outside_teacher
        net = self.frozen[phase.teacher]
        arch = self.subnets.largest(
            next(p.phase for p in self.plan if p.phase.name == phase.teacher)
        )

        @torch.no_grad()
        def logits(sizes: Sizes) -> Tensor:
            with without_dropout(net):
                return net(sizes.at(arch.resolution), arch)

        return logits

    def _top1(self, arch: AnyArch) -> float:
        return self.validate_subnet(self.average, arch, self.ranks)

    def _identity(self) -> dict[str, str]:
        return identity(self.recipe, images=self._digest, world=self.ranks.world)

    def _phase_of(self, step: int) -> PlannedPhase:
        return next(p for p in self.plan if step < p.first_step + p.num_steps)

    def _enter(self, planned: PlannedPhase) -> None:
        """Start a phase from what its predecessor learned."""
        self._optimizer().state.clear()  # a phase starts from weights, not from old momentum
        self.best_top1 = 0.0  # phases differ in what their corners are
        before = self.plan[planned.index - 1].phase if planned.index else None
        if before and before.name in self.frozen:
            self.frozen[before.name].load_state_dict(self.average.state_dict())
        if before and _opens_widths(before, planned.phase):
            space = self.recipe.space
            sort_channels_(self.supernet, space, trained=before.subspace(space))
        self._average_weights(decay=0.0)

    def _probe(self, device: torch.device) -> tuple[Sizes, Tensor]:
        if self._probed is None:  # streamed images are decoded once
            index = torch.arange(min(_PROBE_SIZE, len(self.data)))
            self._probed = self.data.batch(index).to(device), self.data.labels[index].to(device)
        pixels, labels = self._probed
        return Sizes(self.normalization(pixels)), labels

    @contextmanager
    def _without_sync(self) -> Iterator[None]:
        """Keep Lightning's wrapper from sending gradients after every subnet's backward."""
        wrapper = self.trainer.strategy.model
        if isinstance(wrapper, DistributedDataParallel):
            with wrapper.no_sync():
                yield
        else:
            yield

    def _add_gradients(self, *, last: bool) -> None:
        """Add the gradients of a batch to those of the step's others, each batch rounded alone."""
        if self.recipe.train.accumulate == 1:
            return
        parameters = list(self.supernet.parameters())
        grads = [parameter.grad for parameter in parameters]
        if self._sums:
            for total, grad in zip(self._sums, grads, strict=True):
                if total is not None and grad is not None:
                    total.add_(grad)
        else:
            self._sums = grads
        for parameter, total in zip(parameters, self._sums, strict=True):
            parameter.grad = total if last else None

    def _apply_gradients(self, learning_rate: float, *, since: int) -> None:
        """Take a step, ``since`` as many of its phase."""
        train, optimizer = self.recipe.train, self._optimizer()
        average_gradients_(self.supernet.parameters(), self.ranks, batches=train.accumulate)
        for group in optimizer.param_groups:
            group["lr"] = learning_rate
        scaled = self._scaler() is not None
        if not is_finite_step(self._batches, self.supernet.parameters(), self.ranks, scaled=scaled):
            self._leave_out()
            return
        self._num_skipped = 0
        optimizer.step()
        optimizer.zero_grad()
        # Over no more than a tenth of the phase so far, or a short one would keep its start.
        self._average_weights(decay=min(train.ema_decay, (1 + since) / (10 + since)))

    def _leave_out(self) -> None:
        """Go on without the step that is not finite, if the recipe and their number allow it.

        Raises:
            Diverged: If they do not.
        """
        step, self._num_skipped = self.global_step, self._num_skipped + 1
        problem = (
            f"{culprit(self._batches)} at step {step} of phase {self._phase_of(step).phase.name!r}"
        )
        if self.recipe.train.on_nan == "stop":
            raise Diverged(problem)
        if self._num_skipped > MAX_SKIPPED:
            raise Diverged(f"{problem}, and so were {MAX_SKIPPED} steps before it")
        _log.warning("%s; left out", problem)
        reset_spoiled_statistics_(self.supernet)
        # Without gradients the optimizer counts the step and changes nothing; a scaler of half
        # precision insists on some, and holds back by itself where they overflow.
        optimizer = self._optimizer()
        if self._scaler() is None:
            optimizer.zero_grad()
        for parameter in self.supernet.parameters():
            if parameter.grad is not None:
                parameter.grad.fill_(math.inf)
        optimizer.step()
        optimizer.zero_grad()

    def _scaler(self) -> torch.amp.GradScaler | None:
        """What scales the gradients of half precision."""
        precision = self.trainer.precision_plugin
        return precision.scaler if isinstance(precision, MixedPrecision) else None

    @torch.no_grad()
    def _average_weights(self, *, decay: float) -> None:
        if self.average is self.supernet:
            return
        for average, current in zip(
            self.average.parameters(), self.supernet.parameters(), strict=True
        ):
            average.lerp_(current, 1 - decay)

    def _log_step(self, learned: Learned, labels: Tensor) -> None:
        top1 = multiclass_accuracy(learned.logits, labels, learned.logits.shape[1], average="micro")
        self.log("loss", learned.loss, prog_bar=True)
        self.log("batch_top1", 100 * top1, prog_bar=True)
        self.log("learning_rate", self._optimizer().param_groups[0]["lr"])

    def _optimizer(self) -> torch.optim.Optimizer:
        optimizer = self.optimizers()
        assert not isinstance(optimizer, list)
        return optimizer  # type: ignore[return-value]


def _opens_widths(before: Phase, phase: Phase) -> bool:
    """Whether a phase trains inner widths of blocks that its predecessor did not."""
    return any(
        was not in (None, now)
        for was, now in (
            (before.expand_ratios, phase.expand_ratios),
            (before.width_ratios, phase.width_ratios),
        )
    )
