"""The ladder from supernet to engines: each form of a network is compared with the one before it.

Every form (the supernet, torch modules, an ONNX file, an engine) is a function from raw pixels to
logits here. The logits of a form are computed once, since its accuracy is counted on them as well.
Forms of full precision must agree to rounding, so that a label can differ only where two logits tie
to rounding; of reduced precision, whose logits differ by design, the loss of accuracy is bounded.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import torch
from jaxtyping import Int64, UInt8
from torch import Tensor, nn

from ofa.evaluate import Forward, Logits

MAX_LOGIT_ERROR = 1e-4
MAX_TOP1_DROP = {"fp16": 0.1, "int8": 0.5}
"""Percentage points of top-1 that reduced precision may cost."""


@dataclass(frozen=True, kw_only=True)
class Form:
    """One form of a network.

    Attributes:
        name: What it is, e.g. ``subnet`` or ``onnxruntime-int8``.
        precision: ``fp32``, ``fp16`` or ``int8``.
        logits: Its logits on the images of the ladder.
    """

    name: str
    precision: str
    logits: Logits


@dataclass(frozen=True, kw_only=True)
class Rung:
    """How far two forms of one network lie apart.

    Attributes:
        name: What is compared with what, e.g. ``subnet to ONNX``.
        precision: Precision of the upper form, by which the rung is judged.
        max_abs_error: Largest difference of any logit; ``None`` if one is not a number.
        num_images: Images compared.
        num_top1_differing: Images whose largest logit is another one.
        top1: Top-1 of the upper form, percent.
        top1_drop: Points by which that is less than the lower form's.
    """

    name: str
    precision: str
    max_abs_error: float | None
    num_images: int
    num_top1_differing: int
    top1: float
    top1_drop: float

    @property
    def bar(self) -> str:
        """What the rung is judged by."""
        if self.precision in MAX_TOP1_DROP:
            return f"top-1 at most {MAX_TOP1_DROP[self.precision]} points lower"
        return f"logits within {MAX_LOGIT_ERROR:g}, same labels but for ties within that"

    @property
    def holds(self) -> bool:
        """Whether the rung keeps its bar."""
        if self.max_abs_error is None:
            return False
        if self.precision in MAX_TOP1_DROP:
            # Counts of images are whole: a drop of exactly the bound is one that binary
            # fractions may show as slightly more.
            return self.top1_drop <= MAX_TOP1_DROP[self.precision] + 1e-9
        return self.max_abs_error <= MAX_LOGIT_ERROR

    def __str__(self) -> str:
        error = "not a number" if self.max_abs_error is None else f"{self.max_abs_error:.2g}"
        return (
            f"{self.name}: logits differ by up to {error}, {self.num_top1_differing} of "
            f"{self.num_images} images get another label, top-1 is {self.top1_drop:.2f} points "
            f"lower (the bar: {self.bar})"
        )


@dataclass(frozen=True, kw_only=True)
class Ladder:
    """All rungs, from the supernet to the engines.

    Attributes:
        rungs: In order.
        unchecked: Engines that cannot run here, and why not.
    """

    rungs: tuple[Rung, ...]
    unchecked: Mapping[str, str] = field(default_factory=dict)

    @property
    def failing(self) -> Rung | None:
        """The first rung that misses its bar."""
        return next((rung for rung in self.rungs if not rung.holds), None)


def climb(
    trunk: Sequence[Form],
    engines: Sequence[Form],
    labels: Int64[np.ndarray, "n"],
    *,
    unchecked: Mapping[str, str] | None = None,
) -> Ladder:
    """Compare each form of the trunk with the one before it, and each engine with the last.

    Args:
        trunk: At least one form, in the order in which each is made from the one before it.
        engines: Forms made from the last of the trunk.
        unchecked: Engines that cannot run here, and why not.
    """
    assert trunk
    pairs = [*pairwise(trunk), *((trunk[-1], engine) for engine in engines)]
    rungs = tuple(compare(below, above, labels) for below, above in pairs)
    return Ladder(rungs=rungs, unchecked=dict(unchecked or {}))


def compare(below: Form, above: Form, labels: Int64[np.ndarray, "n"]) -> Rung:
    """The rung between two forms."""
    assert below.logits.shape == above.logits.shape and len(labels) == len(below.logits) > 0
    error = float(np.abs(below.logits - above.logits).max())
    before, after = below.logits.argmax(1), above.logits.argmax(1)
    top1 = 100 * float((after == labels).mean())
    return Rung(
        name=f"{below.name} to {above.name}",
        precision=above.precision,
        max_abs_error=error if np.isfinite(error) else None,
        num_images=len(labels),
        num_top1_differing=int((before != after).sum()),
        top1=top1,
        top1_drop=100 * float((before == labels).mean()) - top1,
    )


def torch_logits(net: nn.Module, normalize: Callable[[Tensor], Tensor]) -> Forward:
    """A network in evaluation mode, as a function of raw pixels."""

    @torch.inference_mode()
    def logits(images: UInt8[np.ndarray, "n c h w"]) -> Logits:
        return net(normalize(torch.from_numpy(images))).numpy()

    return logits
