"""How fast subnets are measured, and what each step buys: ``python benchmarks/evaluate.py``.

Measures the same archs in turns, in one process on one thread: each alone as plain torch code, each
alone as the evaluator does it, and with shared prefixes, drawn plainly and as a tree. Prints a
Markdown table, or JSON with ``--json``; every accuracy is compared image for image.
"""

import argparse
import json
from collections.abc import Callable
from dataclasses import replace

import torch

from ofa.evaluate import Draw, Evaluator, draw_archs, in_sharing_order
from ofa.opened import evaluator, find_checkpoint
from ofa.runtime import stopwatch
from ofa.space import AnyArch, encoding_of
from ofa.subnet import extract, recalibrate_batchnorm_

CHUNK_SIZES = (32, 64, 128, 256, 512)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="How fast subnets are measured.")
    parser.add_argument("--checkpoint", default="fashion_mnist", help="folder or shipped name")
    parser.add_argument("--num", type=int, default=64, help="archs drawn as a tree and plainly")
    parser.add_argument("--num-alone", type=int, default=8, help="of these, measured alone too")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    torch.set_num_threads(1)
    shared = evaluator(find_checkpoint(options.checkpoint), "search")
    result = {
        draw: compare(shared, draw, options.num, options.num_alone, options.seed)
        for draw in ("macs", "tree")
    }
    chunks = chunk_times(shared, options.seed)
    if options.json:
        print(json.dumps({"archs_per_s": result, "chunk_size_s": chunks}, indent=2))
        return
    print(
        "| draw | plain torch, alone | evaluator, alone | prefixes shared | × | × plain | images |"
    )
    print("|---|---|---|---|---|---|---|")
    for draw, row in result.items():
        plain, alone, together = row["plain"], row["alone"], row["shared"]
        print(
            f"| {draw} | {plain:.3f} archs/s | {alone:.3f} | {together:.3f} | "
            f"{together / alone:.1f} | {together / plain:.1f} | {row['images_differing']:.0f} |"
        )
    print("\n| images a chunk | s an arch |\n|---|---|")
    for size, elapsed_s in chunks.items():
        print(f"| {size} | {elapsed_s:.2f} |")


def compare(shared: Evaluator, draw: Draw, num: int, num_alone: int, seed: int) -> dict[str, float]:
    """Archs per second of each way, and how many images differ between them in all."""
    archs = in_sharing_order(draw_archs(encoding_of(shared.space), num, draw=draw, seed=seed))
    some = archs[:: max(1, num // num_alone)]
    alone = replace(shared, memory_bytes=0)
    shared.forget()
    for resolution in {arch.resolution for arch in archs}:  # images are resized once for all ways
        alone.predict(shared.subnet(archs[0]), resolution)
    together, shared_s = _timed(shared.top1, archs)
    by_arch = dict(zip(archs, together, strict=True))
    plain, plain_s = _timed(lambda arch: _plain_top1(alone, arch), some)
    lone, alone_s = _timed(alone.top1, some)
    differing = sum(
        abs(top1 - by_arch[arch])
        for way in (plain, lone)
        for arch, top1 in zip(some, way, strict=True)
    )
    return {
        "plain": len(some) / plain_s,
        "alone": len(some) / alone_s,
        "shared": len(archs) / shared_s,
        "images_differing": round(differing * len(shared.images) / 100),
    }


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


def _plain_top1(judge: Evaluator, arch: AnyArch) -> float:
    """As one would write it: extract, recalibrate, predict; layers as they were trained."""
    net = extract(judge.supernet, judge.space, arch)
    inputs = judge.normalized(judge.calibration, arch.resolution).contiguous()
    recalibrate_batchnorm_(net, inputs)
    hits = judge.predict(net, arch.resolution) == judge.images.labels
    return 100 * int(hits.sum()) / len(hits)


def _timed(run: Callable, items: list) -> tuple[list, float]:
    elapsed_s = stopwatch()
    results = [run(item) for item in items]
    return results, elapsed_s()


if __name__ == "__main__":
    main()
