"""Measure the figures of docs/explanations: ``python tools/explanations.py recalibration``.

``recalibration``: top-1 of subnets with the supernet's batch-norm statistics, and with their own.
``noise``: how often two subnets trade places when fewer images judge them.
``bias``: what accuracy the subnets of one latency band have, before any search.
"""

import argparse
from itertools import combinations, pairwise

import numpy as np
import torch

from ofa.evaluate import Evaluator, draw_archs
from ofa.opened import evaluator, find_checkpoint, open_supernet
from ofa.pipeline import profile
from ofa.space import AnyArch, AnySpace, encoding_of, macs, network
from ofa.subnet import extract

_NUM_NOISE = 30
_NUM_BAND = 2000


def main() -> None:
    """Measure one of them and print a Markdown table."""
    parser = argparse.ArgumentParser(description="Measure the figures of docs/explanations.")
    parser.add_argument("what", choices=["recalibration", "noise", "bias"])
    parser.add_argument("--checkpoint", default="fashion_mnist", help="folder or shipped name")
    options = parser.parse_args()
    folder = find_checkpoint(options.checkpoint)
    space = open_supernet(folder)[1].space
    if options.what == "recalibration":
        _recalibration(evaluator(folder, "search"), space)
    elif options.what == "noise":
        _noise(evaluator(folder, "search"), space)
    else:
        _bias(options.checkpoint, space)


def _recalibration(judge: Evaluator, space: AnySpace) -> None:
    rng = np.random.default_rng(0)
    encoding = encoding_of(space)
    drawn = encoding.decode(encoding.sample(3, rng))
    named = [("largest", space.largest()), *(("random", arch) for arch in drawn)]
    named.append(("smallest", space.smallest()))
    print("| subnet | M MACs | the supernet's statistics | its own |\n|---|---|---|---|")
    for name, arch in named:
        borrowed = _top1(judge, extract(judge.supernet, space, arch), arch)
        own = judge.top1(arch)
        print(
            f"| {name} | {macs(network(space, arch)) / 1e6:.2f} | {borrowed:.2f} % | {own:.2f} % |"
        )


def _top1(judge: Evaluator, net: torch.nn.Module, arch: AnyArch) -> float:
    hits = judge.predict(net, arch.resolution) == judge.images.labels
    return 100 * float(hits.float().mean())


def _noise(judge: Evaluator, space: AnySpace) -> None:
    """Order of pairs on all images against their order on random parts of them."""
    archs = draw_archs(encoding_of(space), _NUM_NOISE, draw="macs", seed=0)
    hits = np.stack([_hits(judge, arch) for arch in archs])
    whole = hits.mean(1)
    rng = np.random.default_rng(0)
    print("| images | standard error, one subnet | pairs that trade places |\n|---|---|---|")
    for num in (250, 1000, 4000):
        swapped = []
        for _ in range(200):
            part = hits[:, rng.choice(hits.shape[1], num, replace=False)].mean(1)
            swapped += [
                (part[a] - part[b]) * (whole[a] - whole[b]) < 0
                for a, b in combinations(range(len(hits)), 2)
            ]
        error = 100 * float(np.sqrt(whole.mean() * (1 - whole.mean()) / num))
        print(f"| {num:,} | {error:.2f} points | {100 * np.mean(swapped):.0f} % |")


def _hits(judge: Evaluator, arch: AnyArch) -> np.ndarray:
    net = judge.subnet(arch)
    return (judge.predict(net, arch.resolution) == judge.images.labels).numpy()


def _bias(checkpoint: str, space: AnySpace) -> None:
    """Predicted top-1 of random subnets, by fifths of latency."""
    from ofa.opened import predictor

    encoding = encoding_of(space)
    latency_ms = profile(device="pixel", checkpoint=checkpoint).table(encoding)
    genotypes = encoding.sample(_NUM_BAND, np.random.default_rng(0))
    took, top1 = latency_ms(genotypes), predictor(find_checkpoint(checkpoint), encoding)(genotypes)
    edges = np.quantile(took, np.linspace(0, 1, 6))
    print("| latency, ms | worst | median | best of 400 |\n|---|---|---|---|")
    for low, high in pairwise(edges):
        within = top1[(took >= low) & (took <= high)]
        worst, middle, best = np.quantile(within, (0, 0.5, 1))
        print(f"| {low:.2f} to {high:.2f} | {worst:.2f} % | {middle:.2f} % | {best:.2f} % |")


if __name__ == "__main__":
    main()
