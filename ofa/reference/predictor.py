"""The reference project's published accuracy predictors, computed in float64.

Each is a small network over one-hot features of an arch; only the order of the features differs.
The ``tutorial`` layout is kernel sizes, expand ratios, resolution; the ``nas`` layout puts
resolution first.

Source: mit-han-lab/once-for-all @ f03b267, ``ofa/tutorial/accuracy_predictor.py`` and
``ofa/nas/accuracy_predictor``; facts on which sizes were trained are measured on the published
weights.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Float, Float32

from ofa import artifacts
from ofa.errors import BadArtifact, IllegalSpace
from ofa.space import Encoding, Genotypes

Layout = Literal["tutorial", "nas"]
Layers = tuple[tuple[Float[np.ndarray, "_ _"], Float[np.ndarray, "_"]], ...]

TRAINED_SIZES = (160, 176, 192, 208, 224)
"""Resolutions the published MobileNetV3 predictor was trained on, px; others give noise."""

PREDICTOR = "ofa.reference_predictor"
"""Key of the notes in such a predictor's file."""

_KERNEL_SIZES = (3, 5, 7)
_EXPAND_RATIOS = (3.0, 4.0, 6.0)
_MAX_DEPTH = 4
_CHUNK = 1024  # rows whose hidden layers stay in a core's cache


@dataclass(frozen=True, kw_only=True)
class Form:
    """How a predictor reads an arch.

    Attributes:
        layout: Order of the features.
        resolutions: Input sizes it was trained on, px.
        num_slots: Block slots of the archs it reads.
    """

    layout: Layout
    resolutions: tuple[int, ...]
    num_slots: int

    @property
    def num_features(self) -> int:
        """Length of a feature vector."""
        return self.resolution_columns[1] + 6 * self.num_slots

    @property
    def resolution_columns(self) -> tuple[int, int]:
        """First column of the resolution, and how many there are."""
        if self.layout == "tutorial":  # eight sizes 16 px apart, of which five were trained
            return 6 * self.num_slots, 8
        return 0, len(self.resolutions)

    def resolution_column(self, resolution: int) -> int:
        """Column that stands for an input size."""
        first, _ = self.resolution_columns
        if self.layout == "tutorial":
            return first + (resolution - 112) // 16
        return first + self.resolutions.index(resolution)

    @property
    def first_slot_column(self) -> int:
        """First column of the kernel sizes; expand ratios follow them."""
        return 0 if self.layout == "tutorial" else len(self.resolutions)


@dataclass(frozen=True, kw_only=True, eq=False)
class ReferencePredictor:
    """A published predictor over the genotypes of one space.

    Attributes:
        encoding: Encoding of the space; it may be any part of the space the predictor was trained
            on.
        form: How it reads an arch.
        layers: Weight ``[out, in]`` and bias ``[out]`` of each layer.

    Raises:
        IllegalSpace: If the space has a choice that the predictor was not trained on.
    """

    encoding: Encoding
    form: Form
    layers: Layers

    def __post_init__(self) -> None:
        space, form = self.encoding.space, self.form
        for name, choices, known in (
            ("resolutions", space.resolutions, form.resolutions),
            ("kernel_sizes", space.kernel_sizes, _KERNEL_SIZES),
            ("expand_ratios", space.expand_ratios, _EXPAND_RATIOS),
        ):
            if strange := sorted(set(choices) - set(known)):
                raise IllegalSpace(
                    f"space.{name}: {strange} are beyond the predictor, which was trained on "
                    f"{list(known)}; leave them out"
                )
        num_slots = int(self._slots.max()) + 1
        if max(map(max, space.stage_depths)) > _MAX_DEPTH or num_slots > form.num_slots:
            raise IllegalSpace(
                f"space.stages: up to {num_slots} blocks are more than the {form.num_slots} that "
                "the predictor reads; choose the family it was made for"
            )

    def __call__(self, genotypes: Genotypes) -> Float32[np.ndarray, "n"]:
        """Predicted top-1 on ImageNet, percent; computed in float32, in half the time."""
        predictions = np.empty(len(genotypes), np.float32)
        for start in range(0, len(genotypes), _CHUNK):
            rows = slice(start, start + _CHUNK)
            features = self.features(genotypes[rows], dtype=np.float32)
            predictions[rows] = percent(self._single_layers, features)
        return predictions

    def slope(self, genotypes: Genotypes) -> Float32[np.ndarray, "n choices"]:
        """Points of top-1 that a little of each choice adds to each arch, by backpropagation."""
        features = self.features(genotypes, dtype=np.float32)
        slope = percent_slope(self._single_layers, features)
        choices = np.arange(self._columns.shape[1]) < self.encoding.num_choices[:, None]
        columns = self._columns[choices]
        return np.where(columns < 0, np.float32(0), slope[:, columns])

    def top1(self, genotypes: Genotypes) -> Float[np.ndarray, "n"]:
        """Predicted top-1 on ImageNet, percent, float64."""
        return percent(self.layers, self.features(genotypes))

    def features(
        self, genotypes: Genotypes, *, dtype: type[np.floating] = np.float64
    ) -> Float[np.ndarray, "n features"]:
        """One-hot features; those of absent blocks are 0."""
        encoding = self.encoding
        columns = self._columns[np.arange(encoding.num_genes), genotypes]
        active = encoding.active_slots(genotypes)
        for genes in (encoding.kernel_genes, encoding.expand_genes):
            columns[:, genes] = np.where(active, columns[:, genes], -1)
        num_features = self.form.num_features
        # What stands for no feature lands in one more column, which is cut off.
        places = np.where(columns < 0, num_features, columns)
        places += (num_features + 1) * np.arange(len(genotypes))[:, None]
        features = np.zeros((len(genotypes), num_features + 1), dtype)
        features.ravel()[places] = 1
        return features[:, :num_features]

    @cached_property
    def _single_layers(self) -> Layers:
        return tuple(
            (weight.astype(np.float32), bias.astype(np.float32)) for weight, bias in self.layers
        )

    @cached_property
    def _slots(self) -> np.ndarray:
        """Number that the predictor gives each block slot, int64[slots]."""
        return self.encoding.slot_stages * _MAX_DEPTH + self.encoding.slot_positions

    @cached_property
    def _columns(self) -> np.ndarray:
        """Feature of each choice of each gene, -1 for none, int64[genes, choices]."""
        encoding, form = self.encoding, self.form
        space = encoding.space
        columns = np.full((encoding.num_genes, int(encoding.num_choices.max())), -1)
        for choice, resolution in enumerate(space.resolutions):
            columns[0, choice] = form.resolution_column(resolution)
        expands = form.first_slot_column + 3 * form.num_slots
        for genes, start, choices, known in (
            (encoding.kernel_genes, form.first_slot_column, space.kernel_sizes, _KERNEL_SIZES),
            (encoding.expand_genes, expands, space.expand_ratios, _EXPAND_RATIOS),
        ):
            for choice, value in enumerate(choices):
                columns[genes, choice] = start + 3 * self._slots + known.index(value)
        return columns


