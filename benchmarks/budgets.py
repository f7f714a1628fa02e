"""Random latency budgets on this machine: is each kept when the shipped engine is timed again?

    python benchmarks/budgets.py --num 20 --out runs/budgets

The machine is profiled anew, and budgets are drawn between its fastest and slowest subnet. For
each, ``specialize`` runs as the command line runs it; then the bundle is read back and its engine
timed anew. Prints one line a budget and exits with 1 if one was missed at the median.
"""

import argparse
from pathlib import Path

import numpy as np

from ofa import pipeline
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
    kept = 0
    for budget_ms in budgets_ms[options.first :]:
        elapsed = stopwatch()
        try:
            bundle = pipeline.specialize(
                device="host",
                checkpoint=options.checkpoint,
                out=options.out / f"{budget_ms:.4f}",
                budget_ms=float(budget_ms),
            )
        except BudgetMissed as error:
            print(f"asked {budget_ms:.4f} ms: MISSED, {error}", flush=True)
            continue
        seconds = elapsed()
        takes, session = bundle.manifest.input, bundle.session()
        image = np.zeros((1, takes.channels, takes.resolution, takes.resolution), np.uint8)
        again = measure_ms([lambda s=session, i=image: s.run(i)], warmup=20, repeats=200)[0]
        kept += again.median_ms <= budget_ms
        measured = bundle.manifest.measured
        assert measured is not None
        print(
            f"asked {budget_ms:.4f} ms, estimated {bundle.manifest.estimated.latency_ms:.4f}, "
            f"measured {measured.latency_ms:.4f}, again {again.median_ms:.4f}, "
            f"{len(bundle.manifest.attempts)} searches, {seconds:.0f} s: "
            f"{'kept' if again.median_ms <= budget_ms else 'MISSED'}",
            flush=True,
        )
    print(f"{kept} of {options.num} kept")
    return int(kept < options.num)


if __name__ == "__main__":
    raise SystemExit(main())
