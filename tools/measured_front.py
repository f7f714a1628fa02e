"""Measure a front over MACs: ``python tools/measured_front.py --checkpoint cifar10``.

Search finds the front by the accuracy predictor; some of its subnets, evenly apart, and the largest
one are recalibrated and measured on the test images. Prints a Markdown table; ``--out`` draws it.
"""

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ofa import artifacts, style
from ofa.opened import evaluator, find_checkpoint, open_supernet, predictor
from ofa.search import Problem, search_front
from ofa.space import cost_table, encoding_of, genotypes_of, macs, network, params


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One subnet of the front.

    Attributes:
        macs_millions: Multiply-accumulates.
        params_thousands: Parameters.
        predicted_top1: On the search images, percent.
        test_top1: On the test images, percent.
    """

    macs_millions: float
    params_thousands: float
    predicted_top1: float
    test_top1: float


def main() -> None:
    """Search, measure, print, draw."""
    parser = argparse.ArgumentParser(description="Measure a front over MACs on the test images.")
    parser.add_argument("--checkpoint", default="cifar10", help="folder or shipped name")
    parser.add_argument("--num", type=int, default=8, help="subnets of the front to measure")
    parser.add_argument("--out", type=Path, default=None, help="SVG file to draw to")
    options = parser.parse_args()
    points = measured_front(find_checkpoint(options.checkpoint), num=options.num)
    print("| M MACs | k params | predicted for the search images, % | test top-1, % |")
    print("|---|---|---|---|")
    for point in points:
        print(
            f"| {point.macs_millions:.1f} | {point.params_thousands:.0f} "
            f"| {point.predicted_top1:.2f} | {point.test_top1:.2f} |"
        )
    if options.out:
        artifacts.write_atomically(options.out, _drawn(points))


def measured_front(folder: Path, *, num: int) -> list[Measured]:
    """Subnets of the front of a checkpoint, from the smallest, and its largest subnet."""
    space = open_supernet(folder)[1].space
    encoding = encoding_of(space)
    accuracy, judge = predictor(folder, encoding), evaluator(folder, "test")
    problem = Problem(encoding=encoding, accuracy=accuracy, latency_ms=cost_table(encoding, macs))
    front = search_front(problem, np.random.default_rng(0))
    archs = encoding.decode(front.genotypes)
    logs = np.log([macs(network(space, arch)) for arch in archs])
    wanted = np.linspace(logs[0], logs[-1], num)
    nearest = dict.fromkeys(int(np.abs(logs - log).argmin()) for log in wanted)
    chosen = dict.fromkeys([*(archs[index] for index in nearest), space.largest()])
    predicted = accuracy(genotypes_of(encoding, list(chosen)))
    points = []
    for arch, top1 in zip(chosen, predicted, strict=True):
        layers = network(space, arch)
        points.append(
            Measured(
                macs_millions=macs(layers) / 1e6,
                params_thousands=params(layers) / 1e3,
                predicted_top1=float(top1),
                test_top1=judge.top1(arch),
            )
        )
    return points


def _drawn(points: list[Measured]) -> bytes:
    with style.drawing(7, 3.8) as figure:
        axes = figure.add_subplot()
        for index, (name, label) in enumerate(
            (("test_top1", "measured on the test images"),
             ("predicted_top1", "predicted for the search images"))
        ):  # fmt: skip
            axes.plot(
                [point.macs_millions for point in points],
                [getattr(point, name) for point in points],
                **style.series(index, num_points=len(points)),
                label=label,
            )
        axes.set(xlabel="multiply-accumulates, millions", ylabel="top-1, %")
        axes.legend(loc="lower right")
        return style.saved(figure, format="svg")


if __name__ == "__main__":
    main()
