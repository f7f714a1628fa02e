"""How large a space may be: whoever holds one can tabulate it and build its supernet.

A few bytes of text can name a million blocks; the networks and tables made from them would not fit
any memory. The bounds lie a hundred times above the spaces of the literature.
"""

import math

from ofa.errors import IllegalSpace

MAX_BLOCKS = 512
"""Blocks of the largest subnet."""
MAX_TABLE = 200_000
"""Distinct blocks: entries of a table of costs."""
MAX_WIDTH = 65_536
"""Channels of a layer."""


def check_extent(*, num_blocks: int, choices: tuple[int, ...]) -> None:
    """Refuse a space that is too large to be held.

    Args:
        num_blocks: Blocks of the largest subnet.
        choices: Number of choices of each kind that tells one block from another.

    Raises:
        IllegalSpace: Says which bound, and by how much.
    """
    if num_blocks > MAX_BLOCKS:
        raise IllegalSpace(
            f"space.stages: {num_blocks:,} blocks in the largest subnet are more than "
            f"{MAX_BLOCKS}; use fewer stages or smaller depths"
        )
    if (entries := num_blocks * math.prod(choices)) > MAX_TABLE:
        raise IllegalSpace(
            f"space: {entries:,} distinct blocks are more than {MAX_TABLE:,}; use fewer choices"
        )


def check_width(name: str, value: int, *, least: int) -> None:
    """Refuse a number of channels that no layer has.

    Raises:
        IllegalSpace: Names the field.
    """
    if not least <= value <= MAX_WIDTH:
        raise IllegalSpace(f"space.{name}: {value} is not in {least} to {MAX_WIDTH}")
