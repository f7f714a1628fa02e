"""A latency model of a new device from a known one and a handful of measured networks.

The known device says how costs relate; the networks say how fast the new one is, and, the more of
them there are, where it differs. What no network tells keeps the known device's doubt.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Float

from ofa import artifacts
from ofa.errors import BadArtifact, IllegalArch
from ofa.latency.features import FEATURES
from ofa.latency.judge import Judgement, judge
from ofa.latency.model import Label, LatencyModel, Source, most_work
from ofa.latency.posterior import Design, Measured, Prior, design, posterior
from ofa.latency.residual import Residual, reach_of
from ofa.latency.rounds_file import MAX_MS, MIN_MS
from ofa.space import AnyArch, AnySpace, check_arch, macs, network

MIN_NETWORKS = 3
"""Fewer cannot be cross-validated."""
FASTEST_MS_PER_MMACS = {"cpu": 1e-3, "gpu": 1e-5, "npu": 1e-5}
"""Median ms per million multiply-accumulates, below which no such device is known to be."""
SLOWEST_MS_PER_MMACS = 1e3
FARTHEST = 30.0
"""Times as fast, or as slow, as a known device, beyond which no device resembles it."""
MIN_FOR_CALIBRATED = 20
"""Networks, from which on what a device was told of itself outweighs the device it resembles."""
NUM_DRAWS = 20
_LARGEST_FOLDS = 40
_MAX_BYTES = 16 * 2**20


@dataclass(frozen=True, kw_only=True)
class MeasuredSubnet:
    """One subnet and how long it took."""

    arch: AnyArch
    """The subnet."""
    latency_ms: float | None
    """Median latency of one run; ``None`` in a form that was not filled in."""
    file: str | None = None
    """What was timed, for whoever fills in the form."""


@dataclass(frozen=True, kw_only=True)
class MeasuredFile:
    """A file of measured subnets."""

    networks: tuple[MeasuredSubnet, ...]
    """The subnets."""


def adapt(
    base: LatencyModel,
    measured: Sequence[Measured],
    *,
    source: Source,
    label: Label | None = None,
    base_weight: float = 1.0,
    seed: int = 0,
) -> LatencyModel:
    """The latency model of a device of which a few whole networks were measured.

    Args:
        base: Model of a device that resembles it.
        measured: At least ``MIN_NETWORKS`` networks, of different sizes.
        source: Where the measurements come from.
        label: What an estimate rests on; ``None`` calls it ``calibrated`` from
            ``MIN_FOR_CALIBRATED`` networks on, else ``transferred``.
        base_weight: How much the base is trusted; 2 halves the differences expected.

    Raises:
        BadArtifact: If there are too few networks.
    """
    if len(measured) < MIN_NETWORKS:
        raise BadArtifact(
            f"measurements: {len(measured)} different networks are too few to adapt to; "
            f"measure {MIN_NETWORKS} or more, of different sizes"
        )
    data = design(measured, base.residual.reach if base.residual else reach_of(()))
    prior = prior_of(base, weight=base_weight)
    judged = judge_prior(prior, base.residual, data, names=[one.name for one in measured])
    draws = posterior(data, prior, residual=base.residual, num_draws=NUM_DRAWS, seed=seed)
    return LatencyModel(
        label=label or ("calibrated" if len(measured) >= MIN_FOR_CALIBRATED else "transferred"),
        fitted_ms=(float(data.latency_ms.min()), float(data.latency_ms.max())),
        fitted_work=most_work(data.features),
        noise=round(judged.noise, 4),
        evidence=judged.evidence,
        sources=(source, *base.sources),
        draws=named(draws),
        residual=base.residual,
    )


def judge_prior(
    prior: Prior, residual: Residual | None, data: Design, *, names: list[str]
) -> Judgement:
    """Cross-validate the fit of measurements under a prior."""

    def foretell(seen: Design, unseen: Design) -> Float[np.ndarray, "n draws"]:
        draws = posterior(seen, prior, residual=residual, num_draws=NUM_DRAWS)
        return unseen.work(residual) @ draws.T

    folds = 10 if len(data) > _LARGEST_FOLDS else None
    return judge(foretell, data, names=names, num_folds=folds)


def prior_of(model: LatencyModel, *, weight: float = 1.0) -> Prior:
    """What a known device lets one believe of another."""
    coefficients = [float(np.mean(model.draws.get(name, (0.0,)))) for name in FEATURES]
    return Prior(
        coefficients=np.array(coefficients),
        speed_sd=1.0,
        group_sd=0.3 / weight,
        own_sd=0.3 / weight,
    )


def named(draws: Float[np.ndarray, "draws features"]) -> dict[str, tuple[float, ...]]:
    """Draws by feature; what costs nothing is left out."""
    return {
        name: tuple(float(f"{value:.4g}") for value in column)
        for name, column in zip(FEATURES, draws.T, strict=True)
        if column.any()
    }


def check_units(
    measured: Iterable[Measured], *, unit: Literal["cpu", "gpu", "npu"], batch: int, where: str
) -> None:
    """Refuse latencies that are not milliseconds.

    Raises:
        BadArtifact: If the median network or layer is too fast or too slow for any such device.
    """
    speeds = [
        one.latency_ms * 1e6 / (batch * work)
        for one in measured
        if (work := sum(macs(layer) for layer in one.layers))
    ]
    median = float(np.median(speeds)) if speeds else FASTEST_MS_PER_MMACS[unit]
    if median < FASTEST_MS_PER_MMACS[unit]:
        guess = "are they seconds? multiply them by 1000"
    elif median > SLOWEST_MS_PER_MMACS:
        guess = "are they microseconds? divide them by 1000"
    else:
        return
    raise BadArtifact(
        f"{where}: the median of {median:.2g} ms per million multiply-accumulates is no {unit}'s; "
        f"latencies are in ms; {guess}"
    )


def check_likeness(base: LatencyModel, measured: Sequence[Measured], *, where: str) -> None:
    """Refuse latencies that are in another unit, or of a device unlike the known one.

    Raises:
        BadArtifact: If their median ratio to the known device's latencies is beyond ``FARTHEST``.
    """
    ratio = float(
        np.median([one.latency_ms / base.estimate(one.layers).latency_ms for one in measured])
    )
    if 1 / FARTHEST <= ratio <= FARTHEST:
        return
    guess = (
        "if they are seconds, multiply them by 1000"
        if ratio < 1
        else "if they are microseconds, divide them by 1000"
    )
    raise BadArtifact(
        f"{where}: the networks take {ratio:.2g} times what they take on the device it resembles; "
        f"latencies are in ms: {guess}; else name a device nearer in speed"
    )


def form(files: Mapping[str, AnyArch]) -> str:
    """What ``read_measured`` reads, a network a line, with the latencies left to fill in."""
    rows = [
        json.dumps({"file": file, "latency_ms": None, "arch": asdict(arch)})
        for file, arch in files.items()
    ]
    return '{"networks": [\n' + ",\n".join(rows) + "\n]}\n"


def read_measured(path: Path, space: AnySpace) -> tuple[Measured, ...]:
    """Measured subnets of a space: a JSON object ``{"networks": [{"arch": …, "latency_ms": …}]}``.

    Of a subnet that comes several times the median counts, once.

    Raises:
        BadArtifact: If the file is malformed, or a latency was not filled in or is not within
            ``MIN_MS`` and ``MAX_MS``.
        IllegalArch: If the space does not hold one of the archs; names file and network.
    """
    body = artifacts.read_foreign_json(path, max_bytes=_MAX_BYTES)
    rows = artifacts.parse(MeasuredFile, body, where=str(path)).networks
    latencies_ms: dict[AnyArch, list[float]] = {}
    for number, row in enumerate(rows, start=1):
        where = f"{path}: network {number}"
        if row.latency_ms is None:
            raise BadArtifact(
                f"{where}: latency_ms is not filled in; give the ms that {row.file or row.arch.id} "
                "took, or remove the network"
            )
        if not MIN_MS <= row.latency_ms <= MAX_MS:
            raise BadArtifact(
                f"{where}: latency_ms is {row.latency_ms}; give ms from {MIN_MS} to {MAX_MS:,.0f}"
            )
        try:
            check_arch(space, row.arch)
        except IllegalArch as error:
            raise IllegalArch(
                f"{where}: {error}; give an arch of the checkpoint's own space"
            ) from error
        latencies_ms.setdefault(row.arch, []).append(row.latency_ms)
    return tuple(
        Measured(
            name=arch.id,
            layers=network(space, arch).layers,
            latency_ms=float(np.median(repeats)),
        )
        for arch, repeats in latencies_ms.items()
    )
