"""Weights in the reference project's ``.pth`` files, read without running what they contain.

A ``.pth`` file is a pickle, which can execute any code when it is read in full. Torch's restricted
reader rebuilds tensors and plain containers alone; we add numpy scalars, since old checkpoints
record their best accuracy as one. Whatever else a file asks for is refused by name. Then every
tensor is checked against the network it is for: none missing, none unknown, every shape equal.
"""

import io
import struct
import zipfile
from collections import OrderedDict
from collections.abc import Collection, Mapping
from pathlib import Path
from pickle import UnpicklingError

import numpy as np
import torch
from torch import Tensor, nn

from ofa import artifacts
from ofa.errors import BadArtifact
from ofa.reference.keys import subnet_keys, supernet_keys
from ofa.space import Network, ResNetNetwork, ResNetSpace, SearchSpace
from ofa.subnet import build_subnet
from ofa.supernets import build_supernet

State = dict[str, Tensor]

_MAX_BYTES = 4 * 2**30
_NUMPY_SCALAR = np.float64(0).__reduce__()[0]
_SAFE = [
    np.dtype,
    *(type(np.dtype(kind)) for kind in ("f2", "f4", "f8", "i4", "i8", "?")),
    # numpy renamed the module in 2.0; files hold either name.
    *((_NUMPY_SCALAR, f"numpy.{core}.multiarray.scalar") for core in ("core", "_core")),
]


def read_state(path: Path) -> State:
    """Tensors of a checkpoint, by the reference's current names.

    Zip and legacy files are read; the state dictionary may be nested under ``state_dict``; prefixes
    that data-parallel training adds are dropped, and the older spelling of a block is brought up to
    date.

    Raises:
        BadArtifact: If the file is missing, corrupt, asks for code to run, or holds something else.
    """
    data = artifacts.read_bytes(path, max_bytes=_MAX_BYTES)
    content = _load(data, where=str(path))
    while isinstance(content, Mapping) and isinstance(content.get("state_dict"), Mapping):
        content = content["state_dict"]
    if not isinstance(content, Mapping) or not content:
        raise BadArtifact(
            f"{path}: holds no state_dict; give a checkpoint of the reference project"
        )
    state: State = {}
    for key, tensor in content.items():
        if not isinstance(key, str) or not isinstance(tensor, Tensor):
            raise BadArtifact(
                f"{path}: entry {key!r} is {type(tensor).__name__}, but a state_dict holds "
                "tensors alone"
            )
        name = key.removeprefix("module.").replace(".mobile_inverted_conv.", ".conv.")
        if name in state:
            raise BadArtifact(f"{path}: holds {name} twice, once as {key}; remove one of the two")
        state[name] = tensor
    return state


def write_state(path: Path, state: Mapping[str, Tensor]) -> None:
    """Write a checkpoint that the reference loads: a zip file with a nested ``state_dict``."""
    buffer = io.BytesIO()
    torch.save({"state_dict": OrderedDict(state)}, buffer)
    artifacts.write_atomically(path, buffer.getvalue())


def supernet_state(
    state: Mapping[str, Tensor], space: SearchSpace | ResNetSpace, *, where: str
) -> State:
    """A supernet's tensors by our names, from tensors by the reference's.

    Each tensor may be spelled as in the elastic network or as in the static network of the largest
    arch, one by one; kernels spelled as static ones may come without transforms, which then start
    as identity.

    Args:
        where: Name of the source in messages.

    Raises:
        BadArtifact: Names the first missing, unknown, misshapen or ambiguous tensor.
    """
    keys, optional = _spelled_as_in(state, space, where=where)
    with torch.device("meta"):
        supernet = build_supernet(space)
    ours = _matched(state, keys, supernet, where=where, optional=optional)
    for name, parameter in supernet.named_parameters():
        if name in optional and name not in ours:
            ours[name] = torch.eye(len(parameter))
    return ours


def subnet_state(
    state: Mapping[str, Tensor],
    net: Network | ResNetNetwork,
    *,
    where: str,
    positions: tuple[int, ...] | None = None,
) -> State:
    """A static network's tensors by our names, from tensors by the reference's.

    Args:
        where: Name of the source in messages.
        positions: As in ``subnet_keys``.

    Raises:
        BadArtifact: Names the first missing, unknown or misshapen tensor.
    """
    with torch.device("meta"):
        static = build_subnet(net)
    return _matched(state, subnet_keys(net, positions=positions), static, where=where)


