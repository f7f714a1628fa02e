"""Agreement of an engine with the network it was made from, checked rung by rung.

Every form of a network (torch modules, an ONNX file, an engine) is a function from images to logits
here. The logits of a rung are computed once, since its accuracy is counted on them as well.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float32, Shaped, UInt8
from torch import Tensor, nn

from ofa.errors import ParityFailure

MAX_LOGIT_ERROR = 1e-4
CHUNK_SIZE = 250

Logits = Float32[np.ndarray, "n classes"]


@dataclass(frozen=True, kw_only=True)
class Parity:
    """How far two forms of one network lie apart.

    Attributes:
        max_abs_error: Largest difference of any logit.
        num_images: Images compared.
        num_top1_differing: Images whose largest logit is another one.
    """

    max_abs_error: float
    num_images: int
    num_top1_differing: int


def torch_logits(
    net: nn.Module, normalize: Callable[[Tensor], Tensor]
) -> Callable[[UInt8[np.ndarray, "n c h w"]], Logits]:
    """A network in evaluation mode, as a function of raw pixels."""

    @torch.inference_mode()
    def logits(images: UInt8[np.ndarray, "n c h w"]) -> Logits:
        return net(normalize(torch.from_numpy(images))).numpy()

    return logits


def run_in_chunks(
    logits: Callable[[np.ndarray], Logits],
    images: Shaped[np.ndarray, "n c h w"],
    *,
    chunk_size: int = CHUNK_SIZE,
) -> Logits:
    """Logits of all images, computed ``chunk_size`` at a time to bound memory."""
    starts = range(0, len(images), chunk_size)
    return np.concatenate([logits(images[start : start + chunk_size]) for start in starts])


def check_parity(reference: Logits, engine: Logits, *, rung: str) -> Parity:
    """Compare the logits of two forms of one network on the same images; refuse any difference.

    Args:
        rung: What is compared with what, e.g. ``torch to ONNX Runtime``.

    Raises:
        ParityFailure: If a logit differs by more than 1e-4, or any image gets another label.
    """
    assert reference.shape == engine.shape and len(reference)
    found = Parity(
        max_abs_error=float(np.abs(reference - engine).max()),
        num_images=len(reference),
        num_top1_differing=int((reference.argmax(1) != engine.argmax(1)).sum()),
    )
    # Written so that a difference that is not a number fails.
    if not (found.max_abs_error <= MAX_LOGIT_ERROR and found.num_top1_differing == 0):
        raise ParityFailure(
            f"{rung}: logits differ by up to {found.max_abs_error:.2g} (the bar is "
            f"{MAX_LOGIT_ERROR:g}) and {found.num_top1_differing} of {found.num_images} images get "
            "another label; the engine was not shipped: try another version of the runtime"
        )
    return found
