"""The engines of a bundle: the portable ONNX file, and the one that the device is meant to run.

An engine that cannot run where it is built is shipped all the same, marked as unchecked with the
reason; whoever holds the device runs ``ofa verify`` there.
"""

import contextlib
import functools
import hashlib
import io
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
from torch import nn

from ofa import artifacts
from ofa.deploy.cache import EngineCache
from ofa.errors import BadArtifact, OfaError
from ofa.evaluate import QuantizationImages
from ofa.runtime import RUNTIMES, AbstractSession, Precision, Source, with_precision

PORTABLE_RUNTIME = "onnxruntime"
"""What runs the portable file, wherever a device's own runtime cannot be had."""


@dataclass(frozen=True, kw_only=True)
class EngineRequest:
    """What to build.

    Attributes:
        runtime: Key of ``RUNTIMES``.
        precision: Arithmetic.
        capability: Hardware to build for; ``None`` if engines run wherever the runtime does.
    """

    runtime: str
    precision: Precision
    capability: str | None = None

    def __post_init__(self) -> None:
        if self.runtime not in RUNTIMES:
            raise OfaError(
                f"runtime: {self.runtime!r} builds no engines here; use one of "
                f"{', '.join(sorted(RUNTIMES))}"
            )
        RUNTIMES[self.runtime].check_precision(self.precision)

    @property
    def name(self) -> str:
        """Runtime, precision and capability in one word: ``tensorrt_rtx-fp16-sm89``."""
        parts = (self.runtime, self.precision, self.capability)
        return "-".join(part for part in parts if part)

    def made_by(self) -> dict[str, object]:
        """The request, and all that may make another engine of the same network elsewhere."""
        runtime = RUNTIMES[self.runtime]
        return asdict(self) | {
            "version": runtime.version(),
            "builders": runtime.builders(),
            "onnxruntime": RUNTIMES[PORTABLE_RUNTIME].version(),
            "code": _code(),
            "bound_to": runtime.bound_to(),
        }


PORTABLE = EngineRequest(runtime=PORTABLE_RUNTIME, precision="fp32")


@dataclass(frozen=True, kw_only=True, eq=False)
class BuiltEngine:
    """An engine, and a session of it where it can run here.

    Attributes:
        request: What was asked.
        version: Version of the runtime that built it.
        onnx: The graph it was built from, in its precision.
        files: Its files by name; the first is loaded.
        session: Runs it; ``None`` if it cannot run here.
        unchecked: Why it cannot.
        forms: Sessions of the files that are the same engine in another form, by name.
    """

    request: EngineRequest
    version: str
    onnx: bytes
    files: Mapping[str, bytes]
    session: AbstractSession | None
    unchecked: str = ""
    forms: Mapping[str, AbstractSession] = field(default_factory=dict)

    @property
    def num_bytes(self) -> int:
        """Size of what is loaded: the first file, and those that the runtime loads with it."""
        loaded = (next(iter(self.files)), *RUNTIMES[self.request.runtime].loaded_with)
        return sum(len(self.files[name]) for name in loaded)


def build_engine(
    onnx: bytes,
    net: nn.Module,
    request: EngineRequest,
    *,
    images: QuantizationImages,
    cache: EngineCache,
    threads: int,
) -> BuiltEngine:
    """Build an engine, or take the one that an equal request built before, in the same way.

    Args:
        onnx: The network in full precision.
        net: The same, in torch, batch norm folded.
        images: What settles how an 8-bit graph is quantized, as the engine takes them.

    Raises:
        OfaError: If the runtime is missing or refuses the network; tells the mend.
    """
    runtime = RUNTIMES[request.runtime]
    settling = [image_digest(part) for part in (images.calibration, images.search, images.labels)]
    key = {
        "onnx": hashlib.sha256(onnx).hexdigest(),
        "engine": request.made_by(),
        "images": settling if request.precision == "int8" else None,
    }

    def graph() -> dict[str, bytes]:
        return {"graph.onnx": in_precision(onnx, request, images)}

    precise = cache.get({**key, "part": "graph"}, graph)["graph.onnx"]
    source = Source(onnx=precise, precision=request.precision, net=net, images=images.calibration)
    files = cache.get(
        {**key, "part": "engine"},
        lambda: runtime.build(source, capability=request.capability),
    )
    session, unchecked = load_engine(request.runtime, files, threads=threads)
    return BuiltEngine(
        request=request,
        version=runtime.version(),
        onnx=precise,
        files=files,
        session=session,
        unchecked=unchecked,
        forms=runtime.load_forms(files, threads=threads),
    )


def load_engine(
    runtime: str, files: Mapping[str, bytes], *, threads: int
) -> tuple[AbstractSession | None, str]:
    """A session of an engine and no reason, or no session and why it cannot run here.

    Raises:
        BadArtifact: If the files are no engine of the runtime.
    """
    try:
        return RUNTIMES[runtime].load(files, threads=threads), ""
    except BadArtifact:
        raise
    except OfaError as error:  # the runtime or its hardware is not here
        return None, " ".join(str(error).split())


def in_precision(onnx: bytes, request: EngineRequest, images: QuantizationImages) -> bytes:
    """The graph of a request: precision lives in it, unless the runtime quantizes by itself."""
    if not RUNTIMES[request.runtime].lowers_graph(request.precision):
        return onnx
    # ONNX Runtime's calibrators print their progress, which is no part of any result.
    with contextlib.redirect_stdout(io.StringIO()):
        return with_precision(
            onnx,
            request.precision,
            profile=RUNTIMES[request.runtime].profile,
            calibration=images.calibration if request.precision == "int8" else None,
            top1=images.top1,
        )


@functools.cache
def _code() -> str:
    """Hash of the sources that build engines, whose mends must reach engines built before."""
    here = Path(__file__).resolve()
    sources = (here, *sorted((here.parent.parent / "runtime").glob("*.py")))
    return artifacts.digest([artifacts.sha256(path) for path in sources])


def image_digest(images: np.ndarray) -> str:
    """SHA-256 of images, or of their labels, in order, with their shape and type."""
    digest = hashlib.sha256(f"{images.dtype} {images.shape}".encode())
    digest.update(np.ascontiguousarray(images).data)
    return digest.hexdigest()
