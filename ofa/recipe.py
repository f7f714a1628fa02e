"""Every setting of a run, as typed data.

jsonargparse makes the flags, the help and the YAML reader from these dataclasses; a default is
written here and nowhere else.
"""

from dataclasses import dataclass, field, replace
from typing import Literal

from ofa.errors import OfaError
from ofa.space import AnySpace, SearchSpace


@dataclass(frozen=True, kw_only=True)
class Data:
    """Which images, and how they are divided."""

    name: Literal["fashion_mnist", "image_folder"] = "fashion_mnist"
    """Data set; ``root`` makes it ``image_folder``."""
    root: str | None = None
    """Folder that holds ``train/<class>/*`` and ``test/<class>/*`` images."""
    download: bool = False
    """Whether Fashion-MNIST may be downloaded if this machine has no copy."""
    num_search: int = 10_000
    """Training images held out for search: they score subnets and never train one."""
    num_calibration: int = 2_048
    """Training images that recalibrate batch norm."""
    split_seed: int = 0
    """Seed of the held-out split and of the calibration list."""

    def __post_init__(self) -> None:
        for name in ("num_search", "num_calibration"):
            if getattr(self, name) < 2:
                raise OfaError(f"data.{name}: {getattr(self, name)} is too few; use 2 or more")


@dataclass(frozen=True, kw_only=True)
class Augment:
    """Random changes to training images, drawn anew for every image and step."""

    crop_padding: int = 2
    """Zero pixels around the image before a random crop of the old size."""
    flip: bool = True
    """Whether half of the images are mirrored."""
    erase_probability: float = 0.0
    """Share of images of which a random rectangle is blanked (Zhong et al., arXiv:1708.04896)."""

    def __post_init__(self) -> None:
        if not 0 <= self.erase_probability <= 1:
            raise OfaError(
                f"augment.erase_probability: {self.erase_probability} is not between 0 and 1"
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
    """Depths in play; ``None`` takes the space's."""
    expand_ratios: tuple[float, ...] | None = None
    """Expand ratios in play; ``None`` takes the space's."""
    num_random: int = 1
    """Random subnets a step, besides the largest and the smallest."""

    def __post_init__(self) -> None:
        if self.epochs < 1:
            raise OfaError(f"phase {self.name!r}: epochs is {self.epochs}; use 1 or more")
        if not 0 <= self.final_learning_rate <= self.learning_rate:
            raise OfaError(
                f"phase {self.name!r}: final_learning_rate {self.final_learning_rate} is not "
                f"between 0 and learning_rate {self.learning_rate}"
            )

    def subspace(self, space: AnySpace) -> AnySpace:
        """The part of ``space`` that this phase trains.

        Raises:
            OfaError: If the phase names a choice that the space does not have.
        """
        chosen: dict[str, tuple[float, ...]] = {}
        for name in ("resolutions", "kernel_sizes", "depths", "expand_ratios"):
            choices = getattr(self, name)
            if choices is None:
                continue
            strange = sorted(set(choices) - set(getattr(space, name)))
            if strange:
                raise OfaError(
                    f"phase {self.name!r}: {name} {strange} are not in space.{name} "
                    f"{list(getattr(space, name))}"
                )
            chosen[name] = tuple(choices)
        return replace(space, **chosen)  # type: ignore[arg-type]


@dataclass(frozen=True, kw_only=True)
class Train:
    """How the supernet is trained."""

    phases: tuple[Phase, ...] = ()
    """Progressive shrinking, in order; each phase starts from its predecessor's weights."""
    batch_size: int = 128
    """Images a step."""
    momentum: float = 0.9
    """Nesterov momentum of SGD."""
    weight_decay: float = 1e-4
    """Decay of convolution and classifier weights; norms, biases and kernel transforms have
    none."""
    label_smoothing: float = 0.1
    """Mass moved from the true label to all labels, for the largest net; others learn from it."""
    ema_decay: float = 0.0
    """Share of the old in the moving average of weights, a step; the average, begun anew with each
    phase, is what is measured and kept. 0 keeps the weights themselves."""
    gradient_clip: float = 0.0
    """Largest global gradient norm; 0 does not clip."""
    augment: Augment = field(default_factory=Augment)
    """Random changes to training images."""
    validate_every: int = 1
    """Epochs between two measurements of the largest and the smallest subnet on the search
    split."""
    seed: int = 0
    """Seed of weights, order, augmentation and subnets."""
    threads: int = 2
    """CPU threads; 0 leaves the choice to torch."""
    accelerator: str = "auto"
    """Lightning's ``Trainer(accelerator=...)``."""
    precision: Literal["32-true", "16-mixed", "bf16-mixed"] = "32-true"
    """Lightning's ``Trainer(precision=...)``."""

    def __post_init__(self) -> None:
        if not self.phases:
            raise OfaError("train.phases: there are none; add at least one phase")
        if not 0 <= self.ema_decay < 1:
            raise OfaError(f"train.ema_decay: {self.ema_decay} is not from 0 to below 1; try 0.999")
        if self.batch_size < 2:
            raise OfaError(f"train.batch_size: {self.batch_size} is too few for batch norm; use 2")


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
