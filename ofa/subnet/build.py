"""The static network of any family."""

from ofa.space import AnyNetwork, ResNetNetwork
from ofa.subnet.static import StaticNet
from ofa.subnet.static_resnet import StaticResNet

Subnet = StaticNet | StaticResNet
"""A static network; both kinds are called on images, and give ``segments`` of themselves."""


def build_subnet(network: AnyNetwork) -> Subnet:
    """The static network with these layers, weights at random."""
    return StaticResNet(network) if isinstance(network, ResNetNetwork) else StaticNet(network)
