"""ExecuTorch with XNNPACK: one ``.pte`` program for the CPUs of phones, and of this machine.

It is lowered from the torch form of a network, since it reads no ONNX; 8-bit programs are quantized
by its own quantizer, on the same calibration images as those of the other runtimes. A program takes
one image, as phones do, so that its memory is planned for one.
"""

from typing import Any

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

PROGRAM_FILE = "engine.pte"

_METHOD = "forward"
_MAGIC = b"ET"  # of a program, from its fifth byte on


class ExecuTorchSession(AbstractSession):
    """A loaded program, run one image at a time.

    Raises:
        BadArtifact: If ExecuTorch cannot load it, or it does not map images to logits.
    """

    def __init__(self, program: bytes, *, threads: int = 1) -> None:
        if program[4:6] != _MAGIC:
            raise BadArtifact("engine: is no ExecuTorch program; deploy it again")
        with quiet(), silent_stderr():
            bindings = optional_module("executorch.extension.pybindings.portable_lib")
            runtime = optional_module("executorch.runtime").Runtime.get()
            bindings._unsafe_reset_threadpool(threads)  # the one way to tell it how many
            try:
                self._program = runtime.load_program(
                    program, verification=bindings.Verification.InternalConsistency
                )
                self._method = self._program.load_method(_METHOD)
            except (RuntimeError, KeyError) as error:
                reason = " ".join(str(error).split())
                raise BadArtifact(
                    f"engine: ExecuTorch {EXECUTORCH.version()} cannot load it ({reason}); "
                    "deploy it again"
                ) from error
        facts = self._method.metadata
        images, logits = facts.input_tensor_meta(0), facts.output_tensor_meta(0)
        check_interface([images.sizes()], [logits.sizes()])
        _, in_channels, resolution, _ = images.sizes()
        self._engine = Engine(
            runtime="executorch",
            version=EXECUTORCH.version(),
            provider="XnnpackBackend",
            threads=threads,
            input_type={0: "uint8", 6: "float32"}[images.dtype()],  # torch's own numbers of types
            in_channels=in_channels,
            resolution=resolution,
            num_classes=logits.sizes()[1],
            metadata={},
        )

    def run(self, images: np.ndarray) -> Float32[np.ndarray, "n classes"]:
        """Logits of images given as ``input_type[n, in_channels, resolution, resolution]``."""
        import torch

        check_images(images, self._engine)
        pixels = torch.from_numpy(np.ascontiguousarray(images))
        singles = (pixels[i : i + 1] for i in range(len(pixels)))
        return np.concatenate([self._method.execute([one])[0].numpy().copy() for one in singles])

    def describe(self) -> Engine:
        """What the engine is, for manifests and reports."""
        return self._engine


def _build(source: Source, capability: str | None) -> EngineFiles:
    import torch

    from ofa.runtime.xnnpack import narrowed

    image, net = torch.from_numpy(source.images[:1]), source.net.eval()
    if source.precision != "int8":  # in 8 bits each part of a sum would be rounded by itself
        net = narrowed(net)
    with quiet():
        lowering = optional_module("executorch.exir")
        xnnpack = optional_module("executorch.backends.xnnpack.partition.xnnpack_partitioner")
        program = torch.export.export(net, (image,), strict=False)
        if source.precision == "int8":
            quantized = _quantized(program.module(), source.images)
            program = torch.export.export(quantized, (image,), strict=False)
        lowered = lowering.to_edge_transform_and_lower(
            program, partitioner=[xnnpack.XnnpackPartitioner()]
        )
        return {PROGRAM_FILE: bytes(lowered.to_executorch().buffer)}


def _quantized(net: Any, calibration: np.ndarray) -> Any:
    """The network with 8-bit convolutions and products, ranges as seen on the images."""
    import torch

    # The float32 network is quantized anew: XNNPACK takes no graph that another quantizer made.
    quantizer = optional_module("executorch.backends.xnnpack.quantizer.xnnpack_quantizer")
    pt2e = optional_module("torchao.quantization.pt2e.quantize_pt2e")
    config = quantizer.get_symmetric_quantization_config(is_per_channel=True)
    observed = pt2e.prepare_pt2e(net, quantizer.XNNPACKQuantizer().set_global(config))
    for i in range(len(calibration)):
        observed(torch.from_numpy(calibration[i : i + 1]))
    return pt2e.convert_pt2e(observed)


def _load(files: EngineFiles, threads: int) -> ExecuTorchSession:
    return ExecuTorchSession(engine_file(files, PROGRAM_FILE), threads=threads)


EXECUTORCH = Runtime(
    name="executorch",
    distribution="executorch",
    requirement="ofa-toolkit[executorch]",
    profile=UNSIGNED,
    precisions=("fp32", "int8"),
    quantizer="XNNPACKQuantizer, symmetric weights by output channel",
    builder=_build,
    loader=_load,
)
