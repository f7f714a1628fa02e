"""The report of a bundle: one HTML page that needs nothing but itself.

Each number stands beside the word it deserves: *asked*, *predicted*, *estimated* or *measured*. The
page is drawn from data alone, and reads no file of a run.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources

import numpy as np
from jaxtyping import Int64
from jinja2 import Environment, StrictUndefined

from ofa.deploy.drawing import draw_subnet
from ofa.deploy.layer_times import LayerTime
from ofa.deploy.manifest import Manifest, Origin
from ofa.deploy.picture import FrontPicture, draw_front

_MAX_CLASSES = 20  # of more, the least accurate are shown


@dataclass(frozen=True, kw_only=True)
class ClassAccuracy:
    """Accuracy on the test images of one class.

    Attributes:
        name: The class.
        top1: Share of its images that are recognized, percent.
        num_images: Its images.
        rival: The class that its other images are most often taken for; ``None`` if there are none.
        rival_percent: Share of its images taken for the rival.
    """

    name: str
    top1: float
    num_images: int
    rival: str | None
    rival_percent: float


@dataclass(frozen=True, kw_only=True)
class ReportData:
    """All that a report shows.

    Attributes:
        manifest: The facts; ``files`` may be empty, since the report is one of them.
        origin: What made the bundle, and from which files.
        picture: The front it was chosen from; ``None`` where that tells of other images.
        classes: Accuracy of each class, on the test split.
        layers: Estimated latency of each layer.
    """

    manifest: Manifest
    origin: Origin
    picture: FrontPicture | None
    classes: tuple[ClassAccuracy, ...]
    layers: tuple[LayerTime, ...]


def class_accuracies(
    labels: Int64[np.ndarray, "n"], predicted: Int64[np.ndarray, "n"], classes: Sequence[str]
) -> tuple[ClassAccuracy, ...]:
    """Accuracy of each class that has images, with the class it is most often mistaken for."""
    num = len(classes)
    counts = np.bincount(labels * num + predicted, minlength=num * num).reshape(num, num)
    found = []
    for i, name in enumerate(classes):
        total, right = int(counts[i].sum()), int(counts[i, i])
        if total:
            mistakes = np.where(np.arange(num) == i, 0, counts[i])
            rival = int(mistakes.argmax())
            found.append(
                ClassAccuracy(
                    name=name,
                    top1=100 * right / total,
                    num_images=total,
                    rival=classes[rival] if mistakes[rival] else None,
                    rival_percent=100 * int(mistakes[rival]) / total,
                )
            )
    return tuple(found)


def render_report(data: ReportData) -> str:
    """The report as one HTML page, with style and pictures inside."""
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"ms": _ms, "count": _count, "kilobytes": _kilobytes}
    template = resources.files("ofa.deploy").joinpath("report.html.jinja").read_text("utf-8")
    shown = sorted(data.classes, key=lambda one: one.top1)[:_MAX_CLASSES]
    picture = data.picture
    return environment.from_string(template).render(
        data=data,
        manifest=data.manifest,
        target=data.manifest.target,
        picture=picture,
        drawing=draw_subnet(data.manifest.space, data.manifest.arch),
        wide=picture and draw_front(picture, format="css-svg", width_inches=9.6).decode(),
        narrow=picture and draw_front(picture, format="css-svg", width_inches=4.4).decode(),
        classes=shown,
        longest_ms=max(layer.latency_ms for layer in data.layers),
        precisions=precision_advice(data.manifest),
    )


def precision_advice(manifest: Manifest) -> str:
    """Whether reduced precision pays, from what was measured; empty for full precision alone."""
    portable, meant = manifest.engines[0], manifest.shipped
    if meant.precision == "fp32":
        return ""
    size = f"{portable.num_bytes / meant.num_bytes:.1f} times smaller"
    if meant.num_bytes > portable.num_bytes:
        size = "no smaller"
    if meant.top1 is None or portable.top1 is None:
        return f"{meant.precision} is {size}; what it costs in accuracy can be seen on the device."
    drop = portable.top1 - meant.top1
    accuracy = f"{drop:.2f} points less accurate" if drop > 0 else "as accurate"
    if meant.here is None or portable.here is None:
        return f"{meant.precision} is {size} and {accuracy}; its latency is the device's to tell."
    ratio = portable.here.latency_ms / meant.here.latency_ms
    if ratio >= 1.05:
        return f"{meant.precision} pays: {ratio:.2f} times faster, {size}, {accuracy}."
    verdict = "does not pay in latency" if ratio > 0.95 else "does not pay: it is slower"
    return (
        f"{meant.precision} {verdict} on this machine ({ratio:.2f} times the speed of fp32); it is "
        f"{size} and {accuracy}."
    )


def _ms(value: float) -> str:
    """Milliseconds with three digits, which no line break parts: ``12.3 ms``, ``0.231 ms``."""
    if 0 < value < 0.001:  # below what any clock here resolves
        return "<\N{NO-BREAK SPACE}0.001\N{NO-BREAK SPACE}ms"
    return (f"{value:,.0f}" if value >= 100 else f"{value:#.3g}") + "\N{NO-BREAK SPACE}ms"


def _count(value: int) -> str:
    """A large count with three digits: ``5.32 M``, ``98.1 k``."""
    for unit, size in (("G", 10**9), ("M", 10**6), ("k", 10**3)):
        if value >= size:
            return f"{value / size:.3g} {unit}"
    return str(value)


def _kilobytes(num_bytes: int) -> str:
    return f"{num_bytes / 1000:,.0f} kB"
