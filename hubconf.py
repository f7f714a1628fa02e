"""``torch.hub`` entry points: a shipped supernet by name, and any subnet of it, ready to use.

``torch.hub.load("path/to/ofa", "subnet", "fashion_mnist", "smallest", source="local")`` reads the
weights from ``checkpoints/`` of the clone and downloads nothing.
"""

from torch import nn

from ofa import artifacts
from ofa.opened import evaluator, find_checkpoint, open_supernet
from ofa.space import Arch, ResNetArch, ResNetSpace

dependencies = ["jaxtyping", "numpy", "pydantic", "safetensors", "torch", "torchvision"]


def supernet(name: str = "fashion_mnist") -> nn.Module:
    """A supernet with its trained weights, called as ``net(images, arch)``.

    ``net.space`` names every arch: ``net.space.largest()``, ``net.space.sample(rng)``.

    Args:
        name: A shipped checkpoint, or the folder of one.
    """
    return open_supernet(find_checkpoint(name))[0]


def subnet(name: str = "fashion_mnist", arch: str = "largest") -> nn.Module:
    """A subnet with its own weights, its batch norms recalibrated, called as ``net(images)``.

    It takes normalized images of ``net.resolution`` px, ``(pixels / 255 - net.mean) / net.std``,
    and gives a logit for each of ``net.classes``.

    Args:
        name: A shipped checkpoint, or the folder of one.
        arch: ``largest``, ``smallest``, or the text of an arch, as ``Arch.to_json`` writes it.
    """
    folder = find_checkpoint(name)
    notes = open_supernet(folder)[1]
    if arch in ("largest", "smallest"):
        chosen = getattr(notes.space, arch)()
    else:
        form = ResNetArch if isinstance(notes.space, ResNetSpace) else Arch
        body = artifacts.parse_json(arch.encode(), where="arch")
        chosen = artifacts.parse(form, body, where="arch")
    net = evaluator(folder, "test").subnet(chosen)
    vars(net).update(
        resolution=chosen.resolution, classes=notes.classes, mean=notes.mean, std=notes.std
    )
    return net