def reference_state(state: Mapping[str, Tensor], keys: Mapping[str, str]) -> State:
    """Tensors by the reference's names and in its order, from tensors by ours; no bit is changed.

    Args:
        keys: ``supernet_keys`` or ``subnet_keys`` of the network.
    """
    return {theirs: state[ours] for theirs, ours in keys.items()}


def _spelled_as_in(
    state: Mapping[str, Tensor], space: SearchSpace | ResNetSpace, *, where: str
) -> tuple[dict[str, str], set[str]]:
    """Our names by the spelling that a file uses of each, and those of them that it may leave out.

    What it lacks altogether gets the spelling of the rest.
    """
    elastic = supernet_keys(space)
    static = {ours: theirs for theirs, ours in supernet_keys(space, elastic=False).items()}
    both = elastic.keys() & set(static.values())
    wrapped_alone, plain_alone = elastic.keys() - both, set(static.values()) - both
    is_static = bool(state.keys() & plain_alone) and not state.keys() & wrapped_alone
    keys: dict[str, str] = {}
    for wrapped, ours in elastic.items():
        plain = static.get(ours, wrapped)
        if plain != wrapped and plain in state and wrapped in state:
            raise BadArtifact(
                f"{where}: holds one tensor twice, as {wrapped} and as {plain}; remove one of them"
            )
        keys[plain if plain in state or (is_static and wrapped not in state) else wrapped] = ours
    spelling = {ours: theirs for theirs, ours in keys.items()}
    optional = {
        ours
        for ours in spelling
        if ".transforms." in ours
        and (weight := ours.partition(".transforms.")[0] + ".weight") in static
        and spelling[weight] == static[weight]
    }
    return keys, optional


def _load(data: bytes, *, where: str) -> object:
    buffer = io.BytesIO(data)
    try:
        if zipfile.is_zipfile(buffer):
            # Torch stores tensors uncompressed; what unpacks to more than it holds is a trap.
            unpacked = sum(part.file_size for part in zipfile.ZipFile(buffer).infolist())
            if unpacked > len(data):
                raise BadArtifact(f"{where}: unpacks to {unpacked:,} bytes; it is not a torch file")
        buffer.seek(0)
        with torch.serialization.safe_globals(_SAFE):
            return torch.load(buffer, map_location="cpu", weights_only=True)
    except BadArtifact:
        raise
    except UnpicklingError as error:
        # Torch wraps the reason, its context, in advice to switch the protection off.
        reason = str(error.__context__ or error).split("\n")[0].removesuffix(".")
        raise BadArtifact(
            f"{where}: cannot be read as plain tensors ({reason}); copy it again from its "
            "publisher, or save its state_dict alone"
        ) from error
    except (
        RuntimeError, ValueError, TypeError, KeyError, IndexError, AttributeError, EOFError,
        AssertionError, OverflowError, MemoryError, struct.error, zipfile.BadZipFile,
    ) as error:  # fmt: skip
        kind = type(error).__name__
        raise BadArtifact(f"{where}: not a readable torch file ({kind}); copy it again") from error


def _matched(
    state: Mapping[str, Tensor],
    keys: Mapping[str, str],
    net: nn.Module,
    *,
    where: str,
    optional: Collection[str] = (),
) -> State:
    """``state`` by our names, once it is exactly what ``net`` holds."""
    wanted = net.state_dict()
    assert wanted.keys() == set(keys.values())
    problems = []
    if missing := [key for key in keys if key not in state and keys[key] not in optional]:
        problems.append(f"lacks {len(missing)} of {len(keys)} tensors, first {missing[0]}")
    if unknown := [key for key in state if key not in keys]:
        problems.append(f"holds {len(unknown)} unknown tensors, first {unknown[0]}")
    for theirs, ours in keys.items():
        if theirs not in state:
            continue
        found, expected = state[theirs], wanted[ours]
        if found.shape != expected.shape:
            shapes = f"{tuple(found.shape)}, but {tuple(expected.shape)} is needed"
            problems.append(f"{theirs} has shape {shapes}")
            break
        if found.dtype != expected.dtype:
            problems.append(f"{theirs} is {found.dtype}, but {expected.dtype} is needed")
            break
        if not torch.isfinite(found).all():
            problems.append(f"{theirs} holds values that are not finite")
            break
    if problems:
        raise BadArtifact(f"{where}: {'; '.join(problems)}; name the family it was made as")
    return {
        ours: state[theirs].detach().contiguous()
        for theirs, ours in keys.items()
        if theirs in state
    }
