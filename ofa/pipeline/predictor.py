"""Accuracy data to predictor."""

import logging
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ofa import artifacts
from ofa import checkpoint as files
from ofa.errors import OfaError
from ofa.opened import find_checkpoint, open_supernet
from ofa.space import AnyEncoding, encoding_of, genotypes_of

if TYPE_CHECKING:
    from ofa.predictor import FitReport, FittedPredictor, FittedQuantized

_log = logging.getLogger(__name__)


def fit_predictor(
    *, checkpoint: str, seed: int = 0, min_tau: float = 0.0, plots: Path | None = None
) -> "FitReport":
    """Fit the accuracy predictor, and measure it on subnets left out in turn.

    Where some subnets were measured after quantization as well, it learns to predict that too.

    Args:
        min_tau: Least Kendall tau, in each precision, with which a search may rely on it.
        plots: Folder for ``predicted.png``, ``learning_curve.png`` and ``genes.png``.

    Raises:
        OfaError: If the subnets are too few, or all alike; nothing is written then.
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
    tensors, facts = fitted.predictor.state()
    report = fitted.report
    quantized_records = files.read_accuracy(accuracy, supernet=supernet, precision="int8")
    quantized = _fit_quantized(fitted, encoding, measured, quantized_records, seed=seed)
    if quantized:
        tensors |= quantized.predictor.state()
        report = replace(report, quantized=quantized.report)
    numbers = [*tensors.values(), np.array([report.kendall_tau, report.rmse])]
    if quantized:
        numbers.append(np.array([quantized.report.kendall_tau, quantized.report.rmse]))
    if not all(np.isfinite(values).all() for values in numbers):
        raise OfaError(
            f"{accuracy}: {len(top1)} subnets have {len(np.unique(top1))} different accuracies, "
            "too alike to foretell; train the supernet further, or measure on more images"
        )
    artifacts.write_tensors(folder / files.PREDICTOR, tensors, facts)
    artifacts.write_json(
        folder / files.PREDICTOR_REPORT,
        {"report": asdict(report)},
        schema="ofa.predictor",
        inputs={"supernet": supernet, "predictor": folder / files.PREDICTOR}
        | {_input_name(path): path for path in files.accuracy_files(accuracy)},
    )
    if plots:
        from ofa.predictor.plots import draw_plots

        for name, picture in draw_plots(fitted, genotypes, top1, seed=seed).items():
            artifacts.write_atomically(plots / name, picture)
    return report


def needs_predictor(folder: Path) -> bool:
    """Whether the space of a checkpoint is too large to be searched by measurement alone."""
    from ofa.predictor import can_fit

    return can_fit(open_supernet(folder)[1].space)


def _fit_quantized(
    fitted: "FittedPredictor",
    encoding: AnyEncoding,
    measured: Sequence[files.MeasuredArch],
    quantized: Sequence[files.MeasuredArch],
    *,
    seed: int,
) -> "FittedQuantized | None":
    """What the archs measured before and after quantization teach; ``None`` if they are too few."""
    from ofa.predictor import MIN_QUANTIZED, fit_quantized

    row_of = {record.arch: row for row, record in enumerate(measured)}
    both = [record for record in quantized if record.arch in row_of]
    if len(both) < MIN_QUANTIZED:
        if quantized:
            _log.warning(
                "predictor: %d of %d int8 subnets were measured in fp32 too, but %d are needed; "
                "measure more with ofa sample --precision int8 and the flags of the first sample",
                len(both),
                len(quantized),
                MIN_QUANTIZED,
            )
        return None
    rows = [row_of[record.arch] for record in both]
    return fit_quantized(
        fitted.predictor,
        genotypes_of(encoding, [record.arch for record in both]),
        np.array([measured[row].top1 for row in rows]),
        np.array([record.top1 for record in both]),
        left_out=fitted.left_out[rows],
        seed=seed,
    )


def _input_name(path: Path) -> str:
    """``accuracy``, or ``accuracy/0-of-2`` for the file of one of several processes."""
    return "accuracy" if path.name == files.ACCURACY else f"accuracy/{path.stem}"
