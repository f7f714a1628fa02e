"""Measure the figures of the README again: ``python tools/figures.py``.

Prints a Markdown table; run it on an idle machine, since two of the figures are rates.
"""

import argparse
import statistics
from pathlib import Path

import numpy as np

from ofa import pipeline
from ofa.opened import evaluator, find_checkpoint, open_supernet, predictor, read_fit
from ofa.runtime import stopwatch
from ofa.search import Problem, search_front
from ofa.space import AnySpace, encoding_of, macs, network, params


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Measure the figures of the README again.")
    parser.add_argument("--checkpoint", default="fashion_mnist", help="folder or shipped name")
    options = parser.parse_args()
    folder = find_checkpoint(options.checkpoint)
    space = open_supernet(folder)[1].space
    rows = [("distinct subnets", f"{space.num_subnets:,}")]
    judge = evaluator(folder, "test")
    for name, arch in (("largest", space.largest()), ("smallest", space.smallest())):
        layers = network(space, arch)
        size = f"{macs(layers) / 1e6:.2f} M MACs, {params(layers) / 1e3:.1f} k params"
        rows.append((f"test top-1, {name} subnet ({size})", f"{judge.top1(arch):.2f} %"))
    fit = read_fit(folder)
    assert fit is not None, "an imported predictor comes without its error"
    held_out = f"predictor on subnets left out, {fit.num_pairs:,} measured"
    rows.append((f"{held_out}: Kendall tau", f"{fit.kendall_tau:.3f}"))
    rows.append((f"{held_out}: RMSE", f"{fit.rmse:.3f} points"))
    rows.append((f"{held_out}: bias of the ten winners", f"{fit.winner_bias:+.3f} points"))
    rows.append(("search with predictor and latency model, one core", _search_rate(folder, space)))
    print("| what | measured |\n|---|---|")
    for what, measured in rows:
        print(f"| {what} | {measured} |")


def _search_rate(folder: Path, space: AnySpace) -> str:
    encoding = encoding_of(space)
    problem = Problem(
        encoding=encoding,
        accuracy=predictor(folder, encoding),
        latency_ms=pipeline.profile(device="pixel", checkpoint=str(folder)).table(encoding),
    )
    rates, seconds = [], []
    for seed in range(5):
        elapsed_s = stopwatch()
        front = search_front(problem, np.random.default_rng(seed))
        seconds.append(elapsed_s())
        rates.append(front.num_evaluations / seconds[-1])
    return (
        f"{statistics.median(rates):,.0f} candidates/s; the whole front in "
        f"{statistics.median(seconds):.2f} s (median of 5)"
    )


if __name__ == "__main__":
    main()
