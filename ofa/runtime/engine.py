"""What every runtime offers: build an engine from a network, load it, run it, tell what it is.

A runtime is data and two functions, so that adding one means writing two functions; what all share
(is the package there, is the capability known) is checked here, once, in the same words.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module, metadata
from typing import TYPE_CHECKING, Any, ClassVar, Literal, get_args

import numpy as np
from jaxtyping import Float32

from ofa.errors import BadArtifact, EngineRefused, MissingExtra, OfaError
from ofa.runtime.quantization import Profile

if TYPE_CHECKING:
    from torch import nn

Precision = Literal["fp32", "fp16", "int8"]

EngineFiles = Mapping[str, bytes]
"""The files of an engine by name; the first is the one that is loaded."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Source:
    """A network in the forms that runtimes build engines from.

    Attributes:
        onnx: ONNX file, as ``export_onnx`` or ``with_precision`` wrote it: pixels to logits.
        precision: Arithmetic of the engine; that of ``onnx``, unless the runtime quantizes ``net``.
        net: The same network in torch and float32, batch norm folded, for runtimes that read no
            ONNX.
        images: Images as it takes them: the first for an example, all to set the ranges of an 8-bit
            engine that is not made from ``onnx``.
    """

    onnx: bytes
    precision: Precision
    net: "nn.Module"
    images: np.ndarray


@dataclass(frozen=True, kw_only=True)
class Engine:
    """What a loaded engine is.

    Attributes:
        runtime: Library.
        version: Version of the library.
        provider: Part of the library that computes.
        threads: Threads of one run.
        input_type: ``uint8`` or ``float32``.
        in_channels: Channels of an image.
        resolution: Height and width of an image, px.
        num_classes: Logits of an image.
        metadata: What the exporter recorded in the file; empty where the format has no room for it.
        is_emulated: Whether another processor is imitated: logits count, timings do not.
    """

    runtime: str
    version: str
    provider: str
    threads: int
    input_type: str
    in_channels: int
    resolution: int
    num_classes: int
    metadata: Mapping[str, str]
    is_emulated: bool = False


class AbstractSession(ABC):
    """A loaded engine, ready to run.

    Attributes:
        is_thread_safe: Whether several threads may run it at once.
    """

    is_thread_safe: ClassVar[bool] = False

    @abstractmethod
    def run(self, images: np.ndarray) -> Float32[np.ndarray, "n classes"]:
        """Logits of images given as ``input_type[n, in_channels, resolution, resolution]``.

        Raises:
            OfaError: If the images are of another type or shape.
        """

    @abstractmethod
    def describe(self) -> Engine:
        """What the engine is, for manifests and reports."""


