"""One style for every picture: white paper, dark ink, series told apart thrice.

Series differ in color, marker and stroke, so that pictures read in grey and to the color-blind. The
colors are Okabe and Ito's (Color Universal Design, 2008); matplotlib is imported when one is drawn.
"""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

INK, MUTED, GRID, PAPER, OTHERS = "#1d2733", "#5b6673", "#dfe4ea", "#fdfdfe", "#bbbbbb"

_COLORS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000", "#7f7f7f")
_MARKERS = "osD^vPX*"
_STROKES = ("-", "--", "-.", ":")

MAX_SERIES = len(_COLORS)
"""Series that an eye can tell apart."""


def series(index: int, *, num_points: int = 1) -> dict[str, Any]:
    """How the line of one of at most ``MAX_SERIES`` series is drawn; a dozen markers at most."""
    return {
        "color": _COLORS[index],
        "marker": _MARKERS[index],
        "linestyle": _STROKES[index % len(_STROKES)],
        "linewidth": 1.8,
        "markersize": 5,
        "markevery": max(1, num_points // 12),
    }


@contextmanager
def drawing(width_inches: float, height_inches: float) -> Iterator["Figure"]:
    """An empty figure; what is drawn and saved within the block has the style."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    settings: dict[Any, Any] = {
        "font.family": "DejaVu Sans", "font.size": 11, "text.color": INK,
        "figure.facecolor": PAPER, "axes.facecolor": PAPER, "savefig.facecolor": PAPER,
        "axes.edgecolor": MUTED, "axes.labelcolor": INK, "axes.titlesize": 12,
        "axes.titlelocation": "left", "axes.spines.top": False, "axes.spines.right": False,
        "axes.grid": True, "axes.axisbelow": True, "grid.color": GRID, "grid.linewidth": 0.8,
        "xtick.color": MUTED, "xtick.labelcolor": INK, "ytick.color": MUTED,
        "ytick.labelcolor": INK, "legend.frameon": False, "text.parse_math": False,
        "svg.fonttype": "none", "svg.hashsalt": f"ofa {width_inches} {height_inches}",
    }  # fmt: skip
    with mpl.rc_context(settings):
        yield Figure(figsize=(width_inches, height_inches), layout="constrained")


def saved(figure: "Figure", *, format: str = "png") -> bytes:
    """The picture as a file; equal data gives equal bytes."""
    file = io.BytesIO()
    metadata = {"Software": ""} if format == "png" else {"Date": None}
    figure.savefig(file, format=format, dpi=150, metadata=metadata)
    return file.getvalue()
