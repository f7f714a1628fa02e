"""Where the reference project publishes its files.

Nothing is fetched from here: the user downloads a file, pins the hash he trusts, and imports it.
The hashes are open because the publishers give none.

Source: mit-han-lab/once-for-all @ f03b267, ``ofa/model_zoo.py``.
"""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["supernet", "subnet", "predictor", "latency table"]

_MIRROR = "https://raw.githubusercontent.com/han-cai/files/master/"


@dataclass(frozen=True, kw_only=True)
class Published:
    """One published file, or a folder of them.

    Attributes:
        kind: What it holds.
        family: Name of its space in ``ofa.space.FAMILIES`` or ``RESNET_FAMILIES``; ``None`` where
            the file names its widths.
        location: Where its publisher keeps it.
        sha256: Hash of the file; ``None`` until the user pins one.
    """

    kind: Kind
    family: str | None
    location: str
    sha256: str | None = None


ZOO = (
    Published(
        kind="supernet",
        family="ofa_mbv3_w1.0",
        location=_MIRROR + "ofa/ofa_nets/ofa_mbv3_d234_e346_k357_w1.0",
    ),
    Published(
        kind="supernet",
        family="ofa_mbv3_w1.2",
        location=_MIRROR + "ofa/ofa_nets/ofa_mbv3_d234_e346_k357_w1.2",
    ),
    Published(
        kind="supernet",
        family="ofa_proxyless_w1.3",
        location=_MIRROR + "ofa/ofa_nets/ofa_proxyless_d234_e346_k357_w1.3",
    ),
    Published(
        kind="supernet", family="ofa_resnet50", location="https://huggingface.co/han-cai/ofa"
    ),
    Published(
        kind="predictor",
        family="ofa_resnet50",
        location=_MIRROR + "ofa/ofa_resnet50_acc_predictor.pth",
    ),
    Published(kind="subnet", family=None, location=_MIRROR + "ofa/ofa_specialized/"),
    Published(kind="predictor", family="ofa_mbv3_w1.2", location=_MIRROR + "ofa/acc_predictor.pth"),
    Published(
        kind="latency table",
        family="ofa_mbv3_w1.2",
        location="https://github.com/han-cai/files/tree/master/ofa",
    ),
    Published(
        kind="latency table",
        family=None,
        location=_MIRROR + "proxylessnas/mobile_trim.yaml",
    ),
)
"""What the reference project publishes that this project reads."""
