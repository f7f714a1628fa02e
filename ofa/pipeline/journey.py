"""Several arrows at once: from a supernet to checked engines that keep their budget."""

import logging
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ofa.errors import InfeasibleBudget, OfaError
from ofa.latency import load_device
from ofa.pipeline.bundle import (
    Wish,
    attempt_of,
    bundle_path,
    engine_cache,
    prepare,
    publish,
    reject,
    tell_of_missing_runtime,
)
from ofa.pipeline.finetune import check_training_images, finetune
from ofa.pipeline.front import search
from ofa.pipeline.precisions import search_precisions
from ofa.pipeline.progress import Track, untracked
from ofa.pipeline.subnet import extract
from ofa.pipeline.whole_interval import find_with_whole_interval
from ofa.shipped import shipped

if TYPE_CHECKING:
    from ofa.deploy import Bundle
    from ofa.deploy.manifest import Attempt

_log = logging.getLogger(__name__)


def specialize(
    *,
    device: str,
    checkpoint: str,
    out: Path,
    budget_ms: float | None = None,
    whole_interval: bool = False,
    seed: int = 0,
    limits: Mapping[str, float] | None = None,
    wish: Wish | None = None,
    precisions: bool = False,
    finetune_epochs: int = 0,
    track: Track = untracked,
) -> "Bundle":
    """Walk from a supernet to checked engines for one device: search, extract, build, deploy.

    Where the device can be reached, the engine is timed on it; one that is over the budget sends
    the search back to aim lower, three times at most.

    Args:
        budget_ms: Latency to stay within; ``None`` takes that of the front's knee, which is a
            choice rather than a promise and is not enforced.
        whole_interval: Whether the upper end of the estimate's interval keeps the budget, where the
            device is out of reach.
        limits: What the subnet may cost at most besides latency, by names in ``ofa.space.COSTS``.
        precisions: Whether the device's twins in other precisions compete; the most accurate wins.
        finetune_epochs: Passes over the training images that the chosen subnet gets by itself.

    Returns:
        The bundle, read back and checked.

    Raises:
        InfeasibleBudget: If no subnet is fast enough and within the limits; tells what is.
        BudgetMissed: If no engine keeps the budget; the last bundle is kept under ``out/rejected``.
        ParityFailure: If a form of the network differs from the one before.
        BadData: If the images to fine-tune on are missing.
        OfaError: If ``whole_interval`` is asked without a budget, or of a device at hand.
    """
    from ofa.deploy import assemble, build, load_bundle
    from ofa.deploy.budget import first_aim_ms, holds, missed, next_aim_ms

    wish = wish or Wish()
    if finetune_epochs:  # missed after the search otherwise
        check_training_images(checkpoint)
    is_reachable = load_device(shipped("devices"), device).description.target != "none"
    if whole_interval and (budget_ms is None or is_reachable):
        reason = "needs a budget" if budget_ms is None else f"{device} is at hand, so it is timed"
        raise OfaError(f"--whole-interval: {reason}; give --budget-ms of a device out of reach")
    aim_ms = None if budget_ms is None else first_aim_ms(budget_ms, reachable=is_reachable)
    alone = partial(search, checkpoint=checkpoint, out=out, seed=seed, limits=limits, track=track)

    def find(within_ms: float | None) -> tuple[str, Path]:
        if not precisions:
            return device, alone(device=device, budget_ms=within_ms)
        contest = search_precisions(
            alone, device=device, checkpoint=checkpoint, budget_ms=within_ms
        )
        winner = contest.winner
        assert winner.path is not None  # where none keeps the budget, there is no contest
        return str(winner.device), winner.path

    attempts: tuple[Attempt, ...] = ()
    while True:
        try:
            found, front = (
                find_with_whole_interval(find, checkpoint=checkpoint, budget_ms=aim_ms)
                if whole_interval and aim_ms is not None
                else find(aim_ms)
            )
        except InfeasibleBudget:
            if attempts or aim_ms == budget_ms:
                raise
            found, front = find(budget_ms)  # feasible, though not with the guard kept free
        subnet = extract(front=front, checkpoint=checkpoint, out=out)
        order = prepare(subnet=subnet, front=front, checkpoint=checkpoint, device=found, wish=wish)
        searched_ms = order.outcome.budget_ms
        asked_ms = searched_ms if budget_ms is None else budget_ms  # whatever the search aimed at
        # A twin is searched within the knee of the device, which nobody asked for.
        outcome = replace(order.outcome, budget_ms=asked_ms, budget_is_given=budget_ms is not None)
        order = replace(order, outcome=outcome)
        if not attempts:
            tell_of_missing_runtime(order.device, wish)
        built = build(order, engine_cache(wish))
        attempts = (*attempts, replace(attempt_of(order, built), searched_ms=searched_ms))
        aim_ms = None
        if budget_ms is not None and not holds(budget_ms, attempts):
            aim_ms = next_aim_ms(budget_ms, attempts, lowest_ms=order.outcome.lowest_ms)
        if aim_ms is not None:
            continue
        if finetune_epochs:  # of weights, on which latency does not depend
            _log.info("fine-tuning %s, %d epochs", order.notes.arch.id, finetune_epochs)
            tuned = finetune(
                subnet=subnet, checkpoint=checkpoint, out=out,
                epochs=finetune_epochs, seed=seed, progress=False,
            ).folder  # fmt: skip
            prepared = prepare(
                subnet=tuned, front=front, checkpoint=checkpoint, device=found, wish=wish
            )
            order = replace(prepared, outcome=order.outcome)
            built = build(order, engine_cache(wish))
        assembled = assemble(order, built, attempts)
        attempts = assembled.manifest.attempts  # timed once more
        path = bundle_path(order, out, wish)
        if budget_ms is None or holds(budget_ms, attempts):
            return load_bundle(publish(assembled, path, out))
        aim_ms = next_aim_ms(budget_ms, attempts, lowest_ms=order.outcome.lowest_ms)
        if aim_ms is None:
            raise missed(budget_ms, attempts, kept_in=reject(assembled, path, out))
