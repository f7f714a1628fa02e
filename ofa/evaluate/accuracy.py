"""Top-1 of subnets: extracted, recalibrated, then counted over whole images.

Two archs that agree on resolution and on their first blocks have the same activations and the same
recalibrated statistics up to there. An evaluator keeps the activations where archs to come part
from the one in hand, within a memory bound, and starts them there; the numbers are those of
starting anew.

Once a segment's statistics are final its batch norm is folded into its convolutions, so that the
many images to count on pay for arithmetic alone; ``benchmarks/evaluate.py`` shows what that buys.

Images are used in their recorded order, in chunks of fixed sizes, on one thread, since sums over a
batch depend on how threads divide it. So loader batch size, loading order, process and thread count
change nothing; who has more cores measures several archs at once.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise

import torch
from torch import Tensor, nn

from ofa.data import ImageSet, Normalization, resized
from ofa.evaluate.folded import fuse_layers_
from ofa.space import AnyArch, AnySpace, network
from ofa.subnet import (
    CHUNK_SIZE,
    Subnet,
    extract,
    one_thread,
    recalibrate_batchnorm_,
    recalibrating,
)

EVALUATION_CHUNK_SIZE = 128

Route = tuple[tuple[float, ...], ...]
"""What each segment of a net adds to its predecessors: equal routes have equal activations."""


@dataclass(frozen=True, kw_only=True)
class _Level:
    """Activations after the first segments of a net, of both sets of images."""

    route: Route
    calibration: list[Tensor]
    images: list[Tensor]


@dataclass(frozen=True, kw_only=True, eq=False)
class Evaluator:
    """Measures subnets of one supernet on one set of images.

    Attributes:
        supernet: Owner of the weights; they must not change while the evaluator lives.
        calibration: Images that recalibrate batch norm, in their recorded order.
        images: Images to count on.
        memory_bytes: Most bytes of activations to keep; 0 starts every arch anew.
    """

    supernet: nn.Module
    space: AnySpace
    normalization: Normalization
    calibration: ImageSet
    images: ImageSet
    memory_bytes: int = 0
    _levels: list[_Level] = field(default_factory=list, init=False)

    def subnet(self, arch: AnyArch) -> Subnet:
        """The recalibrated static network of ``arch``."""
        net = self._extract(arch)
        with one_thread():
            recalibrate_batchnorm_(net, self.normalized(self.calibration, arch.resolution))
        return net

    def top1(self, arch: AnyArch, *, keep: Collection[int] = ()) -> float:
        """Share of images whose largest logit is the label's, in percent.

        Args:
            keep: After how many segments archs to come start; see ``partings``.
        """
        route = arch.path
        self._leave_until(route)
        level = self._levels[-1] if self._levels else self._start(arch.resolution)
        segments = self._extract(arch).segments()[len(level.route) :]
        kept = self._segments_to_keep(arch, len(level.route), keep)
        calibration: dict[int, list[Tensor]] = {i: [] for i in kept}
        images: dict[int, list[Tensor]] = {i: [] for i in kept}
        with one_thread():
            with recalibrating(segments):
                for chunk in level.calibration:
                    _run(segments, chunk, calibration)
            for segment in segments:
                fuse_layers_(segment)
            with torch.inference_mode():
                predicted = [_run(segments, chunk, images).argmax(1) for chunk in level.images]
        for i in kept:
            reached = route[: len(level.route) + i + 1]
            self._levels.append(_Level(route=reached, calibration=calibration[i], images=images[i]))
        hits = int((torch.cat(predicted).cpu() == self.images.labels).sum())
        return 100 * hits / len(self.images)

    @torch.inference_mode()
    def predict(
        self, net: nn.Module, resolution: int, *, chunk_size: int = EVALUATION_CHUNK_SIZE
    ) -> Tensor:
        """Label predicted for every image by a recalibrated network, int64[n]."""
        chunks = self.normalized(self.images, resolution).split(chunk_size)
        with one_thread():
            return torch.cat([net(chunk).argmax(1) for chunk in chunks]).cpu()

    def forget(self) -> None:
        """Let go of all activations that were kept."""
        self._levels.clear()

    def _extract(self, arch: AnyArch) -> Subnet:
        net = extract(self.supernet, self.space, arch)
        return net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def normalized(self, images: ImageSet, resolution: int) -> Tensor:
        """Images as a network takes them; made once a resolution."""
        device = next(self.supernet.parameters()).device
        return _inputs(images, resolution, self.normalization, device)

    def _start(self, resolution: int) -> _Level:
        calibration = self.normalized(self.calibration, resolution).split(CHUNK_SIZE)
        images = self.normalized(self.images, resolution).split(EVALUATION_CHUNK_SIZE)
        return _Level(route=(), calibration=list(calibration), images=list(images))

    def _leave_until(self, route: Route) -> None:
        while self._levels and route[: len(self._levels[-1].route)] != self._levels[-1].route:
            self._levels.pop()

    def _segments_to_keep(self, arch: AnyArch, start: int, keep: Collection[int]) -> list[int]:
        """Segments, counted from ``start``, whose output is asked for and fits in the bound."""
        num_images = len(self.calibration) + len(self.images)
        free = self.memory_bytes - sum(
            t.nbytes for level in self._levels for t in (*level.calibration, *level.images)
        )
        kept: list[int] = []
        for position, block in enumerate(
            network(self.space, arch).blocks, start=1
        ):  # the stem's output is large and cheap
            size = 4 * num_images * block.out_channels * block.out_size**2
            if position >= start and position + 1 in keep and size <= free:
                free -= size
                kept.append(position - start)
        return kept


def partings(archs: Sequence[AnyArch]) -> list[tuple[int, ...]]:
    """For archs measured in this order, after how many segments later ones part from each.

    Where the next arch parts, and wherever one after it parts still earlier: from there, and from
    nowhere else, one of them can go on.
    """
    found: list[tuple[int, ...]] = [()]
    for arch, following in reversed(list(pairwise(archs))):
        shared = _num_shared(arch.path, following.path)
        found.append((*(length for length in found[-1] if length < shared), shared))
    return found[: len(archs)][::-1]


def in_sharing_order(archs: Sequence[AnyArch]) -> list[AnyArch]:
    """Archs sorted so that those with common first layers follow one another."""
    return sorted(archs, key=lambda arch: arch.path)


def _num_shared(one: Route, other: Route) -> int:
    return next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), len(one))


def _run(segments: list[nn.Module], x: Tensor, kept: dict[int, list[Tensor]]) -> Tensor:
    for i, segment in enumerate(segments):
        x = segment(x)
        if i in kept:
            kept[i].append(x)
    return x


@lru_cache(maxsize=16)
def _inputs(
    data: ImageSet, resolution: int, normalization: Normalization, device: torch.device
) -> Tensor:
    inputs = normalization(resized(data.images, resolution).to(device))
    return inputs.contiguous(memory_format=torch.channels_last)
