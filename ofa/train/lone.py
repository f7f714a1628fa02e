"""A static net in a supernet's place, to be trained by the same steps."""

from torch import Tensor, nn

from ofa.space import AnyArch


class Lone(nn.Module):
    """A supernet that holds one net; see ``Alone`` for what its steps train."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, images: Tensor, arch: AnyArch) -> Tensor:
        """Logits of the net, whose arch is ``arch``."""
        return self.net(images)
