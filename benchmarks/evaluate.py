"""How fast subnets are measured, and what each step buys: ``python benchmarks/evaluate.py``.

Measures the same archs in turns: each alone as plain torch code on one thread and on all, each
alone as the evaluator does it, with shared prefixes, and on all cores, by threads or by workers;
drawn plainly and as a tree. Archs share the more, the more of them are put in order at once: so as
many are drawn as ``ofa sample`` orders, and stretches of that order are measured, each from its
beginning. Prints a Markdown table, or JSON with ``--json``; every accuracy is compared image for
image.
"""

import argparse
import json
import os
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ofa.data import ImageSet, resized
from ofa.evaluate import Evaluator, draw_archs, in_sharing_order, partings
from ofa.opened import evaluator, find_checkpoint, measure_search_top1
from ofa.runtime import stopwatch
from ofa.space import AnyArch, encoding_of
from ofa.subnet import CHUNK_SIZE, extract, recalibrate_batchnorm_

CHUNK_SIZES = (32, 64, 128, 256, 512)
WAYS = {
    "plain": "plain torch, one thread",
    "threads": "plain torch, all threads",
    "alone": "evaluator, each alone",
    "shared": "prefixes shared",
    "cores": "prefixes shared, chunks of images on all cores",
    "workers": "`--workers`, as many as cores",
}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="How fast subnets are measured.")
    parser.add_argument("--checkpoint", default="fashion_mnist", help="folder or shipped name")
    parser.add_argument("--num", type=int, default=500, help="archs drawn, as a tree and plainly")
    parser.add_argument("--draws", nargs="+", default=["macs", "tree"], choices=["macs", "tree"])
    parser.add_argument("--stretches", type=int, default=4, help="of their order, to measure")
    parser.add_argument("--length", type=int, default=12, help="archs a stretch")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    torch.set_num_threads(1)
    folder = find_checkpoint(options.checkpoint)
    judge = evaluator(folder, "search")
    encoding = encoding_of(judge.space)
    result = {}
    for draw in options.draws:
        archs = draw_archs(encoding, options.num, draw=draw, seed=options.seed)
        starts = np.linspace(0, options.num - options.length, options.stretches + 2)[1:-1]
        order = in_sharing_order(archs)
        stretches = [order[int(start) : int(start) + options.length] for start in starts]
        result[draw] = compare(folder, judge, stretches)
    chunks = chunk_times(judge, options.seed)
    if options.json:
        print(json.dumps({"archs_per_s": result, "chunk_size_s": chunks}, indent=2))
        return
    print("| archs/s | " + " | ".join(result) + " |\n|---|" + "---|" * len(result))
    for way, name in WAYS.items():
        cells = [f"{row[way]:.3f} ({row[way] / row['plain']:.1f} ×)" for row in result.values()]
        print(f"| {name} | " + " | ".join(cells) + " |")
    for way in ("alone", "plain"):
        cells = [f"{row[f'{way}_differing']:.0f}" for row in result.values()]
        print(f"| images that differ from {WAYS[way]} | " + " | ".join(cells) + " |")
    print("\n| images a chunk | s an arch |\n|---|---|")
    for size, elapsed_s in chunks.items():
        print(f"| {size} | {elapsed_s:.2f} |")


def compare(folder: Path, judge: Evaluator, stretches: list[list[AnyArch]]) -> dict[str, float]:
    """Archs per second of each way, and how many images differ between them in all."""
    archs = [arch for stretch in stretches for arch in stretch]
    alone = replace(judge, memory_bytes=0)
    on_all_cores = replace(judge, threads=os.cpu_count() or 1)
    for resolution in judge.space.resolutions:  # images are resized beforehand in every way
        _plain_inputs(alone, alone.calibration, resolution)
        _plain_inputs(alone, alone.images, resolution)
    ways: dict[str, Callable[[list[AnyArch]], list[float]]] = {
        "plain": lambda stretch: [_plain_top1(alone, arch) for arch in stretch],
        "threads": lambda stretch: _on_all_threads(alone, stretch),
        "alone": lambda stretch: [alone.top1(arch) for arch in stretch],
        "shared": lambda stretch: _shared_top1(judge, stretch),
        "cores": lambda stretch: _shared_top1(on_all_cores, stretch),
    }
    seconds = dict.fromkeys(ways, 0.0)
    top1: dict[str, list[float]] = {way: [] for way in ways}
    for stretch in stretches:
        for way, measure in ways.items():
            elapsed_s = stopwatch()
            top1[way] += measure(stretch)
            seconds[way] += elapsed_s()
    rates = {way: len(archs) / total_s for way, total_s in seconds.items()}
    image = 100 / len(judge.images)
    differing = {
        f"{way}_differing": float(np.abs(np.subtract(top1[way], top1["shared"])).sum() / image)
        for way in ("plain", "alone")
    }
    return rates | {"workers": _rate_of_workers(folder, archs)} | differing


def _shared_top1(judge: Evaluator, archs: list[AnyArch]) -> list[float]:
    judge.forget()
    steps = zip(archs, partings(archs), strict=True)
    return [judge.top1(arch, keep=keep) for arch, keep in steps]


def _plain_top1(judge: Evaluator, arch: AnyArch) -> float:
    """As one would write it: extract, recalibrate, predict; layers as they were trained."""
    net = extract(judge.supernet, judge.space, arch)
    calibration = _plain_inputs(judge, judge.calibration, arch.resolution)
    recalibrate_batchnorm_(net, calibration.split(CHUNK_SIZE))
    with torch.inference_mode():
        chunks = _plain_inputs(judge, judge.images, arch.resolution).split(128)
        hits = torch.cat([net(chunk).argmax(1) for chunk in chunks]) == judge.images.labels
    return 100 * int(hits.sum()) / len(hits)


@cache
def _plain_inputs(judge: Evaluator, images: ImageSet, resolution: int) -> Tensor:
    return judge.normalization(resized(images.images, resolution))


def _on_all_threads(judge: Evaluator, archs: list[AnyArch]) -> list[float]:
    torch.set_num_threads(os.cpu_count() or 1)
    try:
        return [_plain_top1(judge, arch) for arch in archs]
    finally:
        torch.set_num_threads(1)


def _rate_of_workers(folder: Path, archs: list[AnyArch]) -> float:
    """Archs per second once every worker has started, which takes seconds and is done once."""
    workers = os.cpu_count() or 1
    elapsed_s = stopwatch()
    times = [elapsed_s() for _ in measure_search_top1(folder, archs, workers=workers)]
    return (len(times) - workers) / (times[-1] - times[workers - 1])


def chunk_times(judge: Evaluator, seed: int) -> dict[int, float]:
    """Seconds to count on all images with each chunk size, for one subnet of medium size."""
    arch = draw_archs(encoding_of(judge.space), 3, draw="macs", seed=seed)[2]
    net = judge.subnet(arch)
    return {
        size: min(
            _timed(lambda size: judge.predict(net, arch.resolution, chunk_size=size), [size])[1]
            for _ in range(2)
        )
        for size in CHUNK_SIZES
    }


def _timed(run: Callable, items: list) -> tuple[list, float]:
    elapsed_s = stopwatch()
    results = [run(item) for item in items]
    return results, elapsed_s()


if __name__ == "__main__":
    main()
