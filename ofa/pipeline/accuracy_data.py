"""Supernet to accuracy data.

What is measured when is settled before anything is: the archs follow from flags and seed, their
order from what neighbors can share, and each process takes its part of that order by rank. So one
start goes on where another was cut off, and processes that share a folder need not talk.
"""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ofa import artifacts
from ofa import checkpoint as files
from ofa.errors import OfaError
from ofa.opened import find_checkpoint, measure_search_top1, open_supernet
from ofa.pipeline.device import profile
from ofa.pipeline.progress import Track, untracked
from ofa.space import AnyArch, cost_table, encoding_of, genotypes_of, macs

if TYPE_CHECKING:
    from lightning_fabric.plugins.environments.cluster_environment import ClusterEnvironment

    from ofa.evaluate import Accelerator

_ROUND = 500  # archs put in order at once: a round cut short still spreads over all sizes
_ACTIVE_ROUND = 50
_ACTIVE_START = 100

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Shard:
    """The part of the archs that one of several processes measures.

    Attributes:
        index: Number of the process, from 0.
        count: Number of processes.
    """

    index: int
    count: int

    def __post_init__(self) -> None:
        if not 0 <= self.index < self.count:
            raise OfaError(
                f"shard {self.index}/{self.count}: use 0/{self.count} to "
                f"{self.count - 1}/{self.count}, one a process"
            )

    def part(self, archs: Sequence[AnyArch]) -> Sequence[AnyArch]:
        """Neighbors, so that they go on sharing their first layers."""
        bounds = (len(archs) * i // self.count for i in (self.index, self.index + 1))
        return archs[slice(*bounds)]


def sample(
    *,
    checkpoint: str,
    num: int = 1000,
    draw: str = "macs",
    device: str | None = None,
    precision: files.Precision = "fp32",
    seed: int = 0,
    workers: int = 1,
    accelerator: "Accelerator" = "auto",
    shard: Shard | None = None,
    track: Track = untracked,
) -> Path:
    """Measure subnets on the search split, each recalibrated; goes on where it was cut off.

    Args:
        num: Subnets to have measured in the end; of a space that holds fewer, all of them.
        draw: See ``ofa.evaluate.draw_archs``; ``active`` spreads 100 over MACs, then asks in rounds
            of 50 where the predictor is unsure and where fronts lie.
        device: Device over whose latency to spread.
        precision: Numbers to measure with: ``int8`` quantizes as an engine is quantized. Equal
            flags draw the same subnets, so that the first are measured in both.
        workers: Processes that share the cores and measure side by side; of GPUs, each takes one.
            Their number changes no result.
        accelerator: ``auto`` measures on GPUs where there are some. They round otherwise than a
            CPU, by which single images can differ. What is quantized is measured on the CPU.
        shard: Part of the archs to measure, into a file of its own; ``None`` takes the part of this
            rank under ``torchrun`` or SLURM, else all.

    Returns:
        ``accuracy.jsonl``, or ``accuracy/<shard>.jsonl``, in the checkpoint's folder.

    Raises:
        InUse: If another process writes that file.
        OfaError: If flags contradict one another, or a GPU is asked for and not there.
    """
    folder = find_checkpoint(checkpoint)
    from ofa.evaluate import measuring_devices

    devices = measuring_devices("cpu" if precision == "int8" else accelerator)
    path, supernet = folder / files.ACCURACY, folder / files.SUPERNET
    launched = None if shard and len(devices) == 1 else _launched()
    if launched:
        first = launched.local_rank() % len(devices)
        devices = (*devices[first:], *devices[:first])
        shard = shard or Shard(index=launched.global_rank(), count=launched.world_size())
    if draw == "active" and shard:
        raise OfaError("draw: active asks in rounds, so it cannot be divided; leave out --shard")
    if draw == "active" and precision != "fp32":
        raise OfaError(
            "draw: active asks where the predictor of fp32 is unsure; measure int8 on some of the "
            "subnets of fp32: leave out --draw active"
        )
    held = open_supernet(folder)[1].space.num_subnets
    if num > held:
        told = f"num: {num:,} subnets asked, but the space holds {held:,}: measuring all"
        _log.warning("%s", told)
        num = held
    out = files.shard_file(path, f"{shard.index}-of-{shard.count}") if shard else path
    with artifacts.claimed(out, mend="wait for it, or measure another part with --shard"):
        known = files.read_accuracy(path, supernet=supernet, precision=precision)
        done = {record.arch for record in known}
        rounds = (
            _active_rounds(folder, num, seed)
            if draw == "active"
            else _drawn_rounds(folder, num, draw, device, seed, checkpoint, shard, done)
        )
        for pending in rounds:
            measured = measure_search_top1(
                folder, pending, precision=precision, workers=workers, devices=devices
            )
            for _, (arch, top1) in zip(track(pending, "measuring subnets"), measured, strict=True):
                record = files.MeasuredArch(arch=arch, top1=top1, precision=precision)
                files.append_accuracy(out, record, supernet=supernet)
    return out


def _drawn_rounds(
    folder: Path,
    num: int,
    draw: str,
    device: str | None,
    seed: int,
    checkpoint: str,
    shard: Shard | None,
    done: set[AnyArch],
) -> Iterator[list[AnyArch]]:
    from ofa.evaluate import draw_archs, in_sharing_order

    encoding = encoding_of(open_supernet(folder)[1].space)
    latency_ms = profile(device=device, checkpoint=checkpoint).table(encoding) if device else None
    archs = draw_archs(encoding, num, draw=draw, seed=seed, latency_ms=latency_ms)  # type: ignore[arg-type]
    ordered: list[AnyArch] = []
    for start in range(0, num, _ROUND):
        members = in_sharing_order(archs[start : start + _ROUND])
        ordered.extend(shard.part(members) if shard else members)
    yield [arch for arch in ordered if arch not in done]


def _active_rounds(folder: Path, num: int, seed: int) -> Iterator[list[AnyArch]]:
    """Archs to measure next, given all that was measured so far, until there are ``num``."""
    from ofa.evaluate import draw_archs, in_sharing_order, most_informative
    from ofa.predictor import fit_predictor

    encoding = encoding_of(open_supernet(folder)[1].space)
    cost = cost_table(encoding, macs)
    start = draw_archs(encoding, min(num, _ACTIVE_START), draw="macs", seed=seed)
    while True:
        measured = files.read_accuracy(folder / files.ACCURACY, supernet=folder / files.SUPERNET)
        done = {record.arch: record.top1 for record in measured}
        if len(done) >= num:
            return
        wanted = [arch for arch in start if arch not in done][: num - len(done)]
        if not wanted:
            genotypes = genotypes_of(encoding, list(done))
            fitted = fit_predictor(encoding, genotypes, np.array(list(done.values())), seed=seed)
            chosen = most_informative(
                encoding,
                min(_ACTIVE_ROUND, num - len(done)),
                accuracy=fitted.predictor,
                std=fitted.predictor.spread,
                cost=cost,
                known=genotypes,
                rng=np.random.default_rng((seed, len(done))),
            )
            wanted = encoding.decode(chosen)
        if not wanted:  # so few are left that no draw meets one
            left = [arch for arch in encoding.decode(encoding.enumerate()) if arch not in done]
            wanted = left[: num - len(done)]
        yield in_sharing_order(wanted)


def _launched() -> "ClusterEnvironment | None":
    """The launcher that started this process as one of several, as Lightning knows them."""
    from lightning_fabric.plugins.environments.slurm import SLURMEnvironment
    from lightning_fabric.plugins.environments.torchelastic import TorchElasticEnvironment

    for environment in (TorchElasticEnvironment, SLURMEnvironment):
        if environment.detect():
            found = environment()
            if found.world_size() > 1:
                return found
    return None
