"""How each device of the catalogue is fitted to the public measurements."""

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np

from catalogue.entries import HAN_CAI, REPOSITORIES, Entry
from catalogue.networks import (
    UNSKIPPED,
    layer_of,
    layers_of,
    layers_of_ops,
    ops_file,
    subnet_layers,
)
from ofa.errors import BadArtifact
from ofa.latency import LatencyModel, Source
from ofa.latency.adapt import (
    NUM_DRAWS,
    adapt,
    check_units,
    named,
    prior_of,
)
from ofa.latency.judge import evidence_of, judge, noise_of
from ofa.latency.model import most_work, spread
from ofa.latency.posterior import (
    Design,
    Measured,
    design,
    fit_both,
    plain_prior,
    posterior,
)
from ofa.latency.residual import reach_of

LAYER_RIDGE = 0.1
NETWORK_RIDGE = 0.01
TABLES = {
    "note10": Source(
        repository=HAN_CAI, commit="a7c9bcd", path="ofa/note10", licence="none", rows=480
    ),
    "pixel1": Source(
        repository=HAN_CAI,
        commit="a7c9bcd",
        path="proxylessnas/mobile_trim.yaml",
        licence="none",
        rows=72,
    ),
}


def fit(entry: Entry, data: Path, models: Mapping[str, LatencyModel]) -> LatencyModel:
    """The latency model of one device, given those of the devices before it."""
    networks = read_networks(entry, data)
    match entry.how:
        case "layers":
            return _from_layers(entry, data, networks, source_of(entry, len(networks)))
        case "many networks":
            return fit_many(networks, source_of(entry, len(networks)))
    assert entry.base is not None
    return fit_networks(entry, networks, data, models[entry.base])


def fit_networks(
    entry: Entry, networks: Sequence[Measured], data: Path, base: LatencyModel
) -> LatencyModel:
    """The model of a device that is adapted from ``base``, from chosen networks of it."""
    source = source_of(entry, len(networks))
    if entry.how == "layers and networks":
        table = _completed(read_layers(entry.id, data), base)
        model = adapt(table, networks, source=source, label="calibrated")
        return replace(model, sources=(TABLES[entry.id], source, TABLES["note10"]))
    return adapt(base, networks, source=source)


def fit_many(networks: Sequence[Measured], source: Source) -> LatencyModel:
    """A model of whole networks alone, of which there are enough for every coefficient."""
    reach = reach_of(layer for one in networks for layer in one.layers)
    data = design(networks, reach)

    def foretell(seen: Design, unseen: Design) -> np.ndarray:
        _, residual = fit_both(seen, plain_prior(seen), reach=reach, ridge=NETWORK_RIDGE)
        draws = posterior(seen, plain_prior(seen), residual=residual, num_draws=NUM_DRAWS)
        return unseen.work(residual) @ draws.T

    judged = judge(foretell, data, names=[one.name for one in networks], num_folds=5)
    _, residual = fit_both(data, plain_prior(data), reach=reach, ridge=NETWORK_RIDGE)
    draws = posterior(data, plain_prior(data), residual=residual, num_draws=NUM_DRAWS)
    return LatencyModel(
        label="calibrated",
        fitted_ms=_range(data),
        fitted_work=most_work(data.features),
        noise=round(judged.noise, 4),
        evidence=judged.evidence,
        sources=(source,),
        draws=named(draws),
        residual=residual,
    )


def read_networks(entry: Entry, data: Path, kept: Path | None = None) -> list[Measured]:
    """The networks of a device; those of ``kept`` where it is given, in the same columns.

    Raises:
        BadArtifact: If there are none, or their latencies are not milliseconds.
    """
    folder = kept or data
    if entry.how == "many networks":
        networks = _subnets(folder / "networks_help_ofa.csv", entry.rows[0])
    else:
        networks = [
            Measured(
                name=row["name"],
                layers=_layers(row, data),
                latency_ms=float(row["published_ms"]),
                rounding_ms=1.0 if "rounded" in row["status"] else 0.0,
            )
            for row in _rows(folder / "networks.csv")
            if row["published_ms"]
            and row["repo"].partition("@")[0] == entry.repository
            and row["device"] == entry.rows[0]
            and row["runtime"] == entry.rows[1]
        ]
    if not networks and kept is None:
        raise BadArtifact(f"{folder}: has no networks of {entry.rows}; fetch it again")
    check_units(networks, unit=entry.unit, batch=entry.batch, where=f"{folder}, {entry.id}")
    return networks


