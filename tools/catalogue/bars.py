"""How well the ways of fitting foretell networks that were kept aside: a line for each promise."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from catalogue.entries import ENTRIES, Entry
from catalogue.fits import fit, fit_many, fit_networks, read_networks, source_of
from ofa.latency import LatencyModel, Point
from ofa.latency.adapt import adapt
from ofa.latency.posterior import Measured
from ofa.predictor.metrics import kendall_tau

FEW = 10
PHONES = ("pixel1", "pixel2", "note8", "s7edge", "lg-g8")
GPUS = ("v100", "2080ti", "titan-rtx", "titan-xp")
MOBILENET_V1 = ("mobilenet_w", "mobilenetb_w", "fdmobilenet_w", "efficientnet_edge")
"""Networks that are not made of inverted residuals, by the opening of their names."""


@dataclass(frozen=True, kw_only=True)
class Bar:
    """One promise and what was found.

    Attributes:
        what: What was foretold, from what.
        bar: What was promised.
        errors: Relative error of each network, in percent.
        inside: Whether each lay in its 90 % interval.
        tau: Kendall's rank correlation.
    """

    what: str
    bar: str
    errors: np.ndarray
    inside: np.ndarray
    tau: float

    def __str__(self) -> str:
        found = (
            f"MAPE {self.errors.mean():5.2f} %  max {self.errors.max():5.1f} %  "
            f"tau {self.tau:.3f}  inside {100 * self.inside.mean():3.0f} %  n {len(self.errors)}"
        )
        return f"{self.what:<44} {found}   ({self.bar})"


def bars(data: Path, kept: Path | None) -> list[Bar]:
    """Every promise, judged on the networks in ``kept``, or else by cross-validation."""
    entries = {entry.id: entry for entry in ENTRIES}
    models: dict[str, LatencyModel] = {}
    for id in ("note10", "pixel1", "pixel4-cpu", *GPUS):
        models[id] = fit(entries[id], data, models)
    found = [
        _kept("note10, from layers alone", "1.5 / max 4", entries["note10"], models, data, kept),
        _left_out(
            "pixel1, calibrated, each left out",
            "2.5 / max 5",
            entries["pixel1"],
            data,
            kept,
            models["note10"],
        ),
        _kept(
            "pixel4 CPU fp32, inverted residuals",
            "4",
            entries["pixel4-cpu"],
            models,
            data,
            kept,
            without=MOBILENET_V1,
        ),
        _kept("V100, batch 64", "0.8, tau 0.98", entries["v100"], models, data, kept),
    ]
    few = [_few(entries[id], entries, models, data, kept) for id in GPUS]
    found += [*few, _joined(f"four GPUs, adapted from {FEW} subnets", "3.5", few)]
    phones = [
        _left_out(f"{id}, each left out", "", entries[id], data, kept, models["note10"])
        for id in PHONES
    ]
    found += [*phones, _joined("five phones from note10, each left out", "2.5", phones)]
    every = [bar for bar in found if bar.bar and "adapted" not in bar.what]
    share = np.mean([bar.inside.mean() for bar in [*every, *few]])
    network_share = np.concatenate([bar.inside for bar in [*every, *few]]).mean()
    print(f"90 % intervals hold {100 * network_share:.1f} % of networks, "
          f"{100 * share:.1f} % as mean over lines (85-95)")  # fmt: skip
    return found


def _kept(
    what: str,
    bar: str,
    entry: Entry,
    models: Mapping[str, LatencyModel],
    data: Path,
    kept: Path | None,
    without: tuple[str, ...] = (),
) -> Bar:
    """A model of the catalogue on networks kept aside, or else on those held out from it."""
    networks = read_networks(entry, data, kept) if kept else []
    if not networks and entry.how == "many networks":
        given = read_networks(entry, data)
        seen, networks = given[: 2 * len(given) // 3], given[2 * len(given) // 3 :]
        model = fit_many(seen, source_of(entry, len(seen)))
        return _foretold(f"{what} (last third from the rest)", bar, model, networks)
    if not networks:
        evidence = models[entry.id].evidence
        points = [point for point in evidence.points if not point.name.startswith(without or "\0")]
        return _pointed(f"{what} ({evidence.method})", bar, points)
    chosen = [one for one in networks if not one.name.startswith(without or "\0")]
    return _foretold(what, bar, models[entry.id], chosen)


def _left_out(
    what: str, bar: str, entry: Entry, data: Path, kept: Path | None, note10: LatencyModel
) -> Bar:
    """Networks of a device, published and kept aside, each foretold from the others."""
    networks = read_networks(entry, data)
    if kept:
        networks += read_networks(entry, data, kept)
    model = fit_networks(entry, networks, data, note10)
    return _pointed(what, bar, model.evidence.points)


def _few(
    entry: Entry,
    entries: Mapping[str, Entry],
    models: Mapping[str, LatencyModel],
    data: Path,
    kept: Path | None,
) -> Bar:
    """A GPU adapted from another by few subnets."""
    base = "2080ti" if entry.id == "titan-rtx" else "titan-rtx"
    seen = read_networks(entry, data)
    unseen = read_networks(entry, data, kept) if kept else seen[FEW:]
    model = adapt(models[base], seen[:FEW], source=source_of(entry, FEW))
    return _foretold(f"{entry.id} from {base}, {FEW} subnets", "", model, unseen)


def _foretold(what: str, bar: str, model: LatencyModel, networks: Sequence[Measured]) -> Bar:
    estimates = [model.estimate(one.layers) for one in networks]
    foretold = np.array([estimate.latency_ms for estimate in estimates])
    half_widths = np.array([np.log(one.high_ms / one.latency_ms) for one in estimates])
    return _bar(what, bar, foretold, np.array([one.latency_ms for one in networks]), half_widths)


def _pointed(what: str, bar: str, points: Sequence[Point]) -> Bar:
    foretold = np.array([point.foretold_ms for point in points])
    half_widths = np.array([np.log(point.high_ms / point.foretold_ms) for point in points])
    measured = np.array([point.measured_ms for point in points])
    return _bar(what, bar, foretold, measured, half_widths)


def _bar(
    what: str, bar: str, foretold: np.ndarray, measured: np.ndarray, half_widths: np.ndarray
) -> Bar:
    return Bar(
        what=what,
        bar=bar,
        errors=100 * np.abs(foretold / measured - 1),
        inside=np.abs(np.log(foretold / measured)) <= half_widths,
        tau=float(kendall_tau(foretold, measured)),
    )


def _joined(what: str, bar: str, parts: Sequence[Bar]) -> Bar:
    return replace(
        parts[0],
        what=what,
        bar=bar,
        errors=np.array([part.errors.mean() for part in parts]),
        inside=np.array([part.inside.mean() for part in parts]),
        tau=float(np.mean([part.tau for part in parts])),
    )