@dataclass(frozen=True, kw_only=True)
class Runtime:
    """One way to run networks.

    Attributes:
        name: As ``device.yaml`` names it.
        distribution: Python package whose version is the runtime's.
        alternatives: Packages that bring the same library in its place.
        builds_with: Packages without which engines are run, but not built.
        requirement: What pip installs to have it all.
        profile: How its 8-bit graphs look.
        quantizer: Method by which it quantizes ``Source.net`` itself; empty where an engine of
            lower precision is made from the ONNX file in that precision.
        precisions: Arithmetics in which it builds engines.
        capabilities: Kinds of hardware that an engine can be built for ahead of time; empty where
            an engine runs anywhere the runtime does, or only where it was built.
        builder: Turns a network into the files of an engine for one capability or ``None``.
        loader: Makes a session of the files of an engine, given the number of threads.
        loaded_with: Names of the files that are loaded along with the first; any other file is the
            same engine in another form.
        forms_loader: Makes a session of each such other file, by its name; of engines alone that
            were built here, since those files are not judged.
        bound_to: Names the hardware here that an engine without a capability runs on alone; empty
            where it runs wherever the runtime does.
    """

    name: str
    distribution: str
    requirement: str
    profile: Profile
    alternatives: tuple[str, ...] = ()
    builds_with: tuple[str, ...] = ()
    quantizer: str = ""
    precisions: tuple[Precision, ...] = get_args(Precision)
    capabilities: tuple[str, ...] = ()
    builder: Callable[[Source, str | None], EngineFiles]
    loader: Callable[[EngineFiles, int], AbstractSession]
    loaded_with: tuple[str, ...] = ()
    forms_loader: Callable[[EngineFiles, int], Mapping[str, AbstractSession]] | None = None
    bound_to: Callable[[], str] = lambda: ""

    def available(self) -> bool:
        """Whether engines can be built here, and run if the hardware is there."""
        return self._installed() is not None and all(self.builders().values())

    def version(self) -> str:
        """Version of the installed runtime.

        Raises:
            MissingExtra: If it is not installed; gives the command that mends it.
        """
        version = self._installed()
        if version is None:
            raise self._missing("is not installed")
        return version

    def builders(self) -> dict[str, str | None]:
        """Versions of the packages that only building needs, by name."""
        return {package: _installed_version(package) for package in self.builds_with}

    def check_precision(self, precision: Precision) -> None:
        """Refuse a precision in which the runtime builds no engines.

        Raises:
            EngineRefused: Names those in which it does.
        """
        if precision not in self.precisions:
            raise EngineRefused(
                f"{self.name}: builds no engines in {precision}; choose --precision "
                f"{' or '.join(self.precisions)}, or another --runtime"
            )

    def lowers_graph(self, precision: Precision) -> bool:
        """Whether ``Source.onnx`` has to be in the precision; else it stays in float32."""
        return precision != "fp32" and not self.quantizer

    def build(self, source: Source, *, capability: str | None = None) -> EngineFiles:
        """The files of an engine.

        Args:
            capability: Hardware to build for; ``None`` for what runs wherever the runtime can.

        Raises:
            MissingExtra: If the runtime, or what it builds with, is not installed.
            MissingHardware: If it builds only where a device is that is not here.
            EngineRefused: If it builds none in the precision, the capability is unknown, or the
                runtime refuses the network for it.
        """
        self.version()
        for package, version in self.builders().items():
            if version is None:
                raise self._missing(f"builds engines with {package}, which is not installed")
        self.check_precision(source.precision)
        if capability is not None and self.capabilities and capability not in self.capabilities:
            raise EngineRefused(
                f"{self.name}: builds nothing for {capability!r}; choose one of "
                f"{', '.join(self.capabilities)}"
            )
        if capability is not None and not self.capabilities:
            raise EngineRefused(
                f"{self.name}: its engines are not bound to a capability; leave {capability!r} out"
            )
        return self.builder(source, capability)

    def load(self, files: EngineFiles, *, threads: int = 1) -> AbstractSession:
        """A session of the files of an engine.

        Raises:
            MissingExtra: If the runtime is not installed.
            MissingHardware: If the engine runs only on a device that is not here.
            BadArtifact: If the files are no engine of this runtime.
        """
        self.version()
        return self.loader(files, threads)

    def load_forms(self, files: EngineFiles, *, threads: int = 1) -> Mapping[str, AbstractSession]:
        """Sessions of the other forms of an engine that was built here, by file name."""
        return {} if self.forms_loader is None else self.forms_loader(files, threads)

    def _missing(self, what: str) -> MissingExtra:
        return MissingExtra(f"{self.name}: {what}; pip install '{self.requirement}'")

    def _installed(self) -> str | None:
        found = map(_installed_version, (self.distribution, *self.alternatives))
        return next((version for version in found if version is not None), None)


def engine_file(files: EngineFiles, name: str) -> bytes:
    """One file of an engine.

    Raises:
        BadArtifact: If the engine lacks it.
    """
    if name not in files:
        found = ", ".join(sorted(files)) or "nothing"
        raise BadArtifact(f"engine: lacks {name} (found {found}); build it again")
    return files[name]


def check_interface(
    inputs: Sequence[Sequence[object]], outputs: Sequence[Sequence[object]]
) -> None:
    """Refuse what does not map a batch of square images to a batch of logits.

    Args:
        inputs: Shape of each input, of which there must be one.
        outputs: Shape of each output, likewise.

    Raises:
        BadArtifact: Names the shapes.
    """
    if [len(shape) for shape in inputs] != [4] or [len(shape) for shape in outputs] != [2]:
        raise BadArtifact(
            "engine: does not map one batch of images to one batch of logits; give an engine of ofa"
        )
    (_, in_channels, height, width), (_, num_classes) = inputs[0], outputs[0]
    if (
        not all(isinstance(size, int) for size in (in_channels, height, num_classes))
        or height != width
    ):
        raise BadArtifact(
            f"engine: takes images of {in_channels}x{height}x{width}; give an engine of ofa"
        )


def check_images(images: np.ndarray, engine: Engine) -> None:
    """Refuse images that an engine does not take.

    Raises:
        OfaError: Says what is needed.
    """
    shape = (engine.in_channels, engine.resolution, engine.resolution)
    if images.dtype.name != engine.input_type or images.ndim != 4 or images.shape[1:] != shape:
        expected = ", ".join(str(size) for size in shape)
        raise OfaError(
            f"engine: takes {engine.input_type}[n, {expected}], but the images are "
            f"{images.dtype}{list(images.shape)}; resize them to {engine.resolution} px "
            f"and convert them to {engine.input_type}"
        )


def optional_module(name: str) -> Any:
    """A module of a package that not every installation has; ``Runtime`` checks that it is there.

    Imported by name, so that type checking does not depend on what is installed.
    """
    return import_module(name)


def _installed_version(distribution: str) -> str | None:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None
