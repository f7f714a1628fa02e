"""A picture of the fronts of many devices: latency on a log scale, one line a device.

Lines differ in color, stroke and marker, so that the picture reads in grey and to the color-blind.
Past a dozen devices, which no eye tells apart, lines are grey and the fastest, the middle and the
slowest devices stand out.
"""

import io
from typing import Any

import numpy as np

from ofa.fleet_files import DeviceOutcome, FleetOutcome

_TOLD_APART = 8
# Okabe & Ito's palette, which the color-blind tell apart.
_COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#7F7F7F")
_MARKERS = "osD^vPX*"
_STROKES = ("-", "--", "-.", ":")


def draw_fleet(outcome: FleetOutcome) -> bytes:
    """The picture as a PNG."""
    import matplotlib as mpl
    from matplotlib.figure import Figure
    from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

    style: dict[Any, Any] = {"font.size": 11, "axes.spines.top": False, "axes.spines.right": False,
                             "legend.frameon": False, "text.parse_math": False}  # fmt: skip
    with mpl.rc_context(style):
        figure = Figure(figsize=(9, 5), layout="constrained")
        axes = figure.add_subplot()
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.set_xlabel("estimated latency, ms (log scale)")
        axes.set_ylabel("predicted top-1, %")
        axes.grid(color="#E3E3E3", linewidth=0.8)
        named = _named(outcome.devices)
        for device in outcome.devices:
            if device not in named:
                axes.plot(*_columns(device), color="#BBBBBB", linewidth=0.9)
        for index, device in enumerate(named):
            axes.plot(*_columns(device), color=_COLORS[index], linewidth=1.8,
                      linestyle=_STROKES[index % 4], marker=_MARKERS[index], markersize=5,
                      markevery=max(1, len(device.front) // 8), label=device.device)  # fmt: skip
        others = len(outcome.devices) - len(named)
        if others:
            axes.plot([], [], color="#BBBBBB", label=f"{others} other devices")
        figure.legend(loc="outside right upper")
        file = io.BytesIO()
        figure.savefig(file, format="png", dpi=150)
        return file.getvalue()


def _named(devices: tuple[DeviceOutcome, ...]) -> list[DeviceOutcome]:
    """Devices drawn in colors: all, or an even choice from the fastest to the slowest."""
    by_speed = sorted(devices, key=lambda device: device.lowest_ms)
    rows = np.linspace(0, len(devices) - 1, min(_TOLD_APART, len(devices))).round().astype(int)
    return [by_speed[row] for row in rows]


def _columns(device: DeviceOutcome) -> tuple[list[float], list[float]]:
    points = device.front
    return [point.estimated_ms for point in points], [point.predicted_top1 for point in points]
