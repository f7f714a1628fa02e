"""From a profile to a latency model, and how well a model foretells subnets timed afterwards."""

from functools import partial

import numpy as np

from ofa.latency.design import layer_counts
from ofa.latency.features import layer_key, network_features
from ofa.latency.fit import Fit, Measurements, draw_from_networks, foretelling, named_draws
from ofa.latency.judge import evidence_of, judge
from ofa.latency.model import Evidence, LatencyModel, Source, most_work
from ofa.latency.profile import Profile
from ofa.space import AnySpace, network

_NUM_FOLDS = 10


def fit_profile(space: AnySpace, profile: Profile, *, seed: int = 0) -> LatencyModel:
    """The latency model of a profile, with as much correction by layer as errs least."""
    layers = [network(space, arch).layers for arch in profile.archs]
    keys = sorted({layer_key(layer) for net in layers for layer in net})
    features = np.array([network_features(net) for net in layers])
    measured = Measurements(
        features=np.concatenate([features, layer_counts(layers, keys)], axis=1),
        latency_ms=np.array([timing.median_ms for timing in profile.timings]),
    )
    fits: list[Fit] = [
        partial(draw_from_networks, correction=correction, num_draws=20, seed=seed)
        for correction in (0.0, 0.1, 0.3, 1.0, 3.0)
    ]
    names = [arch.id for arch in profile.archs]
    folds = _NUM_FOLDS if len(layers) > _NUM_FOLDS else None
    judged = [judge(foretelling(fit), measured, names=names, num_folds=folds) for fit in fits]
    best = min(range(len(fits)), key=lambda index: judged[index].noise)
    return LatencyModel(
        label="calibrated",
        fitted_ms=(float(measured.latency_ms.min()), float(measured.latency_ms.max())),
        fitted_work=most_work(features),
        noise=judged[best].noise,
        evidence=judged[best].evidence,
        sources=(_source(profile),),
        draws=named_draws(fits[best](measured), keys),
    )


def check_model(model: LatencyModel, space: AnySpace, profile: Profile) -> Evidence:
    """How well a model foretells a profile's subnets, except the reference, which it knows."""
    archs = profile.archs[1:]
    estimates = [model.estimate(network(space, arch).layers) for arch in archs]
    estimated_ms = np.array([estimate.latency_ms for estimate in estimates])
    high_ms = np.array([estimate.high_ms for estimate in estimates])
    return evidence_of(
        estimated_ms,
        np.array([timing.median_ms for timing in profile.timings[1:]]),
        np.log(high_ms / estimated_ms),
        names=[arch.id for arch in archs],
        method="subnets timed afterwards",
    )


def _source(profile: Profile) -> Source:
    made_on = profile.provenance
    return Source(
        repository=f"{made_on.machine}, {made_on.runtime} {made_on.runtime_version}",
        commit=None,
        path="",
        licence="own measurement",
        rows=len(profile.archs),
    )
