"""What to time on a device, as data: subnets of a space, and how."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import cached_property

import numpy as np

from ofa import artifacts
from ofa.errors import OfaError
from ofa.latency.design import informative_subnets
from ofa.latency.engines import engine_of
from ofa.runtime import EngineFiles, Precision
from ofa.runtime.rounds import Protocol, in_rounds
from ofa.space import AnyArch, AnySpace, encoding_of, network


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Subnets of a space to time on a device.

    Attributes:
        space: Space of the subnets.
        archs: Subnets; the first is the reference of every round.
        runtime: What runs them.
        threads: Threads of the runtime.
        batch: Images a run.
        precision: Arithmetic of the engines.
        protocol: How they are timed.
    """

    space: AnySpace
    archs: tuple[AnyArch, ...]
    runtime: str
    threads: int
    batch: int
    precision: Precision
    protocol: Protocol

    @cached_property
    def by_name(self) -> dict[str, AnyArch]:
        """Each subnet by its id."""
        return {arch.id: arch for arch in self.archs}

    @property
    def names(self) -> list[str]:
        """Ids of the subnets, in their order."""
        return list(self.by_name)

    @property
    def rounds(self) -> list[list[str]]:
        """Ids of the subnets of each round, the reference first."""
        return in_rounds(self.names, self.protocol)

    def identity(self) -> dict[str, object]:
        """What tells this plan from every other; results are only ever taken for their own plan."""
        return {
            "space": artifacts.digest(self.space.to_dict()),
            "subnets": artifacts.digest(self.names),
            "runtime": self.runtime,
            "threads": self.threads,
            "batch": self.batch,
            "precision": self.precision,
            "protocol": asdict(self.protocol),
        }

    def engine(self, name: str) -> EngineFiles:
        """The engine of a subnet.

        Raises:
            OfaError: As ``engine_of``.
        """
        net = network(self.space, self.by_name[name])
        return engine_of(net, runtime=self.runtime, batch=self.batch, precision=self.precision)

    def engines(self, index: int, *, known: Mapping[str, EngineFiles]) -> dict[str, EngineFiles]:
        """The engines of a round, taken from ``known`` where they are there."""
        return {name: known.get(name) or self.engine(name) for name in self.rounds[index]}


def informative_plan(
    space: AnySpace,
    *,
    num: int,
    runtime: str = "onnxruntime",
    threads: int = 1,
    batch: int = 1,
    precision: Precision = "fp32",
    protocol: Protocol | None = None,
    seed: int = 0,
) -> Plan:
    """A plan from which the cost of every layer of the space can be told.

    Args:
        num: Subnets to time, besides the largest and the smallest.
    """
    encoding = encoding_of(space)
    genotypes = informative_subnets(encoding, num=num, rng=np.random.default_rng(seed))
    return Plan(
        space=space,
        archs=tuple(encoding.decode(genotypes)),
        runtime=runtime,
        threads=threads,
        batch=batch,
        precision=precision,
        protocol=protocol or Protocol(),
    )


def random_plan(plan: Plan, *, num: int, seed: int) -> Plan:
    """As ``plan``, but with random subnets that it does not hold, to check a model on.

    Raises:
        OfaError: If the space holds no others.
    """
    encoding = encoding_of(plan.space)
    drawn = encoding.unique(encoding.sample(4 * num, np.random.default_rng(seed)))
    unseen = [arch for arch in encoding.decode(drawn) if arch.id not in plan.by_name]
    if not unseen:
        raise OfaError(
            "no subnet is left to check the model on: it was fitted to all of the space; leave out "
            "--check"
        )
    return replace(plan, archs=(plan.archs[0], *unseen[:num]))
