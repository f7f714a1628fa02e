"""The latency model of this machine: whole subnets of a space, timed and fitted on first use.

Random subnets are timed rather than single layers, because that is what will run: caches, fused
layers and dispatch included. Timing goes round by round, each round holding the same reference
network; a round in which the reference drifted is timed again, and a machine that does not settle
is refused.
"""

import json
import logging
import os
import platform
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np

from ofa import artifacts
from ofa.errors import NoisyMachine
from ofa.latency.features import layer_key, network_features
from ofa.latency.fit import Fit, Measurements, cross_validate, draw_from_networks, named_draws
from ofa.latency.model import LatencyModel, Source
from ofa.runtime.timing import Timing
from ofa.space import AnyArch, AnyNetwork, AnySpace, encoding_of, genotypes_of, network

Run = Callable[[], object]

_SCHEMA = "host-latency"
_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Rig:
    """What times networks here.

    Attributes:
        runtime: Name and version of the runtime, e.g. ``onnxruntime 1.23.2, 1 thread``.
        machine: Processor and system.
        prepare: Makes a network ready, with any weights; each call of the result runs one image.
        measure: Times several runs in turn.
    """

    runtime: str
    machine: str
    prepare: Callable[[AnyNetwork], Run]
    measure: Callable[[Sequence[Run]], Sequence[Timing]]


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """How many subnets are timed, and when a machine is refused."""

    num_subnets: int = 100
    """Random subnets timed, besides the largest and the smallest."""
    num_round: int = 10
    """Subnets a round, besides the reference."""
    max_drift: float = 0.05
    """Largest deviation of a round's reference from the median reference, relative."""
    max_passes: int = 4
    """Times a round is tried before the machine is refused."""
    seed: int = 0
    """Seed of the subnets and of the fit."""


@dataclass(frozen=True, kw_only=True)
class Profile:
    """Subnets of a space, timed on one machine."""

    archs: tuple[AnyArch, ...]
    """Subnets timed."""
    timings: tuple[Timing, ...]
    """Timing of each."""
    drift: float
    """Largest deviation of a round's reference from the median reference, relative."""


def host_model(
    path: Path, space: AnySpace, rig: Rig, protocol: Protocol | None = None
) -> LatencyModel:
    """The latency model of this machine for one space: from ``path``, or else profiled into it.

    Raises:
        NoisyMachine: If the timings do not settle.
        BadArtifact: If ``path`` is corrupt, or cannot be written.
    """
    identity = {"space": space.to_dict(), "runtime": rig.runtime, "machine": rig.machine}
    key = json.dumps(identity, sort_keys=True)
    if path.exists():
        body = artifacts.read_json(path, schema=_SCHEMA)
        if body.get("key") == key:
            return artifacts.parse(LatencyModel, body.get("model"), where=f"{path}: model")
        _log.info("%s was made for another space, runtime or machine; profiling again", path)
    protocol = protocol or Protocol()
    profile = profile_space(space, rig, protocol)
    model = fit_profile(space, profile, rig, seed=protocol.seed)
    subnets = [
        {"arch": asdict(arch), "timing": asdict(timing)}
        for arch, timing in zip(profile.archs, profile.timings, strict=True)
    ]
    body = {
        "key": key,
        "protocol": asdict(protocol),
        "drift": profile.drift,
        "model": asdict(model),
        "subnets": subnets,
    }
    artifacts.write_json(path, body, schema=_SCHEMA)
    return model


def profile_space(space: AnySpace, rig: Rig, protocol: Protocol) -> Profile:
    """Time random subnets of a space.

    Raises:
        NoisyMachine: If the reference network's latency differs from round to round to the last.
    """
    encoding = encoding_of(space)
    drawn = encoding.sample(protocol.num_subnets, np.random.default_rng(protocol.seed))
    corners = genotypes_of(encoding, [space.largest(), space.smallest()])
    archs = encoding.decode(encoding.unique(np.concatenate([corners, drawn])))
    reference, *runs = [rig.prepare(network(space, arch)) for arch in (archs[0], *archs)]
    rounds = [
        runs[start : start + protocol.num_round]
        for start in range(0, len(runs), protocol.num_round)
    ]
    timings = [list(rig.measure([reference, *members])) for members in rounds]
    for _ in range(protocol.max_passes - 1):
        drifts = _drifts(timings)
        for index in np.flatnonzero(drifts > protocol.max_drift):
            timings[index] = list(rig.measure([reference, *rounds[index]]))
    drift = float(_drifts(timings).max())
    if drift > protocol.max_drift:
        raise NoisyMachine(
            f"this machine: one network's latency still differs by {drift:.0%} from round to round "
            f"after {protocol.max_passes} passes, more than {protocol.max_drift:.0%}; "
            "stop other programs and try again"
        )
    members = tuple(timing for timed in timings for timing in timed[1:])
    return Profile(archs=tuple(archs), timings=members, drift=drift)


def fit_profile(space: AnySpace, profile: Profile, rig: Rig, *, seed: int) -> LatencyModel:
    """The latency model of a profile, with as much correction by layer as errs least."""
    networks = [network(space, arch) for arch in profile.archs]
    layer_keys = sorted({layer_key(layer) for net in networks for layer in net.layers})
    features = [[*network_features(net.layers), *_counts(net, layer_keys)] for net in networks]
    measured = Measurements(
        features=np.array(features),
        latency_ms=np.array([timing.median_ms for timing in profile.timings]),
    )
    fits: list[Fit] = [
        partial(draw_from_networks, correction=correction, num_draws=20, seed=seed)
        for correction in (0.0, 0.1, 0.3, 1.0, 3.0)
    ]
    judged = [cross_validate(fit, measured, num_folds=10) for fit in fits]
    best = min(range(len(fits)), key=lambda index: judged[index].noise)
    source = Source(
        repository=f"{rig.machine}, {rig.runtime}",
        commit=None,
        path="",
        licence="own measurement",
        rows=len(networks),
    )
    return LatencyModel(
        label="calibrated",
        fitted_ms=(float(measured.latency_ms.min()), float(measured.latency_ms.max())),
        noise=judged[best].noise,
        evidence=judged[best].evidence,
        sources=(source,),
        draws=named_draws(fits[best](measured), layer_keys),
    )


def describe_machine() -> str:
    """Processor and system, in one line."""
    processor = platform.processor() or platform.machine()
    if Path("/proc/cpuinfo").exists():
        for line in artifacts.read_bytes(Path("/proc/cpuinfo")).decode().splitlines():
            if line.startswith("model name"):
                processor = line.partition(":")[2].strip()
                break
    return f"{processor}, {os.cpu_count()} CPUs, {platform.system()}"


def _counts(net: AnyNetwork, layer_keys: Sequence[str]) -> list[int]:
    keys = [layer_key(layer) for layer in net.layers]
    return [keys.count(key) for key in layer_keys]


def _drifts(timings: Sequence[Sequence[Timing]]) -> np.ndarray:
    """Relative deviation of each round's reference from the median reference."""
    references_ms = np.array([timed[0].median_ms for timed in timings])
    return np.abs(references_ms / np.median(references_ms) - 1)
