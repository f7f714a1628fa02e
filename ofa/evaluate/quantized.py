"""Top-1 of subnets after 8-bit quantization, made by the very code that makes their engines.

What an engine loses depends on how ranges are found and on which images; both are settled here, for
``ofa sample`` and for ``ofa.deploy`` alike, so that a bundle holds the accuracy that was collected.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Int64, Shaped

from ofa.data import ImageSet
from ofa.evaluate.accuracy import Evaluator
from ofa.evaluate.engine import engine_images, run_engine
from ofa.runtime import RUNTIMES, OrtSession, with_precision
from ofa.runtime.onnx_export import export_onnx
from ofa.space import AnyArch

NUM_CALIBRATION_IMAGES = 512
"""Images that set the ranges of an 8-bit engine."""
NUM_METHOD_IMAGES = 2000
"""Images of the search split by which the method of setting them is chosen."""


@dataclass(frozen=True, kw_only=True, eq=False)
class QuantizationImages:
    """What settles how a network is quantized, as its engine takes it.

    Attributes:
        calibration: Images that set the range of every activation.
        search: Images that choose among the methods of doing so; neither trained nor tested on.
        labels: Labels of these.
    """

    calibration: Shaped[np.ndarray, "n c h w"]
    search: Shaped[np.ndarray, "m c h w"]
    labels: Int64[np.ndarray, "m"]

    def top1(self, onnx: bytes) -> float:
        """Accuracy of an ONNX file on the images that choose, percent."""
        predicted = run_engine(OrtSession(onnx), self.search).argmax(1)
        return 100 * float((predicted == self.labels).mean())


def quantization_images(
    calibration: ImageSet, search: ImageSet, *, resolution: int, input_type: str = "uint8"
) -> QuantizationImages:
    """The first images of each set, in their recorded order."""
    first, chosen_on = (
        engine_images(images, resolution=resolution, input_type=input_type)
        for images in (
            calibration.images[:NUM_CALIBRATION_IMAGES],
            search.images[:NUM_METHOD_IMAGES],
        )
    )
    return QuantizationImages(
        calibration=first, search=chosen_on, labels=search.labels[:NUM_METHOD_IMAGES].numpy()
    )


def quantized_top1(evaluator: Evaluator, arch: AnyArch) -> float:
    """Top-1 of the 8-bit engine of ``arch`` for ONNX Runtime, on the evaluator's images, percent.

    Activations are unsigned, as for OpenVINO and Qualcomm's Hexagon too; an engine of another
    profile loses about as much, and is measured when it is deployed.
    """
    net = evaluator.subnet(arch).to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    onnx = export_onnx(
        net,
        in_channels=evaluator.space.in_channels,
        resolution=arch.resolution,
        mean=evaluator.normalization.mean,
        std=evaluator.normalization.std,
    )
    images = quantization_images(
        evaluator.calibration, evaluator.images, resolution=arch.resolution
    )
    engine = with_precision(
        onnx,
        "int8",
        profile=RUNTIMES["onnxruntime"].profile,
        calibration=images.calibration,
        top1=images.top1,
    )
    pixels = engine_images(evaluator.images.images, resolution=arch.resolution, input_type="uint8")
    predicted = run_engine(OrtSession(engine), pixels).argmax(1)
    return 100 * float((predicted == evaluator.images.labels.numpy()).mean())
