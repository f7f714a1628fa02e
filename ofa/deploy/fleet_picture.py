"""A picture of a fleet: the front of each device, and what each further subnet for all buys.

Lines differ in color, stroke and marker, so that the picture reads in grey and to the color-blind.
Past eight devices, which no eye tells apart, lines are grey and an even choice from the fastest to
the slowest stands out. Its picks are hollow, between the ends of their latencies' intervals.
Accuracies are floats' unless a line is named otherwise.
"""

from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np

from ofa import style
from ofa.fleet_files import DeviceOutcome, FleetOutcome

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_SCORED = {"fp32": "", "int8": ", top-1 in int8"}
_OTHER: dict[str, dict[str, Any]] = {
    "fp32": {"color": style.OTHERS},
    "int8": {"color": style.OTHERS, "linestyle": ":"},
}
_BAR: dict[str, Any] = {"markersize": 6, "markerfacecolor": style.PAPER, "linewidth": 1}


def draw_fleet(outcome: FleetOutcome, *, format: str = "png") -> bytes:
    """The picture: the fronts and, where subnets for all were chosen, what each buys."""
    num_panels = 2 if outcome.portfolio else 1
    with style.drawing(9, 5 if num_panels == 1 else 8.5) as figure:
        fronts, *others = figure.subplots(
            num_panels, height_ratios=[5, 3.5][:num_panels], squeeze=False
        )[:, 0]
        _draw_fronts(fronts, outcome)
        for axes in others:
            _draw_portfolio(axes, outcome)
        return style.saved(figure, format=format)


def _draw_fronts(axes: "Axes", outcome: FleetOutcome) -> None:
    from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set(xlabel="estimated latency, ms (log scale)", ylabel="predicted top-1, %")
    named = _named(outcome.devices)
    others = [device for device in outcome.devices if device not in named]
    for device in others:
        axes.plot(*_columns(device), **_OTHER[device.precision], linewidth=0.9)
    for index, device in enumerate(named):
        drawn = style.series(index, num_points=len(device.front))
        axes.plot(*_columns(device), **drawn, label=device.device + _SCORED[device.precision])
        _draw_picks(axes, device, color=drawn["color"], marker=drawn["marker"])
    for precision, num in Counter(device.precision for device in others).items():
        label = f"other devices{_SCORED[precision]}: {num}"
        axes.plot([], [], **_OTHER[precision], label=label)
    if any(pick.interval_ms for device in named for pick in device.picks):
        axes.plot([], [], **_BAR, color=style.MUTED, marker="o", label="90 % interval of a pick")
    axes.legend(loc="upper left", bbox_to_anchor=(1, 1))


def _draw_picks(axes: "Axes", device: DeviceOutcome, **drawn: Any) -> None:
    for pick in device.picks:
        if pick.point and pick.interval_ms:
            low_ms, high_ms = pick.interval_ms
            row = low_ms, pick.point.estimated_ms, high_ms
            axes.plot(row, (pick.point.predicted_top1,) * 3, **_BAR, **drawn)


def _draw_portfolio(axes: "Axes", outcome: FleetOutcome) -> None:
    """Loss by the number of subnets; a bound shows where the choice is not proven best."""
    served = [choice for choice in outcome.portfolio if not choice.num_unserved]
    nums = [len(choice.archs) for choice in served]
    losses = [choice.mean_loss for choice in served]
    axes.plot(nums, losses, **style.series(0), label="chosen")
    unproven = [choice for choice in served if not choice.optimal]
    if unproven:
        axes.plot(
            [len(choice.archs) for choice in unproven], [choice.least_loss for choice in unproven],
            "_", color=style.INK, markersize=12, label="no choice loses less",
        )  # fmt: skip
    for num, loss in zip(nums, losses, strict=True):
        axes.annotate(f"{loss:.2f}", (num, loss), (0, 8), textcoords="offset points", ha="center")
    axes.set(xlabel="subnets that serve all requests", ylabel="mean loss of top-1, points")
    axes.set_xticks(nums)
    axes.set_ylim(0, 1.2 * max(losses, default=1) or 1)
    axes.legend(loc="upper left", bbox_to_anchor=(1, 1))


def _named(devices: tuple[DeviceOutcome, ...]) -> list[DeviceOutcome]:
    """Devices drawn in colors: all, or an even choice from the fastest to the slowest."""
    by_speed = sorted(devices, key=lambda device: device.lowest_ms)
    rows = np.linspace(0, len(devices) - 1, min(style.MAX_SERIES, len(devices))).round().astype(int)
    return [by_speed[row] for row in rows]


def _columns(device: DeviceOutcome) -> tuple[list[float], list[float]]:
    points = device.front
    return [point.estimated_ms for point in points], [point.predicted_top1 for point in points]
