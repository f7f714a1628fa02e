"""Supernet to accuracy data."""

from pathlib import Path
from typing import Literal

from ofa import checkpoint as files
from ofa.opened import find_checkpoint, measure_search_top1, open_supernet
from ofa.pipeline.progress import Track, untracked
from ofa.space import encoding_of


def sample(
    *,
    checkpoint: str,
    num: int = 1000,
    draw: Literal["uniform", "macs"] = "macs",
    seed: int = 0,
    workers: int = 1,
    track: Track = untracked,
) -> Path:
    """Measure subnets on the search split, each recalibrated; goes on where it was cut off.

    Archs are drawn, then measured in rounds of 500, each in an order in which neighbors share their
    first layers, so that these are computed once.

    Args:
        num: Subnets to have measured in the end.
        draw: See ``ofa.evaluate.draw_archs``.
        workers: Processes that measure, each on one thread; their number changes no result.

    Returns:
        ``accuracy.jsonl`` in the checkpoint's folder.
    """
    from ofa.evaluate import draw_archs, in_sharing_order

    folder = find_checkpoint(checkpoint)
    path, supernet = folder / files.ACCURACY, folder / files.SUPERNET
    done = {record.arch for record in files.read_accuracy(path, supernet=supernet)}
    _, notes = open_supernet(folder)
    archs = draw_archs(encoding_of(notes.space), num, draw=draw, seed=seed)
    rounds = [in_sharing_order(archs[start : start + 500]) for start in range(0, num, 500)]
    pending = [arch for members in rounds for arch in members if arch not in done]
    measured = measure_search_top1(folder, pending, workers=workers)
    for arch, top1 in zip(track(pending, "measuring subnets"), measured, strict=True):
        record = files.MeasuredArch(arch=arch, top1=top1)
        files.append_accuracy(path, record, supernet=supernet)
    return path
