"""The reference project's published accuracy predictor of the ResNet50D space, in float64.

Features are one-hot: resolution, stem residual, the six widths, the expand ratio of each block
slot. For the largest archs it saturates: every resolution from 176 px up reads alike.

Source: mit-han-lab/once-for-all @ f03b267, ``ofa/nas/accuracy_predictor``.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, Float32

from ofa import artifacts
from ofa.errors import BadArtifact, IllegalSpace
from ofa.reference.predictor import Layers, check_layers, percent, percent_slope
from ofa.space import Genotypes, ResNetEncoding, ResNetSpace

TRAINED_SIZES = (128, 144, 160, 176, 192, 224, 240, 256)
"""Resolutions the published predictor has inputs for, px."""

_NUM_FEATURES = len(TRAINED_SIZES) + 2 + 3 * 6 + 3 * 18

RESNET_PREDICTOR = "ofa.resnet_predictor"
"""Key of the notes in such a predictor's file."""


@dataclass(frozen=True, kw_only=True, eq=False)
class ResNetPredictor:
    """The published predictor over the genotypes of the reference's ResNet50D space.

    Attributes:
        encoding: Encoding of the space, at resolutions among ``TRAINED_SIZES``.
        layers: Weight and bias of each layer.

    Raises:
        IllegalSpace: If the space is not the one that the predictor was trained on.
    """

    encoding: ResNetEncoding
    layers: Layers

    def __post_init__(self) -> None:
        space = self.encoding.space
        if strange := sorted(set(space.resolutions) - set(TRAINED_SIZES)):
            raise IllegalSpace(
                f"space.resolutions: {strange} are beyond the predictor, which was trained on "
                f"{list(TRAINED_SIZES)}; leave them out"
            )
        trained = ResNetSpace(resolutions=TRAINED_SIZES)
        for name in ("width_ratios", "expand_ratios", "stage_depths"):
            if getattr(space, name) != getattr(trained, name):
                raise IllegalSpace(
                    f"space.{name}: {getattr(space, name)} differ from what the predictor was "
                    f"trained on; use {getattr(trained, name)}"
                )

    def __call__(self, genotypes: Genotypes) -> Float32[np.ndarray, "n"]:
        """Predicted top-1 on ImageNet, percent."""
        return self.top1(genotypes).astype(np.float32)

    def slope(self, genotypes: Genotypes) -> Float[np.ndarray, "n choices"]:
        """Points of top-1 that a little of each choice adds to each arch, by backpropagation."""
        encoding = self.encoding
        slope = percent_slope(self.layers, self.features(genotypes))
        own = [TRAINED_SIZES.index(size) for size in encoding.space.resolutions]
        expands = (
            len(TRAINED_SIZES) + 2 + 3 * (encoding.width_genes.stop - encoding.width_genes.start)
        )
        depths = np.zeros((len(genotypes), encoding.num_choices[encoding.depth_genes].sum()))
        between = slope[:, len(TRAINED_SIZES) : expands]  # residual stem and widths
        return np.concatenate([slope[:, own], between, depths, slope[:, expands:]], axis=1)

    def top1(self, genotypes: Genotypes) -> Float[np.ndarray, "n"]:
        """Predicted top-1 on ImageNet, percent, float64."""
        return percent(self.layers, self.features(genotypes))

    def features(self, genotypes: Genotypes) -> Float[np.ndarray, "n features"]:
        """One-hot features; those of absent blocks are 0."""
        encoding = self.encoding
        own = [TRAINED_SIZES.index(size) for size in encoding.space.resolutions]
        active = encoding.active_slots(genotypes)
        parts = [
            np.eye(len(TRAINED_SIZES))[np.array(own)[genotypes[:, 0]]],
            np.eye(2)[genotypes[:, 1]],
            np.eye(3)[genotypes[:, encoding.width_genes]].reshape(len(genotypes), -1),
            (np.eye(3)[genotypes[:, encoding.expand_genes]] * active[..., None]).reshape(
                len(genotypes), -1
            ),
        ]
        return np.concatenate(parts, axis=1)


def check_features(layers: Layers, *, where: str) -> None:
    """Refuse layers that read something else than archs of the ResNet50D space.

    Raises:
        BadArtifact: Tells how many features they read.
    """
    if layers[0][0].shape[1] != _NUM_FEATURES:
        raise BadArtifact(
            f"{where}: reads {layers[0][0].shape[1]} features, but the predictor of ofa_resnet50 "
            f"reads {_NUM_FEATURES}; name its own family"
        )


def write_resnet_predictor(path: Path, layers: Layers) -> None:
    """Write a predictor's layers in this project's format."""
    tensors = {}
    for index, (weight, bias) in enumerate(layers):
        tensors |= {f"layers.{index}.weight": weight, f"layers.{index}.bias": bias}
    artifacts.write_tensors(path, tensors, {RESNET_PREDICTOR: "1"})


def read_resnet_predictor(path: Path, encoding: ResNetEncoding) -> ResNetPredictor:
    """A predictor in this project's format, over the genotypes of ``encoding``.

    Raises:
        BadArtifact: If the file is missing, corrupt, or holds something else.
        IllegalSpace: If the space is not the one that the predictor was trained on.
    """
    tensors, notes = artifacts.read_tensors(path)
    if RESNET_PREDICTOR not in notes:
        raise BadArtifact(f"{path}: holds no predictor of a bottleneck space; import it again")
    names = [(f"layers.{i}.weight", f"layers.{i}.bias") for i in range(len(tensors) // 2)]
    if set(tensors) != {name for pair in names for name in pair}:
        raise BadArtifact(f"{path}: lacks layers of the predictor; import it again")
    layers = tuple((tensors[weight], tensors[bias]) for weight, bias in names)
    check_layers(layers, [weight for weight, _ in names], where=str(path))
    check_features(layers, where=str(path))
    return ResNetPredictor(encoding=encoding, layers=layers)
