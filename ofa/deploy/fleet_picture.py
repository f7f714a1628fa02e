"""A picture of the fronts of many devices: latency on a log scale, one line a device.

Lines differ in color, stroke and marker, so that the picture reads in grey and to the color-blind.
Past a dozen devices, which no eye tells apart, lines are grey and the fastest, the middle and the
slowest devices stand out.
"""

import numpy as np

from ofa import style
from ofa.fleet_files import DeviceOutcome, FleetOutcome


def draw_fleet(outcome: FleetOutcome) -> bytes:
    """The picture as a PNG."""
    from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

    with style.drawing(9, 5) as figure:
        axes = figure.add_subplot()
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.set_xlabel("estimated latency, ms (log scale)")
        axes.set_ylabel("predicted top-1, %")
        named = _named(outcome.devices)
        for device in outcome.devices:
            if device not in named:
                axes.plot(*_columns(device), color=style.OTHERS, linewidth=0.9)
        for index, device in enumerate(named):
            drawn = style.series(index, num_points=len(device.front))
            axes.plot(*_columns(device), **drawn, label=device.device)
        others = len(outcome.devices) - len(named)
        if others:
            axes.plot([], [], color=style.OTHERS, label=f"{others} other devices")
        figure.legend(loc="outside right upper")
        return style.saved(figure)


def _named(devices: tuple[DeviceOutcome, ...]) -> list[DeviceOutcome]:
    """Devices drawn in colors: all, or an even choice from the fastest to the slowest."""
    by_speed = sorted(devices, key=lambda device: device.lowest_ms)
    rows = np.linspace(0, len(devices) - 1, min(style.MAX_SERIES, len(devices))).round().astype(int)
    return [by_speed[row] for row in rows]


def _columns(device: DeviceOutcome) -> tuple[list[float], list[float]]:
    points = device.front
    return [point.estimated_ms for point in points], [point.predicted_top1 for point in points]
