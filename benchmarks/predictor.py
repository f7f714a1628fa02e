"""How well a predictor does on subnets it never saw: ``python benchmarks/predictor.py``.

Draws training pairs of several numbers from a checkpoint's accuracy data, fits to each, and scores
the 300 pairs that every fit leaves out; five divisions, means printed. The last line is a rate.
"""

import argparse
import json

import numpy as np

from ofa.checkpoint import ACCURACY, SUPERNET, read_accuracy
from ofa.opened import find_checkpoint, open_supernet, predictor
from ofa.predictor import fit_predictor, kendall_tau, rmse, winner_bias
from ofa.runtime import stopwatch
from ofa.space import Encoding

NUM_HELD, NUM_DIVISIONS, NUM_PREDICTIONS = 300, 5, 1_000_000


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="How well a predictor does.")
    parser.add_argument("--checkpoint", default="fashion_mnist", help="folder or shipped name")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    folder = find_checkpoint(options.checkpoint)
    encoding = Encoding(open_supernet(folder)[1].space)
    records = read_accuracy(folder / ACCURACY, supernet=folder / SUPERNET)
    genotypes = encoding.encode([record.arch for record in records])
    top1 = np.array([record.top1 for record in records])
    sizes = [size for size in (100, 250, 500, 700) if size <= len(top1) - NUM_HELD]
    rows = {size: held_out(encoding, genotypes, top1, size) for size in sizes}
    many = encoding.sample(NUM_PREDICTIONS, np.random.default_rng(0))
    predict = predictor(folder, encoding)
    elapsed_s = stopwatch()
    predict(many)
    rate = NUM_PREDICTIONS / elapsed_s()
    if options.json:
        print(json.dumps({"held_out": rows, "predictions_per_s": rate}, indent=2))
        return
    print("| pairs | RMSE | Kendall tau | bias of 10 winners | 90 % interval | fit, s |")
    print("|---|---|---|---|---|---|")
    for size, row in rows.items():
        print(
            f"| {size} | {row['rmse']:.3f} | {row['kendall_tau']:.3f} | "
            f"{row['winner_bias']:+.3f} | {100 * row['coverage']:.1f} % | {row['fit_s']:.1f} |"
        )
    print(f"\n{rate:,.0f} predictions/s")


def held_out(
    encoding: Encoding, genotypes: np.ndarray, top1: np.ndarray, size: int
) -> dict[str, float]:
    """Mean scores over several divisions into pairs to fit and pairs to score."""
    scores = []
    for division in range(NUM_DIVISIONS):
        order = np.random.default_rng(division).permutation(len(top1))
        fitted_to, held = order[:size], order[-NUM_HELD:]
        elapsed_s = stopwatch()
        fitted = fit_predictor(encoding, genotypes[fitted_to], top1[fitted_to])
        fit_s = elapsed_s()
        predicted, measured = fitted.predictor(genotypes[held]), top1[held]
        interval = fitted.predictor.interval(genotypes[held])
        within = (interval.low <= measured) & (measured <= interval.high)
        scores.append(
            {
                "rmse": rmse(predicted, measured),
                "kendall_tau": kendall_tau(predicted, measured),
                "winner_bias": winner_bias(predicted, measured, num=10),
                "coverage": float(within.mean()),
                "fit_s": fit_s,
            }
        )
    return {name: float(np.mean([score[name] for score in scores])) for name in scores[0]}


if __name__ == "__main__":
    main()
