"""A fleet of devices drawn from the catalogue: how long the search takes, and what it gives away.

    python benchmarks/fleet.py --num 1000

Each device is one of the catalogue whose cost of every kind of work is scaled by 0.5 to 2, and has
five budgets, from 10 % to 90 % of its range. Variants of int8 devices are scored in int8. Time
counts the latency tables and the search. Regret is the top-1 that a search of the device alone
finds beyond the fleet's pick, over a sample of each precision.
"""

import argparse
from dataclasses import replace

import numpy as np

from ofa import pipeline
from ofa.latency import FEATURES, LatencyModel, load_model
from ofa.opened import find_checkpoint, open_supernet, predictor, quantized_predictor
from ofa.runtime import stopwatch
from ofa.search import Problem, reachable_range, search_fleet, search_front
from ofa.space import encoding_of

_SHARES = (0.1, 0.3, 0.5, 0.7, 0.9)


def main() -> None:
    """Draw the fleet, search it, and compare a sample of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--num", type=int, default=1000, help="devices to draw")
    parser.add_argument("--sample", type=int, default=20, help="of each precision to search alone")
    parser.add_argument("--seed", type=int, default=0, help="seed of the draws")
    parser.add_argument("--checkpoint", default="fashion_mnist")
    options = parser.parse_args()

    folder = find_checkpoint(options.checkpoint)
    encoding = encoding_of(open_supernet(folder)[1].space)
    floats = predictor(folder, encoding)
    accuracies = {"fp32": floats, "int8": quantized_predictor(folder, encoding) or floats}
    rng = np.random.default_rng(options.seed)
    known = [device for device in pipeline.devices() if device.model_path.exists()]
    drawn = [known[rng.integers(len(known))] for _ in range(options.num)]
    models = [_variant(load_model(device.model_path), rng) for device in drawn]
    precisions = ["int8" if d.description.precision == "int8" else "fp32" for d in drawn]

    elapsed = stopwatch()
    tables = [model.table(encoding) for model in models]
    ranges = [reachable_range(table) for table in tables]
    budgets_ms = [[r.lowest + s * (r.highest - r.lowest) for s in _SHARES] for r in ranges]
    tables_s = elapsed()
    search_s = 0.0
    for precision, accuracy in accuracies.items():
        alike = [index for index, name in enumerate(precisions) if name == precision]
        elapsed = stopwatch()
        fleet = search_fleet(
            encoding,
            accuracy=accuracy,
            latencies_ms=[tables[index] for index in alike],
            budgets_ms=[budgets_ms[index] for index in alike],
            rng=rng,
        )
        search_s += elapsed()
        regrets = []
        for place in rng.permutation(len(alike))[: options.sample]:
            table, front = tables[alike[place]], fleet.fronts[place]
            alone = Problem(encoding=encoding, accuracy=accuracy, latency_ms=table)
            own = search_front(alone, rng)
            for ms in budgets_ms[alike[place]]:
                regrets.append(own.top1[own.best_under(ms)] - front.top1[front.best_under(ms)])
        print(
            f"{precision}: {len(alike)} devices, {fleet.num_evaluations:,} archs predicted; regret "
            f"over {len(regrets)} picks: mean {np.mean(regrets):.4f}, worst {np.max(regrets):.4f}"
        )
    print(
        f"{options.num} devices x {len(_SHARES)} budgets: {tables_s + search_s:.1f} s, "
        f"{tables_s:.1f} s of it latency tables and ranges"
    )


def _variant(model: LatencyModel, rng: np.random.Generator) -> LatencyModel:
    """A device like another, each kind of work being up to twice as cheap or dear."""
    draws = dict(model.draws)
    for name in FEATURES:
        if name in draws:
            factor = 2 ** rng.uniform(-1, 1)
            draws[name] = tuple(factor * value for value in draws[name])
    return replace(model, draws=draws, layers_ms={})


if __name__ == "__main__":
    main()
