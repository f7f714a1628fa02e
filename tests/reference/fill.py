"""Weights and images that follow from their names alone, so that tests need no files.

Every value is a hash of the tensor's reference name and the value's position, scaled as the layer's
role wants, so that activations stay of order one through the whole network.
"""

import json
import zlib
from pathlib import Path

import numpy as np
import torch

from ofa.reference.keys import subnet_keys, supernet_keys
from ofa.reference.weights import supernet_state
from ofa.space import ResNetNetwork
from ofa.subnet import StaticNet, StaticResNet
from ofa.supernets import build_supernet

GOLDEN = json.loads(Path(__file__).with_name("golden.json").read_text())
"""Figures of the reference, run on these weights and images."""


def uniform(name, num):
    """``num`` values in [-1, 1): the splitmix64 finalizer over name and position."""
    with np.errstate(over="ignore"):
        z = np.arange(num, dtype=np.uint64) + np.uint64(zlib.crc32(name.encode()) << 32)
        z += np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z ^= z >> np.uint64(31)
    return (z >> np.uint64(11)).astype(np.float64) / 2**52 - 1


def tensor(name, shape):
    """The tensor that goes by a reference name."""
    if name.endswith("num_batches_tracked"):
        return torch.zeros(shape, dtype=torch.int64)
    signed = uniform(name, int(np.prod(shape))).reshape(shape)
    return torch.from_numpy(_scaled(name, shape, signed).astype(np.float32))


def state(shapes):
    """Tensors by reference name, from shapes by reference name."""
    return {name: tensor(name, tuple(shape)) for name, shape in shapes.items()}


def shapes_of(space, net=None):
    """Shapes by reference name: of a space's supernet, or of one static network of it."""
    with torch.device("meta"):
        if net is None:
            module = build_supernet(space)
        else:
            module = StaticResNet(net) if isinstance(net, ResNetNetwork) else StaticNet(net)
    ours = module.state_dict()
    keys = supernet_keys(space) if net is None else subnet_keys(net)
    return {theirs: list(ours[name].shape) for theirs, name in keys.items()}


def supernet(space, dtype=torch.float64):
    """The supernet of a space with these weights, in evaluation mode."""
    module = build_supernet(space)
    module.load_state_dict(supernet_state(state(shapes_of(space)), space, where="fill"))
    return module.to(dtype).eval()


def choices(arch):
    """An arch of the golden figures, where a string holds one digit an entry."""
    return {key: [int(digit) for digit in digits] for key, digits in arch.items()}


def images(num, size, tag="image"):
    """Deterministic images, float32[num, 3, size, size]."""
    b, c = np.arange(num)[:, None, None, None], np.arange(3)[None, :, None, None]
    y, x = np.arange(size)[None, None, :, None], np.arange(size)[None, None, None, :]
    smooth = np.sin(0.11 * (y + 1) * (c + 1) + 0.7 * b) + np.cos(0.07 * (x + 1) * (1 + b) - 0.5 * c)
    noise = uniform(tag, num * 3 * size * size).reshape(num, 3, size, size)
    return torch.from_numpy((smooth + 0.5 * noise).astype(np.float32))


def _scaled(name, shape, signed):
    if name.endswith("running_mean"):
        return 0.05 * signed
    if name.endswith("running_var"):
        return 1 + 0.5 * signed
    if name.endswith("_matrix"):
        return np.eye(shape[0]) + 0.1 * signed
    if name.endswith("se.fc.expand.bias"):
        return 2 + 0.5 * signed
    if name.endswith(".bias"):
        return 0.05 * signed
    if len(shape) == 1:
        return 1 + 0.2 * signed
    if len(shape) == 4 and shape[1] == 1 and shape[2] > 1:
        center = np.abs(np.arange(shape[2]) - shape[2] // 2)
        falloff = 1 / (1 + np.maximum(center[:, None], center[None, :]) ** 2.0)
        return np.sqrt(6) * signed * falloff / np.linalg.norm(falloff)
    return np.sqrt(3 * _gain(name) / np.prod(shape[1:])) * signed


def _gain(name):
    if "point_linear" in name:
        return 2.8 if int(name.split(".")[1]) % 4 == 1 else 0.5
    for part, gain in ((".conv3.", 0.2), (".downsample.", 1), (".conv1.", 2), (".conv2.", 2)):
        if part in name:
            return gain
    if name.startswith("input_stem."):
        return 2
    return 1.5 if name.startswith(("feature_mix_layer", "classifier")) else 1
