"""A loaded TensorRT or TensorRT-RTX engine; torch holds its memory on the GPU."""

from typing import Any

import numpy as np
from jaxtyping import Float32

from ofa.runtime.engine import AbstractSession, Engine, check_images, check_interface


class TensorRtSession(AbstractSession):
    """An engine on the GPU of this machine.

    Raises:
        BadArtifact: If the engine does not map images to logits.
    """

    def __init__(self, engine: Any, *, trt: Any, runtime: str, max_batch: int) -> None:
        names = [engine.get_tensor_name(i) for i in range(engine.num_io_tensors)]
        modes = (trt.TensorIOMode.INPUT, trt.TensorIOMode.OUTPUT)
        inputs, outputs = (
            [name for name in names if engine.get_tensor_mode(name) == mode] for mode in modes
        )
        check_interface(
            [list(engine.get_tensor_shape(name)) for name in inputs],
            [list(engine.get_tensor_shape(name)) for name in outputs],
        )
        self._input, self._output = inputs[0], outputs[0]
        images, logits = (
            list(engine.get_tensor_shape(name)) for name in (self._input, self._output)
        )
        self._context = engine.create_execution_context()
        self._max_batch = max_batch
        self._engine = Engine(
            runtime=runtime,
            version=trt.__version__,
            provider=gpu_name(),
            threads=1,
            input_type=np.dtype(trt.nptype(engine.get_tensor_dtype(self._input))).name,
            in_channels=images[1],
            resolution=images[2],
            num_classes=logits[1],
            metadata={},
        )

    def run(self, images: np.ndarray) -> Float32[np.ndarray, "n classes"]:
        """Logits of images given as ``input_type[n, in_channels, resolution, resolution]``."""
        check_images(images, self._engine)
        starts = range(0, len(images), self._max_batch)
        return np.concatenate(
            [self._run(images[start : start + self._max_batch]) for start in starts]
        )

    def describe(self) -> Engine:
        """What the engine is, for manifests and reports."""
        return self._engine

    def _run(self, images: np.ndarray) -> np.ndarray:
        import torch

        pixels = torch.from_numpy(np.ascontiguousarray(images)).cuda()
        logits = torch.empty(len(images), self._engine.num_classes, device="cuda")
        self._context.set_input_shape(self._input, tuple(pixels.shape))
        self._context.set_tensor_address(self._input, pixels.data_ptr())
        self._context.set_tensor_address(self._output, logits.data_ptr())
        self._context.execute_async_v3(torch.cuda.current_stream().cuda_stream)
        return logits.cpu().numpy()  # waits for the stream


def has_cuda() -> bool:
    """Whether this machine has an NVIDIA GPU that torch can use."""
    import torch

    return torch.cuda.is_available()


def gpu_name() -> str:
    """Product name of the NVIDIA GPU that computes; empty if this machine has none."""
    import torch

    return torch.cuda.get_device_name() if has_cuda() else ""
