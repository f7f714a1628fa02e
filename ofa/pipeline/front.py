"""Predictor and device to front."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ofa import checkpoint as files
from ofa.opened import evaluator, find_checkpoint, has_images, open_supernet, predictor
from ofa.pipeline.progress import Track, untracked
from ofa.pipeline.table import device_table
from ofa.run_files import Candidate, FrontPoint, SearchOutcome, write_front
from ofa.space import AnyEncoding, encoding_of

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
    strategy: str = "evolution",
    track: Track = untracked,
) -> Path:
    """Search the front of a device, then measure the most promising subnets within the budget.

    A checkpoint without images, as imported ones are, is searched by prediction alone.

    Args:
        device: Id or alias of a device, or the path of an imported latency table.
        budget_ms: Latency to stay within; ``None`` takes that of the front's knee, beyond which a
            millisecond buys less accuracy than on average.
        num_candidates: Archs whose accuracy is measured on the search split before one is chosen.
        strategy: Name in ``ofa.search.STRATEGIES``.

    Returns:
        ``out/fronts/<device>.json``.

    Raises:
        InfeasibleBudget: If no subnet is fast enough; tells the reachable range.
        OfaError: If there is no such strategy; lists all.
    """
    from ofa.search import (
        check_budget,
        find_strategy,
        random_front,
        reachable_range,
        uniform_front,
    )

    search_front = find_strategy(strategy)
    folder = find_checkpoint(checkpoint)
    _, notes = open_supernet(folder)
    encoding = encoding_of(notes.space)
    target = device_table(device, space=notes.space, checkpoint=checkpoint)
    table = target.latency_ms
    reach = reachable_range(table) if budget_ms is None else check_budget(table, budget_ms)
    accuracy = predictor(folder, encoding)
    front = search_front(
        encoding, accuracy=accuracy, latency_ms=table, rng=np.random.default_rng(seed)
    )
    rivals = random_front(
        encoding,
        accuracy=accuracy,
        latency_ms=table,
        rng=np.random.default_rng(seed),
        max_evaluations=front.num_evaluations,
    )
    uniform = uniform_front(encoding, accuracy=accuracy, latency_ms=table)
    asked_ms = float(front.latency_ms[front.knee()]) if budget_ms is None else budget_ms
    judge = evaluator(folder, "search") if has_images(folder) else None
    rows = front.candidates(asked_ms, num=num_candidates)
    candidates = [
        Candidate(
            arch=point.arch,
            predicted_top1=point.predicted_top1,
            estimated_ms=point.estimated_ms,
            search_top1=judge.top1(point.arch) if judge else None,
        )
        for point in track(_points(encoding, front, rows), "measuring candidates")
    ]
    candidates.sort(key=lambda one: (-one.top1, one.estimated_ms))
    outcome = SearchOutcome(
        device=target.device,
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
        strategy=strategy,
        uniform_front=tuple(_points(encoding, uniform, np.arange(len(uniform)))),
    )
    path = out / "fronts" / f"{target.device}.json"
    inputs = {"supernet": folder / files.SUPERNET, "predictor": folder / files.PREDICTOR}
    write_front(path, outcome, inputs=inputs)
    return path


def _points(encoding: AnyEncoding, front: "Front", rows: np.ndarray) -> Sequence[FrontPoint]:
    return [
        FrontPoint(arch=arch, predicted_top1=float(top1), estimated_ms=float(latency_ms))
        for arch, top1, latency_ms in zip(
            encoding.decode(front.genotypes[rows]),
            front.top1[rows],
            front.latency_ms[rows],
            strict=True,
        )
    ]
