"""Fields of a recipe that a sweep varies, as data: where they lie, and what they may be."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ofa.artifacts import parse
from ofa.errors import OfaError
from ofa.plain_data import yaml_value
from ofa.recipe import Phase, Recipe

Value = float | int | str | bool


@dataclass(frozen=True, kw_only=True)
class Varied:
    """One field of a recipe, and the values to try.

    Attributes:
        field: Where it lies, e.g. ``train.weight_decay``; a phase goes by its name, as in
            ``train.phases.elastic.learning_rate``.
        choices: Values to choose among; empty, all from ``low`` to ``high``.
        low: Least value of a range; two whole numbers make a range of whole numbers.
        high: Greatest value of a range.
    """

    field: str
    choices: tuple[Value, ...] = ()
    low: float | int = 0
    high: float | int = 0

    @property
    def first(self) -> Value:
        """The first of its values."""
        return self.choices[0] if self.choices else self.low

    @property
    def is_whole(self) -> bool:
        """Whether the range holds whole numbers only."""
        return isinstance(self.low, int) and isinstance(self.high, int)

    @property
    def is_log(self) -> bool:
        """Whether the range is drawn from on a log scale: it spans a factor of ten or more."""
        return self.low > 0 and self.high >= 10 * self.low


def read_varied(text: str) -> Varied:
    """``FIELD=LOW..HIGH`` or ``FIELD=VALUE,VALUE,...`` as a field to vary.

    Raises:
        OfaError: If it is neither.
    """
    field, equals, values = text.partition("=")
    low, dots, high = values.partition("..")
    if not (field and equals and values):
        raise OfaError(f"{text!r}: write FIELD=LOW..HIGH or FIELD=VALUE,VALUE")
    if not dots:
        choices = tuple(_scalar(part, text) for part in values.split(","))
        return Varied(field=field, choices=choices)
    ends = _scalar(low, text), _scalar(high, text)
    numbers = [x for x in ends if isinstance(x, int | float) and not isinstance(x, bool)]
    if len(numbers) < 2 or not all(map(math.isfinite, numbers)) or numbers[0] >= numbers[1]:
        raise OfaError(f"{text!r}: a range goes from a number up to a greater one, as in 0.01..0.3")
    return Varied(field=field, low=numbers[0], high=numbers[1])


def with_fields(recipe: Recipe, values: Mapping[str, Value]) -> Recipe:
    """The recipe with other values in some of its fields.

    Raises:
        OfaError: If a field is not there, or may not have the value.
    """
    body = asdict(recipe)
    for field, value in values.items():
        *parents, name = field.split(".")
        place: Any = body
        for part in parents:
            place = _entry(place, part, field)
        if not isinstance(place, dict) or name not in place:
            raise OfaError(f"{field}: no such field of a recipe{_near(place)}")
        place[name] = value
    return parse(Recipe, body, where="recipe")


def shortened(phases: Sequence[Phase], epochs: int) -> dict[str, Value]:
    """Fields that shorten a recipe's phases alike, so that together they take ``epochs``.

    Every phase keeps at least one epoch.
    """
    whole = sum(phase.epochs for phase in phases)
    values: dict[str, Value] = {}
    for index, phase in enumerate(phases):
        share = max(1, round(phase.epochs * epochs / whole))
        values[f"train.phases.{index}.epochs"] = share
        values[f"train.phases.{index}.warmup_epochs"] = phase.warmup_epochs * share / phase.epochs
    return values


def _entry(place: Any, part: str, field: str) -> Any:
    if isinstance(place, dict) and part in place:
        return place[part]
    if isinstance(place, list | tuple):
        named = {str(item["name"]): item for item in place if isinstance(item, dict)}
        if part in named:
            return named[part]
        if part.isdecimal() and int(part) < len(place):
            return place[int(part)]
        raise OfaError(f"{field}: there is no {part!r}; phases are {', '.join(named)}")
    raise OfaError(f"{field}: no such field of a recipe{_near(place)}")


def _near(place: Any) -> str:
    return f"; there are {', '.join(map(str, place))}" if isinstance(place, dict) else ""


def _scalar(part: str, text: str) -> Value:
    value = yaml_value(part, where=repr(text))
    if not isinstance(value, float | int | str | bool):
        raise OfaError(f"{text!r}: {part!r} is no number, word or truth value")
    return value
