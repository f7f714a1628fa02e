"""Every setting of a run, as typed data.

jsonargparse makes the flags, the help and the YAML reader from these dataclasses; a default is
written here and nowhere else.
"""

import math
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Literal

from ofa.errors import OfaError
from ofa.space import AnySpace, ResNetSpace, SearchSpace

Sampler = Literal["sandwich", "uniform", "macs", "best_up", "worst_up"]

NO_TEACHER, IN_PLACE = "none", "in_place"


@dataclass(frozen=True, kw_only=True)
class Data:
    """Which images, and how they are divided."""

    name: Literal["fashion_mnist", "cifar10", "cifar100", "image_folder"] = "fashion_mnist"
    """Data set; ``root`` makes it ``image_folder``."""
    root: str | None = None
    """Folder that holds ``train/<class>/*`` and ``test/<class>/*`` (or ``val/<class>/*``) images,
    as ImageNet's does; labels are counted, and normalization is measured, from it."""
    download: bool = False
    """Whether a named data set may be downloaded if this machine has no copy."""
    stream: bool = False
    """Whether training images are decoded whenever they are used, for folders larger than
    memory."""
    workers: int = 0
    """Processes that decode or transform training images; 0 does it in the training process.
    Their number changes no result."""
    num_search: int | None = 10_000
    """Training images held out for search: they score subnets and never train one. ``null`` takes
    a tenth of them, at most 10,000."""
    num_calibration: int = 2_048
    """Training images that recalibrate batch norm."""
    split_seed: int = 0
    """Seed of the held-out split and of the calibration list."""

    @property
    def folder(self) -> Path | None:
        """``root`` as a path; a leading ``~``, as checkpoints spell one at home, is the user's."""
        if self.root is None:
            return None
        path = Path(self.root)
        return path.expanduser() if path.parts[:1] == ("~",) else path

    def __post_init__(self) -> None:
        for name in ("num_search", "num_calibration"):
            number = getattr(self, name)
            if number is not None and number < 2:
                raise OfaError(f"data.{name}: {number} is too few; use 2 or more")
        for name in ("workers", "split_seed"):
            if getattr(self, name) < 0:
                raise OfaError(f"data.{name}: {getattr(self, name)} is below 0; use 0 or more")
        if self.stream and self.root is None and self.name != "image_folder":
            raise OfaError("data.stream: only folders are streamed; set data.root, or leave it out")


@dataclass(frozen=True, kw_only=True)
class Augment:
    """Random changes to training images, drawn anew for every image and step."""

    crop_padding: int = 2
    """Pixels put around the image before a random crop of the old size."""
    padding_mode: Literal["reflect", "constant"] = "reflect"
    """What they hold: the image mirrored at its border, or black. Black suits what is taken on
    black: nets come to count on a border, which whole photographs lack."""
    flip: bool = True
    """Whether half of the images are mirrored."""
    erase_probability: float = 0.0
    """Share of images of which a random rectangle is blanked (Zhong et al., arXiv:1708.04896)."""
    crop_min_area: float = 0.0
    """Smallest share of the image that a random crop of random shape keeps before it is resized;
    0 leaves the image whole. 0.08 is usual for ImageNet."""
    color_jitter: float = 0.0
    """Largest relative change of brightness, contrast and saturation."""
    randaugment_ops: int = 0
    """Operations of RandAugment an image (Cubuk et al., arXiv:1909.13719); 0 for none."""
    randaugment_magnitude: int = 9
    """Strength of RandAugment's operations, 0 to 30."""
    mixup_alpha: float = 0.0
    """Beta parameter of mixup (Zhang et al., arXiv:1710.09412); 0 for none."""
    cutmix_alpha: float = 0.0
    """Beta parameter of CutMix (Yun et al., arXiv:1905.04899); 0 for none. With mixup, every batch
    draws one of the two."""

    def __post_init__(self) -> None:
        for name in ("erase_probability", "crop_min_area", "color_jitter"):
            if not 0 <= getattr(self, name) <= 1:
                raise OfaError(f"augment.{name}: {getattr(self, name)} is not between 0 and 1")
        for name in ("crop_padding", "randaugment_ops", "mixup_alpha", "cutmix_alpha"):
            if getattr(self, name) < 0:
                raise OfaError(f"augment.{name}: {getattr(self, name)} is below 0; use 0 for none")
        if not 0 <= self.randaugment_magnitude <= 30:
            raise OfaError(
                f"augment.randaugment_magnitude: {self.randaugment_magnitude} is not in 0 to 30"
            )


