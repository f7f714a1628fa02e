"""Bundle to speeds."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ofa.errors import OfaError
from ofa.opened import read_net

if TYPE_CHECKING:
    from ofa.deploy.bench import Speed


@dataclass(frozen=True, kw_only=True)
class Benched:
    """How fast a bundle is.

    Attributes:
        path: The bundle.
        machine: Where it was timed.
        speeds: One a way of running it, batch and number of threads.
        memory_mb: Memory that a process grows by when it loads an engine and runs it, by engine.
        left_out: What could not be timed, and why.
    """

    path: Path
    machine: str
    speeds: tuple["Speed", ...]
    memory_mb: dict[str, float]
    left_out: dict[str, str]


def bench(
    *,
    bundle: Path,
    target: str = "local",
    batches: Sequence[int] | None = None,
    threads: Sequence[int] = (1, 2),
    repeats: int = 200,
    compile: bool = False,
    python: str = "python3",
    benchmark: Path | None = None,
    ssh_config: Path | None = None,
) -> Benched:
    """Time the engines of a bundle here or on a target, against torch eager and ``torch.compile``.

    Args:
        bundle: A folder, or an archive.
        target: ``local``, ``ssh://[user@]host[:port]`` or ``adb:<serial>``; another device than
            this one times the engines of the runtimes that it has, one image a run.
        batches: Images a run; ``None`` takes 1, 8 and 32 here.
        compile: Whether to time ``torch.compile`` as well, which takes a C++ compiler and a minute.
        python: Interpreter of an ssh target, with numpy and the runtimes.
        benchmark: Program that times a model on an adb target, built for it.
        ssh_config: Configuration of ssh to use in place of the user's own.

    Raises:
        OfaError: If a count is none, or a target is to do what it cannot.
        BadArtifact: If a file of the bundle is not what its manifest says.
    """
    from ofa.deploy import load_bundle
    from ofa.deploy.bench import bench_engines, bench_remote, bench_torch
    from ofa.runtime import open_target

    if target != "local" and (compile or batches is not None):
        raise OfaError(
            f"{target}: times engines one image a run; leave out --batches and --compile"
        )
    loaded = load_bundle(bundle)
    if target != "local":
        remote = bench_remote(
            loaded,
            lambda runtime: open_target(
                target,
                runtime=runtime,
                python=python,
                benchmark=benchmark,
                ssh_config=ssh_config,
            ),
            threads=threads,
            repeats=repeats,
        )
        return Benched(
            path=bundle,
            machine=remote.machine,
            speeds=remote.speeds,
            memory_mb={},
            left_out=remote.left_out,
        )
    batches = (1, 8, 32) if batches is None else batches
    engines = bench_engines(loaded, batches=batches, threads=threads, repeats=repeats)
    weights = loaded.weights()
    parts = [engines]
    if weights is not None:
        manifest = loaded.manifest
        net = read_net(weights, manifest.space, manifest.arch, where=bundle)
        parts.append(
            bench_torch(
                loaded, net, batches=batches, threads=threads, repeats=repeats, compiled=compile
            )
        )
    return Benched(
        path=bundle,
        machine=engines.machine,
        speeds=tuple(speed for part in parts for speed in part.speeds),
        memory_mb=engines.memory_mb,
        left_out={name: reason for part in parts for name, reason in part.left_out.items()},
    )