def percent(layers: Layers, features: Float[np.ndarray, "n features"]) -> Float[np.ndarray, "n"]:
    """Output of a predictor's layers, with relu between them; they give shares of one."""
    values = features
    for index, (weight, bias) in enumerate(layers):
        values = (np.maximum(values, 0) if index else values) @ weight.T + bias
    return 100 * values[:, 0]


def percent_slope(
    layers: Layers, features: Float[np.ndarray, "n features"]
) -> Float[np.ndarray, "n features"]:
    """Slope of ``percent`` in every feature."""
    values, open_units = features, []
    for weight, bias in layers[:-1]:
        values = np.maximum(values @ weight.T + bias, 0)
        open_units.append(values > 0)
    slope = 100 * np.repeat(layers[-1][0], len(features), axis=0)
    for (weight, _), is_open in zip(layers[-2::-1], reversed(open_units), strict=True):
        slope = (slope * is_open) @ weight
    return slope


def layers_of(state: Mapping[str, np.ndarray], *, where: str) -> tuple[Layout, Layers]:
    """Layers of a published predictor, and the layout that its tensor names tell.

    Args:
        state: Tensors by the reference's names.
        where: Name of the source in messages.

    Raises:
        BadArtifact: If a tensor is missing, unknown, or does not fit its neighbours.
    """
    if "base_acc" in state:
        layout: Layout = "nas"
        names = [(f"layers.{i}.0.weight", f"layers.{i}.0.bias") for i in range(3)]
        names.append(("layers.3.weight", "base_acc"))
    else:
        layout = "tutorial"
        names = [(f"{2 * i}.weight", f"{2 * i}.bias") for i in range(4)]
    wanted = {name for pair in names for name in pair}
    if wrong := sorted(wanted ^ state.keys()):
        problem = "lacks" if wrong[0] in wanted else "holds the unknown"
        raise BadArtifact(f"{where}: {problem} tensor {wrong[0]}; it is no published predictor")
    layers = tuple((state[w].astype(np.float64), state[b].astype(np.float64)) for w, b in names)
    width = layers[0][0].shape[-1]
    for (weight, bias), (name, _) in zip(layers, names, strict=True):
        if weight.ndim != 2 or weight.shape[1] != width or bias.shape != weight.shape[:1]:
            raise BadArtifact(
                f"{where}: {name} has shape {weight.shape}, which does not fit its layer"
            )
        width = weight.shape[0]
    if width != 1:
        raise BadArtifact(f"{where}: ends in {width} outputs, but a predictor has one")
    return layout, layers


def write_predictor(path: Path, predictor: ReferencePredictor) -> None:
    """Write a predictor in this project's format."""
    tensors = {}
    for index, (weight, bias) in enumerate(predictor.layers):
        tensors |= {f"layers.{index}.weight": weight, f"layers.{index}.bias": bias}
    artifacts.write_tensors(path, tensors, {PREDICTOR: json.dumps(asdict(predictor.form))})


def read_predictor(path: Path, encoding: Encoding) -> ReferencePredictor:
    """A predictor in this project's format, over the genotypes of ``encoding``.

    Raises:
        BadArtifact: If the file is missing, corrupt, or holds something else.
        IllegalSpace: If the space has a choice that the predictor was not trained on.
    """
    tensors, notes = artifacts.read_tensors(path)
    try:
        form = artifacts.parse(Form, json.loads(notes[PREDICTOR]), where=str(path))
        layers = tuple(
            (tensors[f"layers.{i}.weight"], tensors[f"layers.{i}.bias"]) for i in range(4)
        )
    except (KeyError, ValueError) as error:
        raise BadArtifact(f"{path}: holds no reference predictor; import it again") from error
    return ReferencePredictor(encoding=encoding, form=form, layers=layers)
