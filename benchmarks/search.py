"""The reference project's own search problem: how good, how fast, and always the optimum?

    python benchmarks/search.py FOLDER

FOLDER holds the reference's published files, ``ofa/acc_predictor.pth`` and ``ofa/note10/``. Budgets
are searched one at a time, then all in one run, with as many evaluations as the reference took;
then small spaces are searched with at most an eighth of the evaluations that prove their optimum.
Exits with 1 if a result is worse than the best of three runs of the reference's search, or if a
proven optimum was missed. With ``--compare``, strategies are compared at equal evaluations instead.
"""

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np

from ofa.reference.predictor import TRAINED_SIZES, Form, ReferencePredictor, layers_of
from ofa.reference.tables import LayerTable, read_table
from ofa.reference.weights import read_state
from ofa.runtime import stopwatch
from ofa.search import Problem, compare, search_front
from ofa.space import FAMILIES, Encoding, SearchSpace

REFERENCE_TOP1 = {15: 78.538, 20: 80.679, 25: 81.918, 30: 82.777, 40: 84.030}
"""Best of three runs of the reference's search at each budget, ms, percent."""
MAX_EVALUATIONS = 50_100


def main() -> int:
    """Run the problem; the exit code tells whether every result is good enough."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="folder of the reference's published files")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--small-seeds", type=int, default=10)
    parser.add_argument("--compare", action="store_true", help="compare strategies instead")
    options = parser.parse_args()

    tables = {
        size: options.folder / f"ofa/note10/{size}_lookup_table.yaml" for size in TRAINED_SIZES
    }
    problem = read_table(tables), options.folder / "ofa/acc_predictor.pth"
    if options.compare:
        return _strategies(*problem, options.seeds)
    missed = _single_budgets(*problem, options.seeds)
    missed += _one_run(*problem, options.seeds)
    missed += _small_spaces(*problem, options.small_seeds)
    print(f"{missed} results below the bar")
    return int(missed > 0)


def published_space() -> SearchSpace:
    """The space that the published predictor and tables describe."""
    return replace(FAMILIES["ofa_mbv3_w1.2"](), resolutions=TRAINED_SIZES)


def published_problem(space: SearchSpace, table: LayerTable, weights: Path) -> Problem:
    """A part of the published space, with its scores."""
    encoding = Encoding(space)
    tensors = {name: tensor.numpy() for name, tensor in read_state(weights).items()}
    layout, layers = layers_of(tensors, where=str(weights))
    form = Form(layout=layout, resolutions=TRAINED_SIZES, num_slots=20)
    predictor = ReferencePredictor(encoding=encoding, form=form, layers=layers)
    return Problem(
        encoding=encoding,
        accuracy=predictor,
        latency_ms=table.table(encoding),
        max_evaluations=MAX_EVALUATIONS,
    )


def _single_budgets(table: LayerTable, weights: Path, num_seeds: int) -> int:
    """One search a budget and seed."""
    problem = published_problem(published_space(), table, weights)
    missed = 0
    for budget_ms, bar in REFERENCE_TOP1.items():
        found, seconds = [], []
        for seed in range(num_seeds):
            elapsed = stopwatch()
            within = replace(problem, max_latency_ms=budget_ms)
            front = search_front(within, np.random.default_rng(seed))
            seconds.append(elapsed())
            found.append(float(front.top1[front.best_under(budget_ms)]))
        missed += sum(top1 < bar for top1 in found)
        print(
            f"{budget_ms} ms: reference {bar:.3f}, least {min(found):.3f}, median "
            f"{np.median(found):.3f}, most {max(found):.3f}; {np.median(seconds):.2f} s, "
            f"at most {max(seconds):.2f} s",
            flush=True,
        )
    return missed


def _one_run(table: LayerTable, weights: Path, num_seeds: int) -> int:
    """One search a seed for all budgets."""
    problem = published_problem(published_space(), table, weights)
    problem = replace(problem, max_latency_ms=max(REFERENCE_TOP1))
    missed = 0
    for seed in range(num_seeds):
        elapsed = stopwatch()
        front = search_front(problem, np.random.default_rng(seed))
        seconds = elapsed()
        found = {ms: float(front.top1[front.best_under(ms)]) for ms in REFERENCE_TOP1}
        missed += sum(found[ms] < bar for ms, bar in REFERENCE_TOP1.items())
        line = " ".join(f"{top1:.3f}" for top1 in found.values())
        print(f"all budgets in one run, seed {seed}: {line}; {seconds:.2f} s", flush=True)
    return missed


def _small_spaces(table: LayerTable, weights: Path, num_seeds: int) -> int:
    """Is the optimum of a space that can be enumerated found without enumerating it?"""
    space = published_space()
    shallow = tuple(replace(stage, depths=(2,)) for stage in space.stages)
    parts = {
        "one kernel size, two expand ratios, depths 2 and 3": replace(
            space,
            kernel_sizes=(3,),
            expand_ratios=(3, 6),
            resolutions=(160, 192, 224),
            stages=tuple(replace(stage, depths=(2, 3)) for stage in space.stages),
        ),
        "two kernel sizes, two expand ratios, depth 2": replace(
            space, kernel_sizes=(3, 5), expand_ratios=(3, 6), resolutions=(192,), stages=shallow
        ),
    }
    missed = 0
    for name, part in parts.items():
        problem = published_problem(part, table, weights)
        whole = replace(problem, max_evaluations=part.num_subnets)
        proven = search_front(whole, np.random.default_rng(0))
        budgets_ms = np.quantile(proven.latency_ms, (0.25, 0.5, 0.75))
        few = replace(problem, max_evaluations=min(MAX_EVALUATIONS, part.num_subnets // 8))
        hits = 0
        for seed in range(num_seeds):
            front = search_front(few, np.random.default_rng(seed))
            hits += all(
                front.top1[front.best_under(ms)] == proven.top1[proven.best_under(ms)]
                for ms in budgets_ms
            )
        print(f"{name}, {part.num_subnets:,} subnets: {hits} of {num_seeds} seeds optimal")
        missed += num_seeds - hits
    return missed


def _strategies(table: LayerTable, weights: Path, num_seeds: int) -> int:
    """All strategies, medians over seeds."""
    problem = published_problem(published_space(), table, weights)
    for budget_ms in (20, 30):
        for max_evaluations in (2_000, 10_000):
            print(f"{budget_ms} ms, {max_evaluations:,} evaluations:")
            asked = replace(problem, max_latency_ms=budget_ms, max_evaluations=max_evaluations)
            for row in compare(asked, seeds=range(num_seeds)):
                print(
                    f"  {row.strategy}: {row.hypervolume:.3f} times random's hypervolume, "
                    f"{row.top1:.3f} %, {row.num_evaluations:,} evaluations"
                )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
