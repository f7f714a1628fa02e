"""Pictures of a predictor: how well it does, what more pairs would buy, what each gene does."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from ofa import style
from ofa.predictor.fit import MIN_PAIRS, FittedPredictor, fit_predictor
from ofa.space import AnyEncoding, Genotypes
from ofa.space.genes import drawn

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_NUM_BACKGROUND = 2000


def draw_plots(
    fitted: FittedPredictor, genotypes: Genotypes, top1: np.ndarray, *, seed: int
) -> dict[str, bytes]:
    """PNG pictures by file name."""
    encoding = fitted.predictor.encoding
    return {
        "predicted.png": _picture(lambda axes: _predicted(axes, fitted, top1)),
        "learning_curve.png": _picture(lambda axes: _curve(axes, encoding, genotypes, top1, seed)),
        "genes.png": _picture(lambda axes: _genes(axes, fitted, seed)),
    }


def gene_effects(
    accuracy: Callable[[Genotypes], np.ndarray], encoding: AnyEncoding, *, seed: int
) -> list[tuple[str, np.ndarray]]:
    """Mean predicted top-1 of random archs with one gene set to each of its choices, in points.

    Each gene is shown against its first choice. Archs without the gene's block are left out; the
    blocks that a greater depth brings choose at random, as all others do.

    Source: partial dependence, Friedman, Annals of Statistics 29, 2001.
    """
    background = drawn(encoding.num_choices, _NUM_BACKGROUND, np.random.default_rng(seed))
    live = encoding.live_genes(background)
    effects = []
    for gene, name in enumerate(encoding.gene_names):
        rows = background[live[:, gene]]
        means = []
        for choice in range(encoding.num_choices[gene]):
            changed = rows.copy()
            changed[:, gene] = choice
            means.append(accuracy(encoding.canonical(changed)).mean())
        effects.append((name, np.array(means) - means[0]))
    return effects


def learning_curve(
    encoding: AnyEncoding, genotypes: Genotypes, top1: np.ndarray, *, seed: int
) -> dict[int, float]:
    """Kendall tau on the left-out, by the number of pairs."""
    order = np.random.default_rng(seed).permutation(len(top1))
    sizes = [size for size in (50, 100, 250, 500, 1000, 2000, 5000) if size < len(top1)]
    return {
        size: fit_predictor(
            encoding, genotypes[order[:size]], top1[order[:size]], seed=seed
        ).report.kendall_tau
        for size in [*sizes, len(top1)]
        if size >= MIN_PAIRS
    }


def _predicted(axes: "Axes", fitted: FittedPredictor, top1: np.ndarray) -> None:
    axes.scatter(top1, fitted.left_out, s=6, alpha=0.5, color=style.series(0)["color"])
    axes.axline((float(top1.mean()), float(top1.mean())), slope=1, color=style.MUTED, linewidth=1)
    report = fitted.report
    axes.set_title(f"left out: tau {report.kendall_tau:.3f}, RMSE {report.rmse:.3f} points")
    axes.set(xlabel="measured top-1, %", ylabel="predicted top-1, %")


def _curve(
    axes: "Axes", encoding: AnyEncoding, genotypes: Genotypes, top1: np.ndarray, seed: int
) -> None:
    curve = learning_curve(encoding, genotypes, top1, seed=seed)
    axes.plot(list(curve), list(curve.values()), **style.series(0))
    axes.set(xlabel="measured subnets", ylabel="Kendall tau on the left-out", xscale="log")


def _genes(axes: "Axes", fitted: FittedPredictor, seed: int) -> None:
    effects = gene_effects(fitted.predictor, fitted.predictor.encoding, seed=seed)
    for row, (_, values) in enumerate(effects):
        axes.plot(values, np.full(len(values), row), color=style.OTHERS, zorder=1)
        axes.scatter(
            values,
            np.full(len(values), row),
            c=np.arange(len(values)),
            cmap="cividis",
            s=14,
            zorder=2,
        )
    axes.set_yticks(range(len(effects)), [name for name, _ in effects], fontsize=6)
    axes.invert_yaxis()
    axes.set(xlabel="points of top-1 over the first choice; dark to light: first to last choice")


def _picture(draw: Callable[["Axes"], None]) -> bytes:
    with style.drawing(6, 4.5) as figure:
        draw(figure.add_subplot())
        return style.saved(figure)
