"""Fronts of many devices from one shared pool of archs.

Accuracy does not depend on the device, so a few devices as unlike each other as possible are
searched, the best archs they met form a pool, and every device ranks that pool by a table lookup.
What chance left undone is mended around the picks of each device. It does depend on the precision a
device computes in, so each precision is a fleet of its own.

After the pool, devices need nothing of each other, so they are done in batches; what each left
behind can be kept, and a search that was cut off goes on after the last one.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from ofa.errors import OfaError
from ofa.search.evolution import neighbors, search_front, uniform_archs
from ofa.search.front import Front
from ofa.search.limits import Limit, excess
from ofa.search.pareto import non_dominated
from ofa.search.problem import Problem, Score
from ofa.space import AnyEncoding, Genotypes

_NUM_PROBES = 256  # random archs by whose latencies, with the uniform ones, devices are told apart
_NUM_BINS = 64
_ALIKE = 1e-6  # distance of devices whose latencies differ by a factor alone
_KEPT_PER_BIN = 16  # of a representative's archs, by latency
_BATCH = 100  # devices that share what is asked around their picks

Arrays = Mapping[str, np.ndarray]
Remember = Callable[[str, Callable[[], Arrays]], Arrays]
"""Arrays of a name: those kept from before, else made, and kept from now on."""


def made_anew(name: str, make: Callable[[], Arrays]) -> Arrays:
    """Arrays of a search that keeps nothing."""
    return make()


@dataclass(frozen=True, kw_only=True, eq=False)
class Fleet:
    """Fronts of all devices, in the order they were given.

    Attributes:
        fronts: Front of each device.
        representatives: Devices that were searched; the others share what those met.
        num_evaluations: Archs whose accuracy was asked, for the pool and around picks.
    """

    fronts: tuple[Front, ...]
    representatives: tuple[int, ...]
    num_evaluations: int


def search_fleet(
    encoding: AnyEncoding,
    *,
    accuracy: Score,
    latencies_ms: Sequence[Score],
    budgets_ms: Sequence[Sequence[float]],
    rng: np.random.Generator,
    known: Genotypes | None = None,
    limits: Sequence[Limit] = (),
    num_representatives: int = 12,
    max_evaluations: int = 30_000,
    num_rounds: int = 2,
    remember: Remember = made_anew,
) -> Fleet:
    """The fronts of a fleet, refined around the pick of every budget.

    Args:
        accuracy: Top-1 of a genotype matrix on each of the devices, percent.
        latencies_ms: Latency of a genotype matrix on each device, ms.
        budgets_ms: Latencies to stay within, for each device; those that no arch meets are passed
            over.
        rng: Source of all chance; equal seeds give equal fronts.
        known: Archs that join the pool whatever their accuracy, such as the fastest of each device,
            so that every budget that can be kept is kept; these keep the limits.
        limits: Archs beyond any of them are not wanted.
        num_representatives: Devices that are searched at most.
        max_evaluations: Archs whose accuracy is asked at most, for each of those.
        num_rounds: Times that all single-gene neighbors of every pick are tried.
        remember: Gives back what an equal search kept before it was cut off; the result is the
            same.

    Raises:
        OfaError: If a score is not a finite number, a latency not above 0, or there is no device.
    """
    if not latencies_ms or len(latencies_ms) != len(budgets_ms):
        raise OfaError("fleet: give one or more devices, each with its budgets")
    pool = remember(
        "pool",
        lambda: _pool(
            encoding,
            accuracy=accuracy,
            latencies_ms=latencies_ms,
            rng=rng,
            known=known,
            limits=limits,
            num_representatives=num_representatives,
            max_evaluations=max_evaluations,
        ),
    )
    exhaustive = bool(pool["exhaustive"])
    asked = int(pool["asked"])
    found: list[_Ranked] = []
    for start in range(0, len(latencies_ms), _BATCH):
        devices = slice(start, start + _BATCH)

        def batch(devices: slice = devices) -> Arrays:
            met = _Met(encoding, accuracy)
            met.learn(pool["genotypes"], pool["top1"])
            fronts = [
                _front(pool["genotypes"], pool["top1"], latency_ms(pool["genotypes"]))
                for latency_ms in latencies_ms[devices]
            ]
            for _ in range(0 if exhaustive else num_rounds):
                fronts = _refined(
                    encoding, met, fronts, latencies_ms[devices], budgets_ms[devices], limits
                )
            return _packed(fronts, asked=len(met) - len(pool["top1"]))

        arrays = remember(f"devices-{start + 1}", batch)
        asked += int(arrays["asked"])
        found += _unpacked(arrays)
    return Fleet(
        fronts=tuple(
            Front(
                genotypes=front.genotypes,
                top1=front.top1,
                latency_ms=front.latency_ms,
                num_evaluations=asked,
                exhaustive=exhaustive,
            )
            for front in found
        ),
        representatives=tuple(pool["representatives"].tolist()),
        num_evaluations=asked,
    )


def _pool(
    encoding: AnyEncoding,
    *,
    accuracy: Score,
    latencies_ms: Sequence[Score],
    rng: np.random.Generator,
    known: Genotypes | None,
    limits: Sequence[Limit],
    num_representatives: int,
    max_evaluations: int,
) -> Arrays:
    """The best archs that searches of the representatives met, and what they cost."""
    probes = np.concatenate([uniform_archs(encoding), encoding.sample(_NUM_PROBES, rng)])
    probes_ms = np.array([latency_ms(probes) for latency_ms in latencies_ms])
    strange = np.flatnonzero(~(np.isfinite(probes_ms) & (probes_ms > 0)).all(axis=1))
    if len(strange):
        raise OfaError(
            f"fleet: a latency of device {strange[0] + 1} of {len(latencies_ms)} is not a finite "
            "number above 0; fit its latency model again, or leave the device out"
        )
    chosen = _farthest(probes_ms, num=num_representatives)
    met = _Met(encoding, accuracy)
    exhaustive = False
    for device in chosen:
        problem = Problem(
            encoding=encoding,
            accuracy=met.top1_of,
            latency_ms=latencies_ms[device],
            limits=limits,
            max_evaluations=max_evaluations,
        )
        found = search_front(problem, rng)
        exhaustive = found.exhaustive
        if exhaustive:  # every arch was met, so that no other search has more to tell
            break
    genotypes = met.genotypes if exhaustive else met.best_on([latencies_ms[d] for d in chosen])
    if known is not None:
        genotypes = encoding.unique(np.concatenate([genotypes, known]))
    return {
        "genotypes": genotypes,
        "top1": met.top1_of(genotypes),
        "representatives": np.array(chosen),
        "exhaustive": np.array(exhaustive),
        "asked": np.array(len(met)),
    }


class _Met:
    """Archs met so far with their accuracy, each asked once."""

    def __init__(self, encoding: AnyEncoding, accuracy: Score) -> None:
        draw = np.random.default_rng(0)
        self._weights = draw.integers(0, 2**63, encoding.num_genes, dtype=np.uint64) * 2 + 1
        self._accuracy = accuracy
        self._keys = np.empty(0, np.uint64)
        self._order = np.empty(0, np.intp)
        self._genotypes: list[Genotypes] = []
        self._top1 = np.empty(0)

    def __len__(self) -> int:
        return len(self._keys)

    @property
    def genotypes(self) -> Genotypes:
        """All archs, in the order they were met."""
        return np.concatenate(self._genotypes)

    def top1_of(self, genotypes: Genotypes) -> Float[np.ndarray, "n"]:
        """Top-1 of archs, percent; the accuracy of those never met is asked."""
        keys = genotypes.astype(np.uint64) @ self._weights
        place = np.searchsorted(self._keys, keys)
        known = np.zeros(len(keys), bool)
        if len(self):
            known = self._keys.take(place, mode="clip") == keys
        if not known.all():
            new_keys, first = np.unique(keys[~known], return_index=True)
            new = genotypes[~known][first]
            at = np.searchsorted(self._keys, new_keys)
            self._order = np.insert(self._order, at, len(self) + np.arange(len(new)))
            self._keys = np.insert(self._keys, at, new_keys)
            self._genotypes.append(new)
            self._top1 = np.concatenate([self._top1, self._accuracy(new)])
            if not np.isfinite(self._top1[-len(new) :]).all():
                raise OfaError("fleet: the accuracy of an arch is not a finite number")
        return self._top1[self._order[np.searchsorted(self._keys, keys)]]

    def learn(self, genotypes: Genotypes, top1: Float[np.ndarray, "n"]) -> None:
        """Take in distinct archs whose accuracy is known, before any was asked."""
        keys = genotypes.astype(np.uint64) @ self._weights
        self._order = np.argsort(keys)
        self._keys = keys[self._order]
        self._genotypes, self._top1 = [genotypes], top1

    def best_on(self, latencies_ms: Sequence[Score]) -> Genotypes:
        """The most accurate archs of every latency bin, on any of some devices."""
        genotypes, kept = self.genotypes, np.zeros(len(self), bool)
        for latency_ms in latencies_ms:
            log_ms = np.log(latency_ms(genotypes))
            width = max(np.ptp(log_ms), 1e-9) / _NUM_BINS
            bins = np.minimum((log_ms - log_ms.min()) // width, _NUM_BINS - 1)
            order = np.lexsort((-self._top1, bins))
            rank = np.arange(len(order)) - np.searchsorted(bins[order], bins[order])
            kept[order[rank < _KEPT_PER_BIN]] = True
        return genotypes[kept]


@dataclass(frozen=True, kw_only=True, eq=False)
class _Ranked:
    """A front under construction: as ``Front``, before its cost is known."""

    genotypes: Genotypes
    top1: Float[np.ndarray, "n"]
    latency_ms: Float[np.ndarray, "n"]


def _front(genotypes: Genotypes, top1: np.ndarray, latency_ms: np.ndarray) -> _Ranked:
    kept = np.flatnonzero(non_dominated(latency_ms, top1))
    kept = kept[np.argsort(latency_ms[kept])]
    return _Ranked(genotypes=genotypes[kept], top1=top1[kept], latency_ms=latency_ms[kept])


def _packed(fronts: Sequence[_Ranked], *, asked: int) -> Arrays:
    return {
        "genotypes": np.concatenate([front.genotypes for front in fronts]),
        "top1": np.concatenate([front.top1 for front in fronts]),
        "latency_ms": np.concatenate([front.latency_ms for front in fronts]),
        "ends": np.cumsum([len(front.top1) for front in fronts]),
        "asked": np.array(asked),
    }


def _unpacked(arrays: Arrays) -> list[_Ranked]:
    parts = [
        np.split(arrays[name], arrays["ends"][:-1]) for name in ("genotypes", "top1", "latency_ms")
    ]
    return [
        _Ranked(genotypes=genotypes, top1=top1, latency_ms=latency_ms)
        for genotypes, top1, latency_ms in zip(*parts, strict=True)
    ]


def _farthest(probes_ms: Float[np.ndarray, "devices probes"], *, num: int) -> list[int]:
    """Devices as unlike each other as possible; how fast a device is as a whole counts for nothing.

    Source: Gonzalez, "Clustering to minimize the maximum intercluster distance", 1985.
    """
    shapes = np.log(probes_ms)
    shapes -= shapes.mean(axis=1, keepdims=True)
    chosen = [int(np.argmin(np.linalg.norm(shapes - shapes.mean(axis=0), axis=1)))]
    distance = np.linalg.norm(shapes - shapes[chosen[0]], axis=1)
    while len(chosen) < num and distance.max() > _ALIKE:
        chosen.append(int(np.argmax(distance)))
        distance = np.minimum(distance, np.linalg.norm(shapes - shapes[chosen[-1]], axis=1))
    return chosen


def _refined(
    encoding: AnyEncoding,
    met: _Met,
    fronts: Sequence[_Ranked],
    latencies_ms: Sequence[Score],
    budgets_ms: Sequence[Sequence[float]],
    limits: Sequence[Limit],
) -> list[_Ranked]:
    """Fronts joined with the single-gene neighbors of their picks.

    Devices share many picks, so the neighbors of each are made and asked once.
    """
    picks = [_picks(front, budgets) for front, budgets in zip(fronts, budgets_ms, strict=True)]
    centers = [front.genotypes[rows] for front, rows in zip(fronts, picks, strict=True)]
    distinct, inverse = np.unique(np.concatenate(centers), axis=0, return_inverse=True)
    if not len(distinct):
        return list(fronts)
    around = neighbors(encoding, distinct)
    kept = (excess(limits, around) <= 1).reshape(len(distinct), -1)
    around = around.reshape(*kept.shape, encoding.num_genes)
    top1 = np.empty(kept.shape)
    top1[kept] = met.top1_of(around[kept])
    refined: list[_Ranked] = []
    start = 0
    for front, rows, latency_ms in zip(fronts, picks, latencies_ms, strict=True):
        own = inverse.reshape(-1)[start : start + len(rows)]
        start += len(rows)
        new = around[own][kept[own]]
        refined.append(
            _front(
                np.concatenate([front.genotypes, new]),
                np.concatenate([front.top1, top1[own][kept[own]]]),
                np.concatenate([front.latency_ms, latency_ms(new)]),
            )
        )
    return refined


def _picks(front: _Ranked, budgets_ms: Sequence[float]) -> Int[np.ndarray, "picks"]:
    """Rows of the best within each budget that any arch meets, each once."""
    within = np.searchsorted(front.latency_ms, np.asarray(budgets_ms, float), side="right")
    return np.unique(within[within > 0]) - 1
