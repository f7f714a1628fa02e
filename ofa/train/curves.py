"""Learning curves of a run: how good the subnets were, epoch by epoch, phase by phase.

They are read from the CSV logs, all starts of a resumed run one after another.
"""

import csv
import io
from dataclasses import dataclass
from pathlib import Path

from ofa import artifacts, style
from ofa.errors import BadArtifact

_TOP1 = "search_top1/"
_NO_SUBNET = "best_mean"  # best mean of the phase's corners so far


@dataclass(frozen=True, kw_only=True)
class Curves:
    """What a run logged.

    Attributes:
        top1: Top-1 on the search split after each epoch, percent, by subnet.
        phase_ends: Epoch after which each phase ended, in order.
    """

    top1: dict[str, dict[int, float]]
    phase_ends: tuple[int, ...]


def read_curves(folder: Path) -> Curves:
    """The learning curves of a folder that ``ofa train`` wrote.

    Raises:
        BadArtifact: If it holds no logs, one that is none, or no epoch was validated.
    """
    top1: dict[str, dict[int, float]] = {}
    phases: dict[int, float] = {}
    logs = sorted(folder.glob("logs/csv/version_*/metrics.csv"), key=_start)
    for path in logs:
        try:
            _read_log(artifacts.read_bytes(path).decode(), top1, phases)
        except (ValueError, KeyError, TypeError, AttributeError, csv.Error) as error:
            raise BadArtifact(f"{path}: is no log of ofa train; remove it") from error
    if not top1:
        raise BadArtifact(f"{folder}: no epoch was logged in logs/csv; name a folder of ofa train")
    ends = [
        epoch for epoch in sorted(phases) if phases.get(epoch + 1, phases[epoch]) != phases[epoch]
    ]
    return Curves(top1=top1, phase_ends=tuple(ends))


def draw_curves(curves: Curves, phases: tuple[str, ...]) -> bytes:
    """The picture, as SVG: one line a subnet, one band a phase.

    Args:
        phases: Their names, in order.
    """
    with style.drawing(8, 4.2) as figure:
        axes = figure.add_subplot()
        for index, (name, epochs) in enumerate(curves.top1.items()):
            drawn = style.series(index, num_points=len(epochs))
            label = "random subnets, mean" if name == "random" else f"{name} subnet"
            axes.plot(list(epochs), list(epochs.values()), **drawn, label=label)
        last = max(max(epochs) for epochs in curves.top1.values())
        for start, name in zip((0, *curves.phase_ends), phases, strict=False):
            axes.axvline(start + 0.5, color=style.MUTED, linewidth=0.8, linestyle=(0, (3, 3)))
            axes.text(
                start + 0.6, 1.01, name, transform=axes.get_xaxis_transform(),
                fontsize=9, color=style.MUTED, clip_on=False,
            )  # fmt: skip
        axes.set(xlabel="epoch", ylabel="top-1 on the search split, %", xlim=(0.5, last + 0.5))
        axes.legend(loc="lower right")
        return style.saved(figure, format="svg")


def _read_log(text: str, top1: dict[str, dict[int, float]], phases: dict[int, float]) -> None:
    for row in csv.DictReader(io.StringIO(text)):
        epoch = int(row["epoch"]) + 1
        if row.get("phase"):
            phases[epoch] = float(row["phase"])
        for name, value in row.items():
            subnet = name.removeprefix(_TOP1)
            if value and subnet not in (name, _NO_SUBNET):
                top1.setdefault(subnet, {})[epoch] = float(value)


def _start(path: Path) -> int:
    return int(path.parent.name.rpartition("_")[2])
