"""Several arrows at once: from a supernet to checked engines."""

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from ofa.pipeline.bundle import deploy
from ofa.pipeline.front import search
from ofa.pipeline.progress import Track, untracked
from ofa.pipeline.subnet import extract

if TYPE_CHECKING:
    from ofa.deploy import Bundle


def specialize(
    *,
    device: str,
    checkpoint: str,
    out: Path,
    budget_ms: float | None = None,
    seed: int = 0,
    input: Literal["uint8", "float32"] = "uint8",
    track: Track = untracked,
) -> "Bundle":
    """Walk from a supernet to a checked engine for one device: search, extract, deploy.

    Returns:
        The bundle, read back and checked.
    """
    from ofa.deploy import load_bundle

    front = search(
        device=device,
        checkpoint=checkpoint,
        out=out,
        budget_ms=budget_ms,
        seed=seed,
        track=track,
    )
    subnet = extract(front=front, checkpoint=checkpoint, out=out)
    path = deploy(
        subnet=subnet, front=front, checkpoint=checkpoint, out=out, input=input, device=device
    )
    return load_bundle(path)