def read_layers(device: str, data: Path) -> list[Measured]:
    """The measured layers of a device in blocks.csv."""
    source = TABLES[device]
    layers = [
        Measured(
            name=row["key"],
            layers=(layer_of(row),),
            latency_ms=float(row["mean_ms"]),
            whole=False,
        )
        for row in _rows(data / "blocks.csv")
        if row["device"] == device
    ]
    if len(layers) != source.rows:
        raise BadArtifact(
            f"{data / 'blocks.csv'}: {len(layers)} rows of {device}, but {source.rows} were used"
        )
    return layers


def source_of(entry: Entry, rows: int) -> Source:
    """Where the networks of a device come from."""
    commit, licence, path = REPOSITORIES[entry.repository]
    return Source(repository=entry.repository, commit=commit, path=path, licence=licence, rows=rows)


def _from_layers(
    entry: Entry, data: Path, networks: Sequence[Measured], source: Source
) -> LatencyModel:
    """A model of single layers; whole networks judge it and nothing else."""
    layers = read_layers(entry.id, data)
    reach = reach_of(one.layers[0] for one in layers)
    table, whole = design(layers, reach), design(networks, reach)
    _, residual = fit_both(table, plain_prior(table), reach=reach, ridge=LAYER_RIDGE)
    draws = posterior(table, plain_prior(table), residual=residual, num_draws=NUM_DRAWS)
    draws_ms = whole.work(residual) @ draws.T
    spreads = np.array([spread(row) for row in draws_ms])
    noise = noise_of(np.log(draws_ms.mean(axis=1) / whole.latency_ms), spreads)
    return LatencyModel(
        label="calibrated",
        fitted_ms=_range(whole),
        fitted_work=most_work(whole.features),
        noise=round(noise, 4),
        evidence=evidence_of(
            draws_ms.mean(axis=1),
            whole.latency_ms,
            np.hypot(spreads, noise),
            names=[one.name for one in networks],
            method="networks foretold from layers",
        ),
        sources=(TABLES[entry.id], source),
        draws=named(draws),
        residual=residual,
    )


def _completed(layers: Sequence[Measured], donor: LatencyModel) -> LatencyModel:
    """The donor with the costs of another device's layers, where those tell of a feature."""
    table = design(layers, reach_of(()))
    (cost,) = posterior(table, plain_prior(table), num_draws=1)
    donated = prior_of(donor).coefficients
    lacking = ~table.features.any(axis=0)
    speed = np.median(table.latency_ms / (table.features @ donated))
    cost[lacking] = speed * donated[lacking]
    return replace(donor, draws=named(cost[None]), residual=None)


def _range(data: Design) -> tuple[float, float]:
    return float(data.latency_ms.min()), float(data.latency_ms.max())


def _subnets(path: Path, column: str) -> list[Measured]:
    return [
        Measured(
            name=f"{row['r']}px d{row['d']} {index}",
            layers=tuple(subnet_layers(row["ks"], row["e"], row["d"], int(row["r"]))),
            latency_ms=float(row[column]),
        )
        for index, row in enumerate(_rows(path))
    ]


def _layers(row: Mapping[str, str], data: Path) -> tuple:
    file, marked, name = row["arch_json"].partition("#")
    if marked and file.endswith(".json"):
        return tuple(
            layers_of_ops(ops_file(data / file)[name], skips=not name.startswith(UNSKIPPED))
        )
    return tuple(layers_of(json.loads(row["arch_json"])))


@cache
def _rows(path: Path) -> list[dict[str, str]]:
    if not path.exists():
        return []
    with path.open(newline="") as file:
        return list(csv.DictReader(file))
