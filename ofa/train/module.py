"""The supernet as a Lightning module: it wires phases, subnets and losses to the ``Trainer``."""

from collections.abc import Callable, Iterable, Sequence
from copy import deepcopy
from typing import Any

import pytorch_lightning as lightning
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchmetrics.functional.classification import multiclass_accuracy

from ofa.data import ImageSet, Normalization, augmented
from ofa.errors import BadArtifact, OfaError
from ofa.recipe import Recipe
from ofa.space import AnyArch
from ofa.supernets import sort_channels_
from ofa.train.loader import epoch_loader
from ofa.train.losses import distillation_loss, label_loss
from ofa.train.phases import PlannedPhase, phase_at, plan
from ofa.train.sampling import sandwich

Validate = Callable[[nn.Module, AnyArch], float]


class SupernetModule(lightning.LightningModule):
    """Trains a supernet through the phases of a recipe.

    Args:
        supernet: Changed in place.
        recipe: Phases, seeds, optimizer.
        data: Training images at the largest resolution.
        normalization: Turns pixels into inputs.
        validate: Top-1 of a subnet on the search split, in percent.
    """

    def __init__(
        self,
        supernet: nn.Module,
        recipe: Recipe,
        *,
        data: ImageSet,
        normalization: Normalization,
        validate: Validate,
    ) -> None:
        super().__init__()
        # One backward a subnet keeps peak memory at one graph.
        self.automatic_optimization = False
        self.supernet = supernet.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        # Measured and kept; batch-norm statistics are recalibrated, so weights alone are averaged.
        self.average = deepcopy(self.supernet) if recipe.train.ema_decay else self.supernet
        self.average.requires_grad_(not recipe.train.ema_decay)
        self.recipe = recipe
        self.data = data
        self.normalization = normalization
        self.validate_subnet = validate
        self.plan = plan(recipe.train.phases, steps_per_epoch=len(data) // recipe.train.batch_size)

    @property
    def phase(self) -> PlannedPhase:
        """The phase of the current epoch."""
        return phase_at(self.plan, self.current_epoch)

    def train_dataloader(self) -> Iterable:
        train = self.recipe.train
        return epoch_loader(
            self.data, batch_size=train.batch_size, seed=train.seed, epoch=self.current_epoch
        )

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
        return torch.optim.SGD(groups, lr=0.1, momentum=train.momentum, nesterov=True)

    def on_train_epoch_start(self) -> None:
        planned = self.phase
        if self.current_epoch > planned.first_epoch:
            return
        self._optimizer().state.clear()  # a phase starts from weights, not from old momentum
        before = self.plan[planned.index - 1].phase if planned.index else None
        if before and before.expand_ratios not in (None, planned.phase.expand_ratios):
            sort_channels_(self.supernet, self.recipe.space, expand_ratios=before.expand_ratios)
        self._average_weights(decay=0.0)

    def training_step(self, batch: Sequence[Tensor], batch_idx: int) -> None:
        train, planned = self.recipe.train, self.phase
        step = self.global_step
        optimizer = self._optimizer()
        for group in optimizer.param_groups:
            group["lr"] = planned.learning_rate(step)
        generator = torch.Generator().manual_seed((train.seed + 1) * 1_000_000_007 + step)
        pixels, labels = batch
        images = self.normalization(augmented(pixels, train.augment, generator))
        images = images.contiguous(memory_format=torch.channels_last)
        largest, *others = sandwich(
            planned.phase.subspace(self.recipe.space),
            seed=train.seed,
            step=step,
            num_random=planned.phase.num_random,
        )
        optimizer.zero_grad()
        logits = self.supernet(_at(images, largest), largest)
        loss = label_loss(logits, labels, smoothing=train.label_smoothing)
        self.manual_backward(loss)
        teacher = logits.detach()
        for arch in others:
            student = self.supernet(_at(images, arch), arch)
            self.manual_backward(distillation_loss(student, teacher))
        if train.gradient_clip:
            self.clip_gradients(optimizer, train.gradient_clip, "norm")
        optimizer.step()
        self._average_weights(decay=train.ema_decay)
        if step % 50 == 0:
            self._log_step(loss.detach(), teacher, labels, step)

    def on_train_epoch_end(self) -> None:
        train, planned = self.recipe.train, self.phase
        last = self.current_epoch + 1 == self.plan[-1].end_epoch
        if not last and (self.current_epoch + 1) % train.validate_every:
            return
        space = planned.phase.subspace(self.recipe.space)
        for name, arch in (("largest", space.largest()), ("smallest", space.smallest())):
            self.log(f"search_top1/{name}", self.validate_subnet(self.average, arch))

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint["ofa_recipe"] = _identity(self.recipe)

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        saved, wanted = checkpoint.get("ofa_recipe", {}), _identity(self.recipe)
        different = [key for key in wanted if saved.get(key) != wanted[key]]
        if different:
            raise BadArtifact(
                f"the run to resume was started with other settings of {', '.join(different)}; "
                "resume with its own recipe, or start anew with another --out"
            )

    @torch.no_grad()
    def _average_weights(self, *, decay: float) -> None:
        if self.average is self.supernet:
            return
        for average, current in zip(
            self.average.parameters(), self.supernet.parameters(), strict=True
        ):
            average.lerp_(current, 1 - decay)

    def _log_step(self, loss: Tensor, logits: Tensor, labels: Tensor, step: int) -> None:
        if not torch.isfinite(loss):
            raise OfaError(
                f"the loss is {float(loss)} at step {step} of phase {self.phase.phase.name!r}; "
                "resume from the last checkpoint with a lower learning_rate"
            )
        top1 = multiclass_accuracy(logits, labels, logits.shape[1], average="micro")
        self.log("loss", loss, prog_bar=True)
        self.log("batch_top1", 100 * top1, prog_bar=True)
        self.log("learning_rate", self._optimizer().param_groups[0]["lr"])
        self.log("phase", float(self.phase.index))

    def _optimizer(self) -> torch.optim.Optimizer:
        optimizer = self.optimizers()
        assert not isinstance(optimizer, list)
        return optimizer  # type: ignore[return-value]


def _at(images: Tensor, arch: AnyArch) -> Tensor:
    """Normalized images at the resolution of an arch."""
    if images.shape[-1] == arch.resolution:
        return images
    small = F.interpolate(images, size=arch.resolution, mode="bilinear", antialias=True)
    return small.contiguous(memory_format=torch.channels_last)


def _identity(recipe: Recipe) -> dict[str, str]:
    """What must not change between a run and its resumption, as text."""
    return {name: repr(getattr(recipe, name)) for name in ("space", "data", "train")}
