"""Bayesian optimization by Optuna: what it has seen decides, gene by gene, what it tries next.

One study a latency target learns by a Parzen estimator (TPE) what is accurate and fast enough.
Choosing the next arch takes longer the more were seen, so this stops after a few hundred.
"""

from dataclasses import replace
from importlib import import_module

import numpy as np

from ofa.errors import MissingExtra
from ofa.search.archive import Archive
from ofa.search.front import Front
from ofa.search.problem import Problem

MAX_EVALUATIONS = 500
"""Archs that Bayesian optimization asks at most, whatever it may."""

_NUM_TARGETS = 4
_DRAWN_FIRST = 64  # archs whose latencies tell the targets
_OVERSHOOT = 20.0  # percentage points that costing twice what is allowed counts for


def bayes_front(problem: Problem, rng: np.random.Generator) -> Front:
    """The front of all archs that the sampler proposed, ``MAX_EVALUATIONS`` at most.

    Raises:
        InfeasibleBudget: If no arch was met that is fast enough.
        MissingExtra: If Optuna is not installed; tells the mend.
        OfaError: If a score is not a finite number, or a setting is out of range.

    Source: Bergstra et al., "Algorithms for Hyper-Parameter Optimization", NeurIPS 2011, as Optuna
    implements it.
    """
    try:
        optuna = import_module("optuna")
    except ModuleNotFoundError as error:
        raise MissingExtra(
            "search: strategy 'bayes' needs Optuna; pip install 'ofa-toolkit[optuna]'"
        ) from error
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    encoding = problem.encoding
    num_evaluations = min(problem.max_evaluations, MAX_EVALUATIONS)
    archive = Archive(replace(problem, max_evaluations=num_evaluations))
    genes = np.flatnonzero(encoding.num_choices > 1)
    choices = {
        str(gene): optuna.distributions.CategoricalDistribution(range(encoding.num_choices[gene]))
        for gene in genes
    }
    start = encoding.sample(_DRAWN_FIRST, rng)
    takes_ms = problem.latency_ms(start)
    slowest_ms = min(float(takes_ms.max()), problem.max_latency_ms)
    fastest_ms = min(float(takes_ms.min()), slowest_ms)
    targets_ms = np.geomspace(fastest_ms, slowest_ms, _NUM_TARGETS + 1)[1:]
    studies = [
        optuna.create_study(
            direction="maximize",
            sampler=optuna.samplers.TPESampler(seed=int(rng.integers(2**31))),
        )
        for _ in targets_ms
    ]
    least = np.inf
    # Bounded although proposals may have been met before, or cost too much to be asked.
    for turn in range(4 * archive.num_left):
        if not archive.num_left:
            break
        study, target_ms = studies[turn % _NUM_TARGETS], targets_ms[turn % _NUM_TARGETS]
        trial = study.ask(choices)
        row = np.zeros((1, encoding.num_genes), np.uint8)
        row[0, genes] = [trial.params[str(gene)] for gene in genes]
        scored = archive.score_new(encoding.canonical(row))
        if not len(scored):
            study.tell(trial, state=optuna.trial.TrialState.FAIL)
            continue
        top1 = float(scored.top1[0])
        least = min(least, top1) if np.isfinite(top1) else least
        known = top1 if np.isfinite(top1) else least if np.isfinite(least) else 0.0
        too_much = max(float(scored.latency_ms[0]) / target_ms, float(scored.excess[0])) - 1
        study.tell(trial, known - _OVERSHOOT * max(too_much, 0.0))
    return archive.front()
