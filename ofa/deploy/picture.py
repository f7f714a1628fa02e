"""The accuracy-latency front as a picture, on paper or inside a page that may be light or dark.

Inside a page, colors are the page's own: each one that matplotlib drew with becomes a CSS variable.
"""

import io
import re
from dataclasses import dataclass
from textwrap import fill
from typing import Any, Literal

from ofa import style

Format = Literal["png", "svg", "css-svg"]

_COLORS = {
    "ink": style.INK,
    "muted": style.MUTED,
    "grid": style.GRID,
    "paper": style.PAPER,
    "sample": "#9aa5b1",
    "front": "#0072b2",
    "candidate": "#d55e00",
    "chosen": "#007a5a",
    "rival": "#8a5a9e",
}
"""CSS variable of the page, and the color on paper."""


@dataclass(frozen=True, kw_only=True)
class FrontPoint:
    """One arch.

    Attributes:
        latency_ms: Estimated latency.
        top1: Top-1 on the search split, percent; predicted or measured as its list says.
    """

    latency_ms: float
    top1: float


@dataclass(frozen=True, kw_only=True)
class FrontPicture:
    """What the picture shows.

    Attributes:
        front: Trade-offs, from the fastest to the most accurate, predicted unless ``is_measured``.
        random_front: The front that random search finds with as many evaluations, predicted.
        uniform: Front of the archs of one choice for all blocks, predicted.
        candidates: Archs near the budget that was searched for, measured.
        samples: Random archs, measured.
        chosen: The chosen arch, measured as it ships: after fine-tuning, if there was any.
        low_ms: Lower end of the interval of the chosen arch's latency.
        high_ms: Upper end of it.
        budget_ms: Latency that had to be kept.
        machine: Whose latency it is.
        is_measured: Whether the front's accuracies are measurements.
        is_best_measured: Whether the chosen arch is the best of the candidates.
    """

    front: tuple[FrontPoint, ...]
    random_front: tuple[FrontPoint, ...]
    uniform: tuple[FrontPoint, ...]
    candidates: tuple[FrontPoint, ...]
    samples: tuple[FrontPoint, ...]
    chosen: FrontPoint
    low_ms: float
    high_ms: float
    budget_ms: float
    machine: str
    is_measured: bool = False
    is_best_measured: bool = True


def draw_front(picture: FrontPicture, *, format: Format, width_inches: float) -> bytes:
    """The picture as a file; equal data gives equal bytes.

    Args:
        format: ``css-svg`` is an ``<svg>`` element for a page that defines ``--ink`` and the rest.
        width_inches: Text keeps its size, so that a narrow picture is readable on a phone.
    """
    narrow = width_inches < 6
    with style.drawing(width_inches, 5.4 if narrow else 5.0) as figure:
        _draw(figure, picture, narrow=narrow)
        if format != "css-svg":
            return style.saved(figure, format=format)
        file = io.BytesIO()
        figure.savefig(file, format="svg", metadata={"Date": None}, transparent=True)
    return _for_page(file.getvalue().decode()).encode()


def _draw(figure: Any, picture: FrontPicture, *, narrow: bool) -> None:
    axes = figure.add_subplot()
    axes.set_xlabel(fill(f"estimated latency on {picture.machine}, ms", 40 if narrow else 90))
    axes.set_ylabel("top-1 on the search split, %")
    if picture.samples:
        axes.plot(*_columns(picture.samples), "o", color=_COLORS["sample"], markersize=4,
                  alpha=0.55, markeredgewidth=0, label="random subnets, measured")  # fmt: skip
    if picture.uniform:
        axes.plot(*_columns(picture.uniform), "x", color=_COLORS["rival"], markersize=6,
                  markeredgewidth=1.4, label="best uniform subnets, predicted")  # fmt: skip
    if picture.random_front:
        axes.plot(*_columns(picture.random_front), "--s", color=_COLORS["rival"], markersize=3.5,
                  linewidth=1.3, label="random search, equal effort, predicted")  # fmt: skip
    axes.plot(*_columns(picture.front), "-o", color=_COLORS["front"], markersize=3.5, linewidth=1.8,
              label=f"front, {'measured' if picture.is_measured else 'predicted'}")  # fmt: skip
    if picture.candidates:
        axes.plot(*_columns(picture.candidates), "D", color=_COLORS["candidate"], markersize=6,
                  markerfacecolor="none", markeredgewidth=1.5,
                  label="candidates of the front, measured")  # fmt: skip
    left, right = axes.get_xlim()
    axes.axvline(picture.budget_ms, color=_COLORS["ink"], linewidth=1.2, linestyle=(0, (5, 3)),
                 label=f"budget, {picture.budget_ms:.3g} ms")  # fmt: skip
    axes.plot((picture.low_ms, picture.high_ms), (picture.chosen.top1,) * 2, linewidth=5,
              color=_COLORS["chosen"], alpha=0.35, solid_capstyle="butt",
              label="chosen subnet's latency interval")  # fmt: skip
    axes.plot(picture.chosen.latency_ms, picture.chosen.top1, "*", color=_COLORS["chosen"],
              markersize=17, markeredgecolor=_COLORS["paper"], zorder=5,
              label="chosen subnet, measured")  # fmt: skip
    # The interval may be far wider than the front: it leaves the picture rather than flatten it.
    axes.set_xlim(left, max(right, picture.budget_ms + 0.03 * (right - left)))
    figure.legend(loc="outside upper left", ncols=1 if narrow else 2)


def _columns(points: tuple[FrontPoint, ...]) -> tuple[list[float], list[float]]:
    return [point.latency_ms for point in points], [point.top1 for point in points]


def _for_page(svg: str) -> str:
    """The ``<svg>`` element alone, in the page's colors, unseen by screen readers."""
    svg = svg[svg.index("<svg") :]
    for name, color in _COLORS.items():
        svg = svg.replace(color, f"var(--{name})")
    svg = re.sub(r' id="[a-z]+[\w.]*_\d+"', "", svg)  # names of groups, equal in every picture
    svg = re.sub(r'<svg ([^>]*?)width="[^"]+"', r"<svg \1", svg)
    svg = re.sub(r'<svg ([^>]*?)height="[^"]+"', r'<svg aria-hidden="true" \1', svg)
    return re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
