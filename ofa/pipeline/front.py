"""Predictor and device to front."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ofa import checkpoint as files
from ofa.errors import OfaError
from ofa.latency import load_device
from ofa.opened import find_checkpoint, open_supernet
from ofa.pipeline.device import profile
from ofa.pipeline.progress import Track, untracked
from ofa.pipeline.rounds import (
    MAX_MEASURED,
    Accuracy,
    measured_on_search,
    refitted,
    settle,
    trusted_accuracy,
)
from ofa.run_files import Candidate, FrontPoint, SearchOutcome, write_front
from ofa.shipped import shipped
from ofa.space import Encoding

if TYPE_CHECKING:
    from ofa.search import Front


def search(
    *,
    device: str,
    checkpoint: str,
    out: Path,
    budget_ms: float | None = None,
    seed: int = 0,
    num_candidates: int = 8,
    rounds: int = 1,
    track: Track = untracked,
) -> Path:
    """Search the front of a device, then measure the most promising subnets within the budget.

    Args:
        budget_ms: Latency to stay within; ``None`` takes that of the front's knee, beyond which a
            millisecond buys less accuracy than on average.
        num_candidates: Archs whose accuracy is measured on the search split before one is chosen.
        rounds: Turns of search and measurement at most; see ``ofa.pipeline.rounds``. With more than
            one, ``out/accuracy.jsonl`` keeps what was measured.

    Returns:
        ``out/fronts/<device>.json``.

    Raises:
        InfeasibleBudget: If no subnet is fast enough; tells the reachable range.
    """
    from ofa.search import check_budget, random_front, reachable_range, search_front

    if rounds < 1:
        raise OfaError(f"rounds: {rounds} is too few; use 1 or more")
    target = load_device(shipped("devices"), device)
    folder = find_checkpoint(checkpoint)
    _, notes = open_supernet(folder)
    encoding = Encoding(notes.space)
    table = profile(device=device, checkpoint=checkpoint).table(encoding)
    reach = reachable_range(table) if budget_ms is None else check_budget(table, budget_ms)
    trusted = trusted_accuracy(folder, encoding)
    measured = measured_on_search(
        folder, encoding, out=out / files.ACCURACY if rounds > 1 else None, track=track
    )
    effort = {} if trusted else {"max_evaluations": MAX_MEASURED, "population": 16}

    def search_with(accuracy: Accuracy) -> "Front":
        rng = np.random.default_rng(seed)
        return search_front(encoding, accuracy=accuracy, latency_ms=table, rng=rng, **effort)

    settled = settle(
        search_with,
        measured,
        accuracy=trusted or measured,
        refit=partial(refitted, folder, encoding, seed=seed),
        budget_ms=budget_ms,
        num_candidates=num_candidates,
        max_rounds=rounds,
    )
    front, asked_ms = settled.front, settled.budget_ms
    rivals = random_front(
        encoding,
        accuracy=settled.accuracy,
        latency_ms=table,
        rng=np.random.default_rng(seed),
        max_evaluations=front.num_evaluations,
    )
    candidates = [
        Candidate(
            arch=point.arch,
            predicted_top1=point.predicted_top1,
            estimated_ms=point.estimated_ms,
            search_top1=measured.pairs[point.arch],
        )
        for point in _points(encoding, front, settled.rows)
    ]
    candidates.sort(key=lambda candidate: (-candidate.search_top1, candidate.estimated_ms))
    outcome = SearchOutcome(
        device=target.id,
        budget_ms=asked_ms,
        budget_is_given=budget_ms is not None,
        lowest_ms=reach.lowest,
        highest_ms=reach.highest,
        num_evaluations=front.num_evaluations,
        exhaustive=front.exhaustive,
        front=tuple(_points(encoding, front, np.arange(len(front)))),
        random_front=tuple(_points(encoding, rivals, np.arange(len(rivals)))),
        candidates=tuple(candidates),
        seed=seed,
        rounds=settled.rounds,
        scored_by="predictor" if trusted else "measurement",
    )
    path = out / "fronts" / f"{target.id}.json"
    inputs = {"supernet": folder / files.SUPERNET, "predictor": folder / files.PREDICTOR}
    write_front(path, outcome, inputs=inputs)
    return path


def _points(encoding: Encoding, front: "Front", rows: np.ndarray) -> Sequence[FrontPoint]:
    return [
        FrontPoint(arch=arch, predicted_top1=float(top1), estimated_ms=float(latency_ms))
        for arch, top1, latency_ms in zip(
            encoding.decode(front.genotypes[rows]),
            front.top1[rows],
            front.latency_ms[rows],
            strict=True,
        )
    ]
