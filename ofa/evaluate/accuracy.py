"""Top-1 of subnets: extracted, recalibrated, then counted over whole images.

Two archs that agree on resolution and on their first blocks have the same activations and the same
recalibrated statistics up to there. An evaluator keeps the activations where archs to come part
from the one in hand, within a memory bound, and starts them there; the numbers are those of
starting anew.

Once a segment's statistics are final its batch norm is folded into its convolutions, so that the
many images to count on pay for arithmetic alone; ``benchmarks/evaluate.py`` shows what that buys.

Images are used in their recorded order, in chunks of fixed sizes, each on one thread, since sums
over a batch depend on how threads divide it. So loader batch size, loading order, process and
thread count change nothing; who has more cores counts several chunks, or archs, at once. A GPU
computes in whole float32, by algorithms that repeat themselves; it rounds in another order than a
CPU.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from ofa.data import ImageSet, Normalization
from ofa.evaluate.folded import fuse_layers_
from ofa.evaluate.inputs import Chunks, InputChunks, is_channels_last, pixels_at
from ofa.space import AnyArch, AnySpace, network
from ofa.subnet import CHUNK_SIZE, Subnet, extract, recalibrate_batchnorm_, recalibrating
from ofa.threads import one_thread

EVALUATION_CHUNK_SIZE = 128

_Computed = TypeVar("_Computed")

Route = tuple[tuple[float, ...], ...]
"""What each segment of a net adds to its predecessors: equal routes have equal activations."""


@dataclass(frozen=True, kw_only=True)
class _Level:
    """Activations after the first segments of a net, of both sets of images."""

    route: Route
    calibration: Chunks
    images: Chunks

    @property
    def nbytes(self) -> int:
        return sum(chunk.nbytes for chunks in (self.calibration, self.images) for chunk in chunks)


@dataclass(frozen=True, kw_only=True)
class _Passed:
    """A chunk of images after all segments: labels predicted, and activations after some."""

    labels: Tensor
    reached: Mapping[int, Tensor]


@dataclass(frozen=True, kw_only=True, eq=False)
class Evaluator:
    """Measures subnets of one supernet on one set of images.

    Attributes:
        supernet: Owner of the weights, on the device that measures; they must not change while the
            evaluator lives.
        calibration: Images that recalibrate batch norm, in their recorded order.
        images: Images to count on.
        memory_bytes: Most bytes of activations to keep; 0 starts every arch anew.
        threads: How many chunks of images to count on at once; their number changes nothing.
    """

    supernet: nn.Module
    space: AnySpace
    normalization: Normalization
    calibration: ImageSet
    images: ImageSet
    memory_bytes: int = 0
    threads: int = 1
    _levels: list[_Level] = field(default_factory=list, init=False)

    def subnet(self, arch: AnyArch) -> Subnet:
        """The recalibrated static network of ``arch``."""
        net = self._extract(arch)
        chunks = self.inputs(self.calibration, arch.resolution, chunk_size=CHUNK_SIZE)
        with _repeatable(self._device):
            recalibrate_batchnorm_(net, chunks)
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
        with _repeatable(self._device):
            with recalibrating(segments):
                calibrated = [_run(segments, chunk, kept) for chunk in level.calibration]
            for segment in segments:
                fuse_layers_(segment)
            counted = self._each(lambda chunk: _run(segments, chunk, kept), level.images)
        for i in kept:
            self._levels.append(
                _Level(
                    route=route[: len(level.route) + i + 1],
                    calibration=[passed.reached[i] for passed in calibrated],
                    images=[passed.reached[i] for passed in counted],
                )
            )
        predicted = torch.cat([passed.labels for passed in counted]).cpu()
        return 100 * int((predicted == self.images.labels).sum()) / len(self.images)

    def predict(
        self, net: nn.Module, resolution: int, *, chunk_size: int = EVALUATION_CHUNK_SIZE
    ) -> Tensor:
        """Label predicted for every image by a recalibrated network, int64[n]."""
        chunks = self.inputs(self.images, resolution, chunk_size=chunk_size)
        with _repeatable(self._device):
            return torch.cat(self._each(lambda chunk: net(chunk).argmax(1), chunks)).cpu()

    def forget(self) -> None:
        """Let go of all activations that were kept."""
        self._levels.clear()

    def _each(self, compute: Callable[[Tensor], _Computed], chunks: Chunks) -> list[_Computed]:
        """What is computed of every chunk, in their order."""

        @torch.inference_mode()  # which a thread does not inherit
        def of(index: int) -> _Computed:
            return compute(chunks[index])

        if self.threads == 1:
            return [of(index) for index in range(len(chunks))]
        # A new thread takes all cores for its convolutions until it is told.
        with ThreadPoolExecutor(
            self.threads, initializer=torch.set_num_threads, initargs=(1,)
        ) as pool:
            return list(pool.map(of, range(len(chunks))))

    def _extract(self, arch: AnyArch) -> Subnet:
        net = extract(self.supernet, self.space, arch)
        if is_channels_last(self._device):
            net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        return net

    def inputs(self, images: ImageSet, resolution: int, *, chunk_size: int) -> InputChunks:
        """Images as a network takes them; resized once while the last few resolutions are kept."""
        return InputChunks(
            pixels=pixels_at(images, resolution),
            size=chunk_size,
            normalization=self.normalization,
            device=self._device,
        )

    @property
    def _device(self) -> torch.device:
        return next(self.supernet.parameters()).device

    def _start(self, resolution: int) -> _Level:
        return _Level(
            route=(),
            calibration=self.inputs(self.calibration, resolution, chunk_size=CHUNK_SIZE),
            images=self.inputs(self.images, resolution, chunk_size=EVALUATION_CHUNK_SIZE),
        )

    def _leave_until(self, route: Route) -> None:
        while self._levels and route[: len(self._levels[-1].route)] != self._levels[-1].route:
            self._levels.pop()

    def _segments_to_keep(self, arch: AnyArch, start: int, keep: Collection[int]) -> list[int]:
        """Segments, counted from ``start``, whose output is asked for and fits in the bound."""
        num_images = len(self.calibration) + len(self.images)
        free = self.memory_bytes - sum(level.nbytes for level in self._levels)
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


def _run(segments: list[nn.Module], x: Tensor, kept: Collection[int]) -> _Passed:
    reached: dict[int, Tensor] = {}
    for i, segment in enumerate(segments):
        x = segment(x)
        if i in kept:
            reached[i] = x
    return _Passed(labels=x.argmax(1), reached=reached)


@contextmanager
def _repeatable(device: torch.device) -> Iterator[None]:
    """Compute what does not depend on how many threads there are, nor on the run."""
    with one_thread(), ExitStack() as stack:
        if device.type == "cuda":
            cudnn: Any = torch.backends.cudnn
            for module, name, value in (
                (cudnn, "deterministic", True),
                (cudnn, "benchmark", False),
                (cudnn.conv, "fp32_precision", "ieee"),  # no TF32
                (torch.backends.cuda.matmul, "fp32_precision", "ieee"),
            ):
                stack.callback(setattr, module, name, getattr(module, name))
                setattr(module, name, value)
        yield
