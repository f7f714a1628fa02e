"""One subnet, as data.

An ``Arch`` is structural: a stage's depth is its number of blocks, so no field can contradict
another and equal subnets compare, hash and serialise alike.
"""

import hashlib
import json
from dataclasses import asdict, dataclass


@dataclass(frozen=True, kw_only=True)
class Block:
    """Choices of one inverted-residual block.

    Attributes:
        kernel_size: Side of the depthwise kernel, px.
        expand_ratio: Middle channels over input channels, before rounding to a multiple of 8.
    """

    kernel_size: int
    expand_ratio: float


@dataclass(frozen=True, kw_only=True)
class Arch:
    """One subnet.

    Attributes:
        resolution: Input height and width, px.
        stages: Blocks in use, stage by stage; a stage's depth is its length.
    """

    resolution: int
    stages: tuple[tuple[Block, ...], ...]

    @property
    def depths(self) -> tuple[int, ...]:
        """Number of blocks of each stage."""
        return tuple(len(stage) for stage in self.stages)

    @property
    def path(self) -> tuple[tuple[float, ...], ...]:
        """What stem, first block and each further block choose, in order of execution.

        Archs whose paths start alike have the same layers so far.
        """
        blocks = (
            (i, j, block.kernel_size, block.expand_ratio)
            for i, stage in enumerate(self.stages)
            for j, block in enumerate(stage)
        )
        return ((self.resolution,), (), *blocks)

    @property
    def id(self) -> str:
        """Ten hexadecimal digits that name this arch, the same on every machine."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()[:10]

    def to_json(self) -> str:
        """The arch as one line of JSON; whole expand ratios are written without a fraction."""
        fields = asdict(self)
        for stage in fields["stages"]:
            for block in stage:
                if block["expand_ratio"] == int(block["expand_ratio"]):
                    block["expand_ratio"] = int(block["expand_ratio"])
        return json.dumps(fields, separators=(",", ":"))

    def describe(self) -> str:
        """The arch in one short line: ``28px  k3e2 k5e4 | k3e2 | k7e3``."""
        stages = (
            " ".join(f"k{block.kernel_size}e{block.expand_ratio:g}" for block in stage)
            for stage in self.stages
        )
        return f"{self.resolution}px  " + " | ".join(stages)
