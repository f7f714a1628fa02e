"""Top-1 of a subnet of a supernet that is still learning, shared out among ranks.

Images lie in recorded chunks; each rank takes its share of these, and sums are exact, so the number
of ranks changes no result.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ofa.data import ImageSet, Normalization, resized
from ofa.space import AnyArch, AnySpace
from ofa.subnet import CHUNK_SIZE, extract, recalibrate_batchnorm_
from ofa.threads import one_thread
from ofa.train.ranks import Ranks


@dataclass(frozen=True, kw_only=True, eq=False)
class Validation:
    """Recalibrates subnets, then counts them on held-out images.

    Attributes:
        space: The supernet's.
        calibration: Images that recalibrate batch norm, in their recorded order.
        images: Images to count on.
    """

    space: AnySpace
    normalization: Normalization
    calibration: ImageSet
    images: ImageSet

    def __call__(self, supernet: nn.Module, arch: AnyArch, ranks: Ranks) -> float:
        """Top-1 in percent."""
        net = extract(supernet, self.space, arch)
        net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        return self.top1(net, arch.resolution, ranks)

    def recalibrate_(self, net: nn.Module, resolution: int, ranks: Ranks) -> None:
        """Give a static net batch-norm statistics of its own."""
        with one_thread():
            chunks = self._chunks(self.calibration, net, resolution, ranks)
            recalibrate_batchnorm_(net, chunks, reduce=ranks.sum)

    @torch.no_grad()
    def top1(
        self, net: nn.Module, resolution: int, ranks: Ranks, *, images: ImageSet | None = None
    ) -> float:
        """Top-1 of a static net after recalibration, in percent; its statistics are replaced."""
        images = images or self.images
        self.recalibrate_(net, resolution, ranks)
        labels = images.labels.split(CHUNK_SIZE)[ranks.rank :: ranks.world]
        hits = 0
        with one_thread():
            chunks = self._chunks(images, net, resolution, ranks)
            for chunk, wanted in zip(chunks, labels, strict=True):
                hits += int((net(chunk).argmax(1).cpu() == wanted).sum())
        device = next(net.parameters()).device
        return 100 * int(ranks.sum(torch.tensor(hits, device=device))) / len(images)

    def _chunks(
        self, images: ImageSet, net: nn.Module, resolution: int, ranks: Ranks
    ) -> Iterator[Tensor]:
        device = next(net.parameters()).device
        for pixels in images.images.split(CHUNK_SIZE)[ranks.rank :: ranks.world]:
            inputs = self.normalization(resized(pixels, resolution).to(device))
            yield inputs.contiguous(memory_format=torch.channels_last)
