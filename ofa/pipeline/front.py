"""Predictor and device to front."""

from collections.abc import Callable, Mapping
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ofa import artifacts
from ofa import checkpoint as files
from ofa.errors import InfeasibleBudget, OfaError
from ofa.opened import find_checkpoint, has_images
from ofa.pipeline.progress import Track, untracked
from ofa.pipeline.rounds import (
    MAX_MEASURED,
    Accuracy,
    measured_on_search,
    measured_pairs,
    refitted,
    settle,
    settle_unmeasured,
    trusted_accuracy,
)
from ofa.pipeline.table import device_table
from ofa.pipeline.watched import Watched
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
    rounds: int = 1,
    strategy: str = "evolution",
    limits: Mapping[str, float] | None = None,
    track: Track = untracked,
) -> Path:
    """Search the front of a device, then measure the most promising subnets within the budget.

    A checkpoint without images, as imported ones are, is searched by prediction alone. A space that
    is measured whole already, or too small to fit a predictor to, is searched by measurement alone.

    Args:
        device: Id or alias of a device, or the path of an imported latency table.
        budget_ms: Latency to stay within; ``None`` takes that of the front's knee, beyond which a
            millisecond buys less accuracy than on average.
        num_candidates: Archs whose accuracy is measured on the search split before one is chosen.
        rounds: Turns of search and measurement at most; see ``ofa.pipeline.rounds``. With more than
            one, or without a trusted predictor, ``out/accuracy.jsonl`` keeps what was measured.
        strategy: Name in ``ofa.search.STRATEGIES``.
        limits: What a subnet may cost at most besides latency, by names in ``ofa.space.COSTS``.

    Returns:
        ``out/fronts/<device>.json``.

    Raises:
        InUse: If another process keeps what it measures in ``out``.
        InfeasibleBudget: If no subnet is fast enough and within the limits; tells what is.
        OfaError: If there is no such strategy; lists all.
    """
    from ofa.search import (
        Problem,
        check_budget,
        find_strategy,
        limits_of,
        random_front,
        reachable_range,
        search_front,
        uniform_front,
    )

    if rounds < 1:
        raise OfaError(f"rounds: {rounds} is too few; use 1 or more")
    folder = find_checkpoint(checkpoint)
    notes = files.read_supernet(folder / files.SUPERNET)[1]
    encoding = encoding_of(notes.space)
    target = device_table(device, space=notes.space, checkpoint=checkpoint)
    table = target.latency_ms
    bounds = limits_of(encoding, limits or {})
    reach = (
        reachable_range(table, bounds)
        if budget_ms is None
        else check_budget(table, budget_ms, bounds)
    )
    searcher = find_strategy(strategy)
    problem = partial(Problem, encoding=encoding, latency_ms=table, limits=bounds)
    known = measured_pairs(folder, target.precision)
    is_whole = len(known) == notes.space.num_subnets
    trusted = None if is_whole else trusted_accuracy(folder, encoding, target.precision)
    if not trusted:  # the default alone is frugal enough for accuracies that take seconds each
        searcher, strategy = partial(search_front, population=16), "evolution"
    if not trusted and not is_whole:
        problem = partial(problem, max_evaluations=MAX_MEASURED)

    def search_with(accuracy: Accuracy) -> "Front":
        worst_ms = reach.highest if budget_ms is None else budget_ms
        watched = Watched(accuracy, latency_ms=table, worst_ms=worst_ms)
        return searcher(problem(accuracy=watched), np.random.default_rng(seed))

    if trusted and not has_images(folder):
        if rounds > 1:
            raise OfaError(f"rounds: {folder} has no images to measure subnets on; leave it out")
        pairs = {}
        settled = settle_unmeasured(
            search_with, accuracy=trusted, budget_ms=budget_ms, num_candidates=num_candidates
        )
    else:
        kept = out / files.ACCURACY if rounds > 1 or not trusted else None
        with artifacts.claimed(kept) if kept else nullcontext():
            measuring = partial(measured_on_search, folder, encoding, out=kept, track=track)
            measured = in_fp32 = measuring(precision=target.precision, known=known)
            if target.precision != "fp32":
                in_fp32 = measuring(precision="fp32", known={})
            pairs = measured.pairs
            settled = settle(
                search_with,
                measured,
                accuracy=trusted or measured,
                refit=partial(
                    refitted,
                    folder,
                    encoding,
                    precision=target.precision,
                    in_fp32=in_fp32,
                    seed=seed,
                ),
                budget_ms=budget_ms,
                num_candidates=num_candidates,
                max_rounds=rounds,
            )
    front, asked_ms = settled.front, settled.budget_ms
    solved = problem(accuracy=settled.accuracy, max_evaluations=front.num_evaluations)
    # Where every score is a measurement, baselines would cost as much as the search.
    finds = (
        partial(random_front, solved, np.random.default_rng(seed)),
        partial(uniform_front, solved),
    )
    at_random, uniform = (_baseline(encoding, find) if trusted else () for find in finds)
    chosen_from = settled.candidates
    scores = zip(
        encoding.decode(chosen_from), settled.accuracy(chosen_from), table(chosen_from), strict=True
    )
    candidates = [
        Candidate(
            arch=arch,
            predicted_top1=float(top1),
            estimated_ms=float(latency_ms),
            search_top1=pairs.get(arch),
        )
        for arch, top1, latency_ms in scores
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
        front=_points(encoding, front),
        random_front=at_random,
        candidates=tuple(candidates),
        seed=seed,
        rounds=settled.rounds,
        scored_by="predictor" if trusted else "measurement",
        strategy=strategy,
        uniform_front=uniform,
        limits=limits or {},
        precision=target.precision,
    )
    path = out / "fronts" / f"{target.device}.json"
    inputs = {"supernet": folder / files.SUPERNET}
    if trusted:
        inputs["predictor"] = folder / files.PREDICTOR
    write_front(path, outcome, inputs=inputs)
    return path


def _baseline(encoding: AnyEncoding, find: Callable[[], "Front"]) -> tuple[FrontPoint, ...]:
    """A front to compare with; empty where it holds nothing within the limits."""
    try:
        front = find()
    except InfeasibleBudget:
        return ()
    return _points(encoding, front)


def _points(encoding: AnyEncoding, front: "Front") -> tuple[FrontPoint, ...]:
    archs = encoding.decode(front.genotypes)
    return tuple(
        FrontPoint(arch=arch, predicted_top1=float(top1), estimated_ms=float(latency_ms))
        for arch, top1, latency_ms in zip(archs, front.top1, front.latency_ms, strict=True)
    )
