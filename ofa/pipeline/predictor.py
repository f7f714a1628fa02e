"""Accuracy data to predictor."""

from dataclasses import asdict
from typing import TYPE_CHECKING

import numpy as np

from ofa import artifacts
from ofa import checkpoint as files
from ofa.opened import find_checkpoint, open_supernet
from ofa.space import encoding_of, genotypes_of

if TYPE_CHECKING:
    from ofa.predictor import FitReport


def fit_predictor(*, checkpoint: str, seed: int = 0) -> "FitReport":
    """Fit the accuracy predictor, and measure it on subnets left out in turn."""
    from ofa.predictor import fit_predictor as fit

    folder = find_checkpoint(checkpoint)
    supernet, accuracy = folder / files.SUPERNET, folder / files.ACCURACY
    _, notes = open_supernet(folder)
    measured = files.read_accuracy(accuracy, supernet=supernet)
    encoding = encoding_of(notes.space)
    genotypes = genotypes_of(encoding, [record.arch for record in measured])
    top1 = np.array([record.top1 for record in measured])
    fitted = fit(encoding, genotypes, top1, seed=seed)
    artifacts.write_tensors(folder / files.PREDICTOR, *fitted.predictor.state())
    artifacts.write_json(
        folder / files.PREDICTOR_REPORT,
        {"report": asdict(fitted.report)},
        schema="ofa.predictor",
        inputs={"supernet": supernet, "accuracy": accuracy},
    )
    return fitted.report
