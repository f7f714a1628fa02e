"""A stretch of a net, to be run apart from the rest."""

from collections.abc import Callable, Iterable

from torch import Tensor, nn


class Segment(nn.Module):
    """Part of a net as a module of its own; it shares the net's layers.

    Args:
        run: The net's method that computes the part.
        layers: Layers that the method uses.
    """

    def __init__(self, run: Callable[[Tensor], Tensor], layers: Iterable[nn.Module]) -> None:
        super().__init__()
        self.run = run
        self.layers = nn.ModuleList(layers)

    def forward(self, x: Tensor) -> Tensor:
        return self.run(x)
