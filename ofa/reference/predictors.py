"""Published predictors of either kind of space, told apart by the notes in their files."""

from collections.abc import Mapping
from pathlib import Path

from ofa.errors import IllegalSpace
from ofa.reference.predictor import PREDICTOR, ReferencePredictor, read_predictor
from ofa.reference.resnet_predictor import (
    RESNET_PREDICTOR,
    ResNetPredictor,
    read_resnet_predictor,
)
from ofa.space import AnyEncoding, ResNetEncoding


def is_imported_predictor(notes: Mapping[str, str]) -> bool:
    """Whether the notes of a file of tensors are those of an imported predictor."""
    return PREDICTOR in notes or RESNET_PREDICTOR in notes


def read_imported_predictor(
    path: Path, encoding: AnyEncoding
) -> ReferencePredictor | ResNetPredictor:
    """An imported predictor over the genotypes of ``encoding``.

    Raises:
        BadArtifact: If the file is missing, corrupt, or of another kind of space.
        IllegalSpace: If the space has a choice that the predictor was not trained on.
    """
    try:
        if isinstance(encoding, ResNetEncoding):
            return read_resnet_predictor(path, encoding)
        return read_predictor(path, encoding)
    except IllegalSpace as error:
        raise IllegalSpace(
            f"{path}: {error}; ofa import --resolutions keeps those you name"
        ) from error
