"""Runtimes by the name that ``device.yaml`` gives them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import metadata

from ofa.errors import OfaError
from ofa.runtime.onnxruntime import OrtSession
from ofa.runtime.precision import Profile


@dataclass(frozen=True, kw_only=True)
class Runtime:
    """One way to run networks."""

    name: str
    profile: Profile
    builder: Callable[[bytes, str | None], Mapping[str, bytes]]
    loader: Callable[[Mapping[str, bytes], int], OrtSession]

    def version(self) -> str:
        """Version of the installed runtime."""
        return metadata.version(self.name)

    def build(self, onnx: bytes, *, capability: str | None = None) -> Mapping[str, bytes]:
        """The files of an engine."""
        if capability is not None:
            raise OfaError(f"{self.name}: its engines are not bound to a capability; leave it out")
        return self.builder(onnx, capability)

    def load(self, files: Mapping[str, bytes], *, threads: int = 1) -> OrtSession:
        """A session of the files of an engine."""
        return self.loader(files, threads)


RUNTIMES: dict[str, Runtime] = {
    "onnxruntime": Runtime(
        name="onnxruntime",
        profile=Profile(),
        builder=lambda onnx, capability: {"engine.onnx": onnx},
        loader=lambda files, threads: OrtSession(files["engine.onnx"], threads=threads),
    )
}
