"""Search and measurement in turns, until measuring the winners changes nothing any more.

Whoever takes the best of many predictions takes their luck as well: the predicted best is biased
upward, and worst where the predictor knows least. So the most promising archs are measured, the
pairs are fed back, and the front is searched again. The choice is made by measurement.

A search leaves its inputs as they are: what it measures goes to the run's own ``accuracy.jsonl``.
A second start asks the same archs in the same order and finds them there, so that a search that
was killed ends like one that was not.

Source: iterative predictor-based search, e.g. BRP-NAS, Dudziak et al., NeurIPS 2020,
arXiv:2007.08668.
"""

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from ofa import checkpoint as files
from ofa.errors import OfaError
from ofa.opened import (
    measure_search_top1,
    predictor,
    predictor_rmse,
    quantized_predictor,
    read_fit,
)
from ofa.pipeline.progress import Track, untracked
from ofa.run_files import Round
from ofa.space import AnyArch, AnyEncoding, Genotypes, genotypes_of

if TYPE_CHECKING:
    from ofa.search import Front

Accuracy = Callable[[Genotypes], Float[np.ndarray, "n"]]
SearchFront = Callable[[Accuracy], "Front"]
Pairs = dict[AnyArch, float]

MAX_MEASURED = 300
"""Archs that a search without a trusted predictor may measure."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, eq=False)
class Settled:
    """A front, and the measured archs to choose from.

    Attributes:
        front: Of the last round's predictions.
        budget_ms: Latency that was kept within.
        accuracy: What the last round scored with.
        candidates: Archs to choose from, those that any round measured.
        rounds: What each round measured.
    """

    front: "Front"
    budget_ms: float
    accuracy: Accuracy
    candidates: Genotypes
    rounds: tuple[Round, ...]


@dataclass(frozen=True, kw_only=True, eq=False)
class Measured:
    """Accuracy by measurement: each arch once, remembered, and kept in a file if one is named.

    Attributes:
        measure: Each of some archs with its top-1, percent, in any order.
        keep: Told of every new pair.
        known: Pairs of an earlier start, taken in place of measuring them again.
        pairs: What this search has asked.
    """

    encoding: AnyEncoding
    measure: Callable[[Sequence[AnyArch]], Iterable[tuple[AnyArch, float]]]
    keep: Callable[[AnyArch, float], None] = lambda arch, top1: None
    track: Track = untracked
    known: Pairs = field(default_factory=dict)
    pairs: Pairs = field(default_factory=dict)

    def __call__(self, genotypes: Genotypes) -> Float[np.ndarray, "n"]:
        """Top-1 of each arch, percent."""
        archs = self.encoding.decode(genotypes)
        new = [arch for arch in dict.fromkeys(archs) if arch not in self.pairs]
        unknown = [arch for arch in new if arch not in self.known]
        if unknown:
            tracked = self.track(unknown, "measuring candidates")
            for _, (arch, top1) in zip(tracked, self.measure(unknown), strict=True):
                self.known[arch] = top1
                self.keep(arch, top1)
        self.pairs.update({arch: self.known[arch] for arch in new})
        return np.array([self.pairs[arch] for arch in archs], np.float64)


def settle(
    search: SearchFront,
    measured: Measured,
    *,
    accuracy: Accuracy,
    refit: Callable[[Pairs], Accuracy],
    budget_ms: float | None,
    num_candidates: int,
    max_rounds: int,
) -> Settled:
    """Search, measure the best within the budget, refit; until they are all known.

    Args:
        search: The front under an accuracy.
        accuracy: What the first round scores with.
        refit: What the next round scores with, given all pairs measured so far.
        budget_ms: ``None`` takes the knee of the first front, and keeps to it.
    """
    rounds: list[Round] = []
    candidates: list[Genotypes] = []
    while True:
        front = search(accuracy)
        if budget_ms is None:
            budget_ms = float(front.latency_ms[front.knee()])
        rows = front.candidates(budget_ms, num=num_candidates)
        candidates.append(front.genotypes[rows])
        num_known = len(measured.pairs)
        top1 = measured(front.genotypes[rows])
        num_new = len(measured.pairs) - num_known
        rounds.append(
            Round(
                num_measured=num_new,
                gap=float(np.mean(front.top1[rows] - top1)),
                winner_gap=float(front.top1[rows[0]] - top1[0]),
                best_top1=float(top1.max()),
            )
        )
        if not num_new or len(rounds) >= max_rounds:
            break
        accuracy = refit(measured.pairs)
    return Settled(
        front=front,
        budget_ms=budget_ms,
        accuracy=accuracy,
        candidates=measured.encoding.unique(np.concatenate(candidates)),
        rounds=tuple(rounds),
    )


def settle_unmeasured(
    search: SearchFront, *, accuracy: Accuracy, budget_ms: float | None, num_candidates: int
) -> Settled:
    """One search whose winners cannot be measured, since there are no images."""
    front = search(accuracy)
    if budget_ms is None:
        budget_ms = float(front.latency_ms[front.knee()])
    rows = front.candidates(budget_ms, num=num_candidates)
    candidates = front.genotypes[rows]
    return Settled(
        front=front, budget_ms=budget_ms, accuracy=accuracy, candidates=candidates, rounds=()
    )


def measured_pairs(folder: Path, precision: files.Precision) -> Pairs:
    """What a checkpoint's accuracy data holds."""
    return _pairs(folder / files.ACCURACY, folder / files.SUPERNET, precision)