@dataclass(frozen=True, kw_only=True)
class Phase:
    """One step of progressive shrinking: which choices train, and for how long."""

    name: str
    """Word for logs."""
    epochs: int
    """Passes over the training images."""
    learning_rate: float
    """Highest learning rate."""
    final_learning_rate: float = 0.0
    """Learning rate at the end of the cosine."""
    warmup_epochs: float = 0.0
    """Epochs of linear rise to the highest learning rate."""
    resolutions: tuple[int, ...] | None = None
    """Input sizes in play, px; ``None`` takes the space's."""
    kernel_sizes: tuple[int, ...] | None = None
    """Kernel sizes in play, px; ``None`` takes the space's."""
    depths: tuple[int, ...] | None = None
    """Depths in play, also in stages that choose among their own; ``None`` takes the space's."""
    expand_ratios: tuple[float, ...] | None = None
    """Expand ratios in play; ``None`` takes the space's."""
    width_ratios: tuple[float, ...] | None = None
    """Stage widths in play, in spaces that have them; ``None`` takes the space's."""
    num_random: int = 1
    """Random subnets a step, besides the largest and the smallest of a sandwich."""
    sampler: Sampler = "sandwich"
    """What a step trains: ``sandwich``, the largest, random ones and the smallest; ``uniform``,
    random ones alone; ``macs``, a sandwich whose random ones spread evenly over the logarithm of
    MACs; ``best_up`` or ``worst_up``, such a sandwich that takes the best or the worst of
    ``num_candidates`` nets of like MACs."""
    num_candidates: int = 3
    """Nets that a guided sampler compares for each that it trains."""
    teacher: str = IN_PLACE
    """Whom subnets learn from: ``in_place``, the largest net of the same step; ``none``, labels
    alone; or the name of an earlier phase, whose largest net is frozen as that phase left it."""

    def __post_init__(self) -> None:
        if self.epochs < 1:
            raise OfaError(f"phase {self.name!r}: epochs is {self.epochs}; use 1 or more")
        if not self.warmup_epochs >= 0:
            raise OfaError(f"phase {self.name!r}: warmup_epochs {self.warmup_epochs} is below 0")
        if not 0 <= self.final_learning_rate <= self.learning_rate:
            raise OfaError(
                f"phase {self.name!r}: final_learning_rate {self.final_learning_rate} is not "
                f"between 0 and learning_rate {self.learning_rate}"
            )
        least = 0 if self.sampler == "sandwich" else 1
        if self.num_random < least:
            raise OfaError(
                f"phase {self.name!r}: num_random is {self.num_random}, but sampler "
                f"{self.sampler!r} needs {least} or more"
            )
        if self.num_candidates < 1:
            raise OfaError(f"phase {self.name!r}: num_candidates is below 1; use 3")
        if self.sampler == "uniform" and self.teacher == IN_PLACE:
            raise OfaError(
                f"phase {self.name!r}: the uniform sampler trains no largest net to learn from in "
                f"place; set teacher to {NO_TEACHER!r} or to an earlier phase"
            )

    def subspace(self, space: AnySpace) -> AnySpace:
        """The part of ``space`` that this phase trains.

        Raises:
            OfaError: If the phase names a choice that the space does not have.
        """
        held = {field.name for field in fields(space)}
        chosen: dict[str, tuple[float, ...]] = {}
        for name in ("resolutions", "kernel_sizes", "expand_ratios", "width_ratios", "depths"):
            choices = getattr(self, name)
            if choices is None:
                continue
            if name == "depths":
                chosen |= self._depths(space)
                continue
            if name not in held:
                raise OfaError(f"phase {self.name!r}: a {space.family} space has no {name}")
            chosen[name] = self._part(name, choices, getattr(space, name), f"space.{name}")
        return replace(space, **chosen)  # type: ignore[arg-type]

    def _depths(self, space: AnySpace) -> dict[str, tuple]:
        """Depth choices of the space, and of each stage that has its own."""
        assert self.depths is not None
        if isinstance(space, ResNetSpace):
            stages = enumerate(space.stages)
            return {"stages": tuple(replace(s, depths=self._own(i, s.depths)) for i, s in stages)}
        return {
            "depths": self._part("depths", self.depths, space.depths, "space.depths"),
            "stages": tuple(
                replace(stage, depths=stage.depths and self._own(i, stage.depths))
                for i, stage in enumerate(space.stages)
            ),
        }

    def _own(self, stage: int, depths: tuple[int, ...]) -> tuple[int, ...]:
        """Depths of a stage that are in play; one that has a single depth keeps it."""
        assert self.depths is not None
        part = tuple(depth for depth in depths if depth in self.depths)
        if not part and len(depths) > 1:
            self._part("depths", self.depths, depths, f"space.stages.{stage}.depths")
        return part or depths

    def _part(
        self, name: str, chosen: tuple[float, ...], legal: tuple[float, ...], where: str
    ) -> tuple[float, ...]:
        strange = sorted(set(chosen) - set(legal))
        if strange:
            raise OfaError(
                f"phase {self.name!r}: {name} {strange} are not in {where} {list(legal)}"
            )
        return tuple(chosen)


