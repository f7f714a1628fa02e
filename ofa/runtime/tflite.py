"""LiteRT, which was TensorFlow Lite: one ``.tflite`` file for phones, and for this machine.

It is converted from the torch form of a network, since the converter reads no ONNX; 8-bit files are
made by LiteRT's own quantizer, on the same calibration images as those of the other runtimes. A
file takes one image, as phones do. A half-precision file holds the weights in half precision, and
leaves it to the device whether to compute in it: this machine does not.
"""

import numpy as np
from jaxtyping import Float32

from ofa.errors import BadArtifact
from ofa.runtime.engine import (
    AbstractSession,
    Engine,
    EngineFiles,
    Runtime,
    Source,
    check_images,
    check_interface,
    engine_file,
    optional_module,
)
from ofa.runtime.quantization import UNSIGNED
from ofa.runtime.quiet import quiet, silent_stderr
from ofa.runtime.tflite_quantizer import quantized

MODEL_FILE = "engine.tflite"

_MAGIC = b"TFL3"  # from the fifth byte on


class TfliteSession(AbstractSession):
    """A loaded file, run one image at a time.

    Raises:
        BadArtifact: If LiteRT cannot load it, or it does not map images to logits.
    """

    def __init__(self, model: bytes, *, threads: int = 1) -> None:
        if model[4:8] != _MAGIC:
            raise BadArtifact("engine: is no LiteRT file; deploy it again")
        with quiet(), silent_stderr():
            interpreter = optional_module("ai_edge_litert.interpreter")
            try:
                self._interpreter = interpreter.Interpreter(
                    model_content=model, num_threads=threads
                )
                self._interpreter.allocate_tensors()
            except (ValueError, RuntimeError) as error:
                reason = " ".join(str(error).split())
                raise BadArtifact(
                    f"engine: LiteRT {TFLITE.version()} cannot load it ({reason}); deploy it again"
                ) from error
        inputs, outputs = (
            [details["shape"].tolist() for details in tensors]
            for tensors in (
                self._interpreter.get_input_details(),
                self._interpreter.get_output_details(),
            )
        )
        check_interface(inputs, outputs)
        (image,) = self._interpreter.get_input_details()
        (logits,) = self._interpreter.get_output_details()
        types = np.dtype(image["dtype"]).name, np.dtype(logits["dtype"]).name
        if types[0] not in ("uint8", "float32") or types[1] != "float32":
            raise BadArtifact(f"engine: maps {types[0]} to {types[1]}; give an engine of ofa")
        self._image, self._logits = image["index"], logits["index"]
        self._engine = Engine(
            runtime="tflite",
            version=TFLITE.version(),
            provider="XNNPACK",
            threads=threads,
            input_type=types[0],
            in_channels=inputs[0][1],
            resolution=inputs[0][2],
            num_classes=outputs[0][1],
            metadata={},
        )

    def run(self, images: np.ndarray) -> Float32[np.ndarray, "n classes"]:
        """Logits of images given as ``input_type[n, in_channels, resolution, resolution]``."""
        check_images(images, self._engine)
        return np.concatenate([self._run(images[i : i + 1]) for i in range(len(images))])

    def describe(self) -> Engine:
        """What the engine is, for manifests and reports."""
        return self._engine

    def _run(self, image: np.ndarray) -> np.ndarray:
        self._interpreter.set_tensor(self._image, image)
        self._interpreter.invoke()
        return self._interpreter.get_tensor(self._logits)


def _build(source: Source, capability: str | None) -> EngineFiles:
    import torch

    from ofa.runtime.xnnpack import narrowed

    image, net = torch.from_numpy(source.images[:1]), source.net.eval()
    if source.precision != "int8":  # in 8 bits each part of a sum would be rounded by itself
        net = narrowed(net)
    with quiet(), silent_stderr():
        converted = optional_module("litert_torch").convert(net, (image,))
        model = converted.model_content()
        if source.precision != "fp32":
            model = quantized(
                model,
                source.precision,
                calibration=source.images,
                logits=lambda made: TfliteSession(made).run(source.images),
            )
    return {MODEL_FILE: model}


def _load(files: EngineFiles, threads: int) -> TfliteSession:
    return TfliteSession(engine_file(files, MODEL_FILE), threads=threads)


TFLITE = Runtime(
    name="tflite",
    distribution="ai-edge-litert",
    requirement="ofa-toolkit[tflite]",
    builds_with=("litert-torch",),
    profile=UNSIGNED,
    quantizer="LiteRT's, ranges that keep the logits nearest, weights by output channel",
    builder=_build,
    loader=_load,
)