def measured_on_search(
    folder: Path,
    encoding: AnyEncoding,
    *,
    precision: files.Precision,
    known: Pairs,
    out: Path | None,
    track: Track,
) -> Measured:
    """Measures on the search split of a checkpoint what is not known.

    What ``out`` names is read first, and grows.
    """
    supernet = folder / files.SUPERNET
    if out:
        known = known | _pairs(out, supernet, precision)

    def keep(arch: AnyArch, top1: float) -> None:
        if out:
            record = files.MeasuredArch(arch=arch, top1=top1, precision=precision)
            files.append_accuracy(out, record, supernet=supernet)

    def measure(archs: Sequence[AnyArch]) -> Iterator[tuple[AnyArch, float]]:
        from ofa.evaluate import in_sharing_order

        return measure_search_top1(folder, in_sharing_order(archs), precision=precision)

    return Measured(
        encoding=encoding,
        measure=measure,
        keep=keep,
        track=track,
        known=known,
    )


def predicted_accuracy(folder: Path, encoding: AnyEncoding, precision: files.Precision) -> Accuracy:
    """The predictor of a checkpoint for subnets of a precision.

    Where it knows nothing of 8 bits, it predicts what they would reach in floats, with a warning.
    """
    if precision == "int8":
        quantized = quantized_predictor(folder, encoding)
        if quantized is not None:
            return quantized
        _log.warning(
            "predictor: knows no accuracy after quantization, so int8 subnets are predicted as "
            "accurate as in fp32; run ofa sample --precision int8 --num 60, then ofa fit-predictor"
        )
    return predictor(folder, encoding)


def trusted_accuracy(
    folder: Path, encoding: AnyEncoding, precision: files.Precision
) -> Accuracy | None:
    """As ``predicted_accuracy``; ``None`` where the space is too small to fit any predictor to.

    And, with a warning, where the predictor ranks too badly.
    """
    from ofa.predictor import can_fit

    if not can_fit(encoding.space) and not (folder / files.PREDICTOR).exists():
        return None
    shortfall = _shortfall(folder, precision)
    if not shortfall:
        return predicted_accuracy(folder, encoding, precision)
    _log.warning(
        "predictor: %s, so the search scores %d archs at most by measurement; measure more subnets "
        "with ofa sample to search faster",
        shortfall,
        MAX_MEASURED,
    )
    return None


def check_trust(folder: Path, precision: files.Precision) -> None:
    """Refuse a predictor that ranks too badly, for searches that go by prediction alone.

    Raises:
        OfaError: Says how badly.
    """
    if shortfall := _shortfall(folder, precision):
        raise OfaError(
            f"predictor: {shortfall}, and this search goes by it alone; measure more subnets with "
            f"ofa sample --checkpoint {folder} and fit it again, or search one device with "
            "--device, which measures"
        )


def _shortfall(folder: Path, precision: files.Precision) -> str:
    """By how much a predictor ranks worse than was asked of it; empty where it does not."""
    if predictor_rmse(folder) is None:  # imported: nobody measured here how well it ranks
        return ""
    fit = read_fit(folder)
    tau = fit.kendall_tau_in(precision)
    if tau >= fit.min_tau:
        return ""
    where = " in int8" if precision == "int8" and fit.quantized else ""
    return f"Kendall tau{where} {tau:.3f} is below the {fit.min_tau:.3f} asked of it"


def refitted(
    folder: Path,
    encoding: AnyEncoding,
    pairs: Pairs,
    *,
    precision: files.Precision,
    in_fp32: Measured,
    seed: int,
) -> Accuracy:
    """The predictor of a checkpoint's pairs and those measured since.

    Args:
        in_fp32: Measures in fp32 what ``pairs`` holds in another precision.
    """
    from ofa.predictor import MIN_QUANTIZED, fit_predictor, fit_quantized

    floats = measured_pairs(folder, "fp32")
    quantized = measured_pairs(folder, "int8") | pairs if precision == "int8" else {}
    new = [arch for arch in pairs if arch not in floats]
    floats |= zip(new, in_fp32(genotypes_of(encoding, new)).tolist(), strict=True)
    base = fit_predictor(
        encoding, genotypes_of(encoding, list(floats)), np.array(list(floats.values())), seed=seed
    ).predictor
    both = [arch for arch in quantized if arch in floats]
    if len(both) < MIN_QUANTIZED:
        return base
    genotypes = genotypes_of(encoding, both)
    return fit_quantized(
        base,
        genotypes,
        np.array([floats[arch] for arch in both]),
        np.array([quantized[arch] for arch in both]),
        left_out=base(genotypes),
        seed=seed,
    ).predictor


def _pairs(path: Path, supernet: Path, precision: files.Precision) -> Pairs:
    records = files.read_accuracy(path, supernet=supernet, precision=precision)
    return {record.arch: record.top1 for record in records}