@dataclass(frozen=True, kw_only=True)
class Train:
    """How the supernet is trained."""

    phases: tuple[Phase, ...] = ()
    """Progressive shrinking, in order; each phase starts from its predecessor's weights."""
    batch_size: int = 128
    """Images a step on each device; with ``accumulate``, images a backward pass."""
    accumulate: int = 1
    """Batches whose gradients are averaged into one step."""
    reference_batch: int = 0
    """Images a step for which the phases' learning rates are written: with another number, that is
    ``batch_size * accumulate`` on all devices, they are scaled in proportion (Goyal et al.,
    arXiv:1706.02677). 0 takes them as they are."""
    momentum: float = 0.9
    """Nesterov momentum of SGD; 0 for none."""
    weight_decay: float = 1e-4
    """Decay of convolution and classifier weights; norms, biases and kernel transforms have
    none."""
    label_smoothing: float = 0.1
    """Mass moved from the true label to all labels, where nets learn from labels."""
    label_weight: float = 0.0
    """Weight of the labels' loss beside the teacher's, in nets that have a teacher."""
    distillation: Literal["cross_entropy", "alpha"] = "cross_entropy"
    """Loss against the teacher's probabilities: cross-entropy, or the adaptive alpha-divergence of
    AlphaNet (Wang et al., arXiv:2102.07954)."""
    ema_decay: float = 0.0
    """Share of the old in the moving average of weights, a step, and less in the first steps of a
    phase, with which it begins anew; the average is what is measured and kept. 0 keeps the weights
    themselves."""
    gradient_clip: float = 0.0
    """Largest global gradient norm; 0 does not clip."""
    augment: Augment = field(default_factory=Augment)
    """Random changes to training images."""
    validate_every: int = 1
    """Epochs between two measurements of the largest and the smallest subnet on the search
    split."""
    validate_random: int = 2
    """Random subnets measured beside them, the same ones throughout a phase; their mean is a
    learning curve of its own. 0 measures none."""
    checkpoint_every: int = 500
    """Steps between two checkpoints within an epoch; every epoch ends with one. 0 writes no
    others."""
    on_nan: Literal["stop", "skip"] = "stop"
    """What a step does whose loss or gradient is not finite: ``stop`` ends training, ``skip``
    leaves the weights as they are and goes on. Either way no such step changes a weight."""
    seed: int = 0
    """Seed of weights, order, augmentation and subnets."""
    threads: int = 2
    """CPU threads; 0 leaves the choice to torch."""
    accelerator: str = "auto"
    """Lightning's ``Trainer(accelerator=...)``."""
    devices: int = 1
    """Lightning's ``Trainer(devices=...)``: devices of each machine; -1 takes all."""
    num_nodes: int = 1
    """Lightning's ``Trainer(num_nodes=...)``: machines."""
    strategy: Literal["auto", "ddp", "ddp_spawn"] = "auto"
    """Lightning's ``Trainer(strategy=...)``; those that keep whole weights on every device."""
    sync_batchnorm: bool = False
    """Whether batch norm normalizes by the images of all devices; on GPUs only."""
    precision: Literal["32-true", "16-mixed", "bf16-mixed"] = "32-true"
    """Lightning's ``Trainer(precision=...)``."""

    def __post_init__(self) -> None:
        if not self.phases:
            raise OfaError("train.phases: there are none; add at least one phase")
        if not 0 <= self.ema_decay < 1:
            raise OfaError(f"train.ema_decay: {self.ema_decay} is not from 0 to below 1; try 0.999")
        if self.batch_size < 2:
            raise OfaError(f"train.batch_size: {self.batch_size} is too few for batch norm; use 2")
        if not 0 <= self.momentum < 1:
            raise OfaError(f"train.momentum: {self.momentum} is not from 0 to below 1; try 0.9")
        if not 0 <= self.label_smoothing <= 1:
            raise OfaError(f"train.label_smoothing: {self.label_smoothing} is not from 0 to 1")
        for name in ("accumulate", "num_nodes", "validate_every"):
            if getattr(self, name) < 1:
                raise OfaError(f"train.{name}: {getattr(self, name)} is below 1; use 1 or more")
        for name in (
            "weight_decay", "label_weight", "gradient_clip", "reference_batch", "validate_random",
            "checkpoint_every", "threads", "seed",
        ):  # fmt: skip
            if not 0 <= getattr(self, name) < math.inf:
                raise OfaError(f"train.{name}: {getattr(self, name)} is no number from 0 up")
        if self.devices == 0 or self.devices < -1:
            raise OfaError(f"train.devices: {self.devices}; use 1 or more, or -1 for all")
        earlier: set[str] = {IN_PLACE, NO_TEACHER}
        for phase in self.phases:
            if phase.teacher not in earlier:
                raise OfaError(
                    f"phase {phase.name!r}: teacher {phase.teacher!r} is not an earlier phase; use "
                    f"one of {sorted(earlier)}"
                )
            if phase.name in earlier:
                raise OfaError(f"phase {phase.name!r}: the name is taken; give each its own")
            earlier.add(phase.name)


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """One run, from images to a supernet."""

    space: AnySpace = field(default_factory=SearchSpace)
    """Every arch the supernet holds."""
    data: Data = field(default_factory=Data)
    """Images and splits."""
    train: Train
    """Phases and optimizer."""

    def __post_init__(self) -> None:
        for phase in self.train.phases:
            phase.subspace(self.space)
