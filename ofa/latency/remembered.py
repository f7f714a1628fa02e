"""Where a device's profiles are kept, and the latency models made from them.

A model file is named after what the model is for: the space, and how networks run. A file of rounds
is named after what was measured besides: the plan, the machine, the runtime. So nothing measured
elsewhere or otherwise is ever mixed in, and what a device that is out of reach once answered stays
known.
"""

from dataclasses import asdict, dataclass
from pathlib import Path

from ofa import artifacts
from ofa.errors import BadArtifact
from ofa.latency.device import Description, Device
from ofa.latency.fit_profile import fit_profile
from ofa.latency.model import LatencyModel
from ofa.latency.plan import Plan, informative_plan
from ofa.latency.profile import Profile, run_plan
from ofa.runtime.machine import Provenance
from ofa.runtime.target import AbstractTarget
from ofa.space import AnySpace

NUM_SUBNETS = 100
"""Subnets timed unless told otherwise, besides the largest and the smallest."""
_SCHEMA = "ofa.latency-profile"


@dataclass(frozen=True, kw_only=True)
class Remembered:
    """A latency model fitted to a profile.

    Attributes:
        model: The model.
        num: Subnets that were asked for.
        machine: Machine and runtime that were measured.
        reference_ms: Latency of the reference, by which a disturbed machine is known.
        target: Where it was measured, as ``Description.target``.
    """

    model: LatencyModel
    num: int
    machine: tuple[str, str]
    reference_ms: float
    target: str = "none"

    def fits(self, described: Description) -> bool:
        """Whether it is of the board and the runtime that a description now names."""
        told, moved = described.runtime, described.target != self.target
        renewed = told.version and self.machine[1] != f"{told.name} {told.version}"
        return not renewed and not (moved and "none" not in (described.target, self.target))


@dataclass(frozen=True, kw_only=True)
class Memory:
    """The profiles of one device for one space.

    Attributes:
        folder: Where they are kept.
        device: The device.
        space: The space.
    """

    folder: Path
    device: Device
    space: AnySpace

    @property
    def model_path(self) -> Path:
        """Where the model is kept."""
        runs = self.device.description
        conditions = {
            "space": self.space.to_dict(),
            "runtime": runs.runtime.name,
            "precision": runs.precision,
            "threads": runs.threads,
            "batch": runs.batch,
        }
        return self.folder / f"{artifacts.digest(conditions)[:12]}.json"

    def rounds_path(self, plan: Plan, made_on: Provenance) -> Path:
        """Where the rounds of a plan on one machine are kept."""
        digest = artifacts.digest([plan.identity(), list(made_on.identity)])[:12]
        return self.folder / f"{self.model_path.stem}-{digest}.jsonl"

    def plan(self, num: int | None) -> Plan:
        """What to time, with ``num`` subnets besides the corners."""
        runs = self.device.description
        return informative_plan(
            self.space,
            num=NUM_SUBNETS if num is None else num,
            runtime=runs.runtime.name,
            threads=runs.threads or 1,
            batch=runs.batch,
            precision=runs.precision,
        )

    def recall(self) -> Remembered | None:
        """The model that is kept, if there is one.

        Raises:
            BadArtifact: If its file is corrupt.
        """
        path = self.model_path
        if not path.exists():
            return None
        body = artifacts.read_json(path, schema=_SCHEMA)
        return artifacts.parse(Remembered, body.get("profile"), where=f"{path}: profile")

    def keep(self, profile: Profile, *, num: int, rounds: Path) -> LatencyModel:
        """Fit the model of a profile and keep it."""
        model = fit_profile(self.space, profile)
        made = Remembered(
            model=model,
            num=num,
            machine=profile.provenance.identity,
            reference_ms=profile.timings[0].median_ms,
            target=self.device.description.target,
        )
        body = {
            "profile": asdict(made),
            "drift": profile.drift,
            "provenance": asdict(profile.provenance),
        }
        artifacts.write_json(self.model_path, body, schema=_SCHEMA, inputs={"rounds": rounds})
        return model

    def measure(
        self, target: AbstractTarget, *, num: int | None = None, fresh: bool = False
    ) -> LatencyModel:
        """Time the device, or go on where that was cut off, then fit and keep the model.

        Args:
            num: Subnets to time; ``None`` takes the usual number.
            fresh: Whether to forget what was timed before.

        Raises:
            InUse: If another process times the same.
            NoisyMachine: If the timings do not settle.
            TargetFailure: If the target fails; what is done is kept.
        """
        made_on = target.describe()
        self.check_runtime(made_on)
        plan = self.plan(num)
        path = self.rounds_path(plan, made_on)
        with artifacts.claimed(path, mend="wait for it: both would disturb each other's timings"):
            if fresh:
                path.unlink(missing_ok=True)
            profile = run_plan(plan, target, path)
            return self.keep(profile, num=NUM_SUBNETS if num is None else num, rounds=path)

    def check_runtime(self, made_on: Provenance) -> None:
        """Refuse a target that runs something else than its description says."""
        told = self.device.description.runtime
        version = told.version or made_on.runtime_version
        if (told.name, version) != (made_on.runtime, made_on.runtime_version):
            raise BadArtifact(
                f"{self.device.folder / 'device.yaml'}: runtime is {told.name} {version}, but the "
                f"device runs {made_on.runtime} {made_on.runtime_version}; install the one or "
                "write down the other"
            )
