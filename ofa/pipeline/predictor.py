"""Accuracy data to predictor."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ofa import artifacts
from ofa import checkpoint as files
from ofa.opened import find_checkpoint, open_supernet
from ofa.space import encoding_of, genotypes_of

if TYPE_CHECKING:
    from ofa.predictor import FitReport


def fit_predictor(
    *, checkpoint: str, seed: int = 0, min_tau: float = 0.0, plots: Path | None = None
) -> "FitReport":
    """Fit the accuracy predictor, and measure it on subnets left out in turn.

    Args:
        min_tau: Least Kendall tau with which a search may rely on it.
        plots: Folder for ``predicted.png``, ``learning_curve.png`` and ``genes.png``.
    """
    from ofa.predictor import fit_predictor as fit

    folder = find_checkpoint(checkpoint)
    supernet, accuracy = folder / files.SUPERNET, folder / files.ACCURACY
    _, notes = open_supernet(folder)
    measured = files.read_accuracy(accuracy, supernet=supernet)
    encoding = encoding_of(notes.space)
    genotypes = genotypes_of(encoding, [record.arch for record in measured])
    top1 = np.array([record.top1 for record in measured])
    fitted = fit(encoding, genotypes, top1, seed=seed, min_tau=min_tau)
    artifacts.write_tensors(folder / files.PREDICTOR, *fitted.predictor.state())
    artifacts.write_json(
        folder / files.PREDICTOR_REPORT,
        {"report": asdict(fitted.report)},
        schema="ofa.predictor",
        inputs={"supernet": supernet}
        | {_input_name(path): path for path in files.accuracy_files(accuracy)},
    )
    if plots:
        from ofa.predictor.plots import draw_plots

        for name, picture in draw_plots(fitted, genotypes, top1, seed=seed).items():
            artifacts.write_atomically(plots / name, picture)
    return fitted.report


def _input_name(path: Path) -> str:
    """``accuracy``, or ``accuracy/0-of-2`` for the file of one of several processes."""
    return "accuracy" if path.name == files.ACCURACY else f"accuracy/{path.stem}"
