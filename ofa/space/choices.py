"""What the choices of an elastic dimension must be, in every family of spaces."""

import math

from ofa.errors import IllegalSpace

MAX_CHOICES = 255
"""Choices of one gene, which is a byte."""


def check_choices(name: str, choices: tuple[float, ...]) -> None:
    """Refuse choices that are none, no sizes, out of order, or too many for a gene.

    Raises:
        IllegalSpace: Names the field.
    """
    if not choices:
        raise IllegalSpace(f"space.{name}: there are no choices; give at least one")
    if not all(math.isfinite(choice) and 0 < choice <= 4096 for choice in choices):
        raise IllegalSpace(f"space.{name}: {list(choices)} must lie above 0 and at or below 4096")
    if list(choices) != sorted(set(choices)):
        raise IllegalSpace(
            f"space.{name}: {list(choices)} must rise without repeats; use {sorted(set(choices))}"
        )
    if len(choices) > MAX_CHOICES:
        raise IllegalSpace(
            f"space.{name}: {len(choices)} choices are more than {MAX_CHOICES}; use fewer"
        )
