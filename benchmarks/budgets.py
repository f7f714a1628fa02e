"""Random latency budgets on this machine: is each kept when the shipped engine is timed again?

    python benchmarks/budgets.py --num 20 --out runs/budgets

The machine is profiled anew, and budgets are drawn between its fastest and slowest subnet. For
each, ``specialize`` runs as the command line runs it. In the end all bundles are read back and
their engines timed in turns, so that each is timed over half a minute. Prints one line a budget and
exits with 1 if one was missed at the median.
"""

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np

from ofa import pipeline
from ofa.deploy import Bundle
from ofa.deploy.budget import BudgetMissed
from ofa.opened import find_checkpoint, open_supernet
from ofa.runtime import measure_ms, stopwatch
from ofa.space import encoding_of, genotypes_of


def main() -> int:
    """Run the budgets; the exit code tells whether all were kept."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--num", type=int, default=20, help="budgets to draw")
    parser.add_argument("--first", type=int, default=0, help="draws to pass over")
    parser.add_argument("--seed", type=int, default=0, help="seed of the draws")
    parser.add_argument("--checkpoint", default="fashion_mnist")
    parser.add_argument("--out", type=Path, default=Path("runs/budgets"))
    options = parser.parse_args()

    space = open_supernet(find_checkpoint(options.checkpoint))[1].space
    model = pipeline.profile(device="host", checkpoint=options.checkpoint, fresh=True)
    encoding = encoding_of(space)
    corners = genotypes_of(encoding, [space.smallest(), space.largest()])
    lowest_ms, highest_ms = (float(ms) for ms in model.table(encoding)(corners))
    # The guard is above the fastest subnet, so that every budget drawn can be kept.
    rng = np.random.default_rng(options.seed)
    budgets_ms = rng.uniform(1.1 * lowest_ms, highest_ms, options.first + options.num)
    bundles: dict[float, Bundle] = {}
    for budget_ms in map(float, budgets_ms[options.first :]):
        elapsed = stopwatch()
        try:
            bundle = pipeline.specialize(
                device="host",
                checkpoint=options.checkpoint,
                out=options.out / f"{budget_ms:.4f}",
                budget_ms=budget_ms,
            )
        except BudgetMissed as error:
            print(f"asked {budget_ms:.4f} ms: {error}", flush=True)
            continue
        bundles[budget_ms] = bundle
        measured = bundle.manifest.measured
        assert measured is not None
        print(
            f"asked {budget_ms:.4f} ms, estimated {bundle.manifest.estimated.latency_ms:.4f}, "
            f"measured {measured.latency_ms:.4f}, {len(bundle.manifest.attempts)} searches, "
            f"{elapsed():.0f} s",
            flush=True,
        )
    again = measure_ms([_run(bundle) for bundle in bundles.values()], warmup=20, repeats=1000)
    kept = 0
    for budget_ms, timing in zip(bundles, again, strict=True):
        kept += timing.median_ms <= budget_ms
        word = "kept" if timing.median_ms <= budget_ms else "MISSED"
        print(f"asked {budget_ms:.4f} ms, again {timing.median_ms:.4f}: {word}")
    print(f"{kept} of {options.num} kept")
    return int(kept < options.num)


def _run(bundle: Bundle) -> Callable[[], object]:
    """One run of a bundle's engine on one image."""
    takes, session = bundle.manifest.input, bundle.session()
    image = np.zeros((1, takes.channels, takes.resolution, takes.resolution), np.uint8)
    return lambda: session.run(image)


if __name__ == "__main__":
    raise SystemExit(main())
