"""Text of strangers as plain data: mappings, lists, strings, numbers, and nothing that surprises.

JSON and YAML both allow what no file of ours needs and a reader trips over: keys that come twice,
numbers that are not finite or longer than any field, strings that no encoding holds, a million
brackets. All of it is refused here, by both readers, before a schema sees the data.

YAML is read from the parser's events, one by one, so that nothing is built before it is judged. Of
its scalars only those of the core schema (YAML 1.2, section 10.3) have a meaning; tags, aliases
and several documents are refused.
"""

import json
import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

from ofa.errors import BadArtifact

_MAX_DEPTH = 50
_MAX_BITS = 64
_CORE = (
    (re.compile(r"|~|null|Null|NULL"), lambda text: None),
    (re.compile(r"true|True|TRUE"), lambda text: True),
    (re.compile(r"false|False|FALSE"), lambda text: False),
    (re.compile(r"[-+]?[0-9]+(_[0-9]+)*"), int),
    (re.compile(r"[-+]?(\.[0-9]+|[0-9]+(_[0-9]+)*(\.[0-9]*)?)([eE][-+]?[0-9]+)?"), float),
    (
        re.compile(r"[-+]?\.(inf|Inf|INF)|\.nan|\.NaN|\.NAN"),
        lambda text: float(text.replace(".", "")),
    ),
)


def json_object(text: bytes | str, *, where: str) -> dict[str, Any]:
    """The object in JSON text.

    Raises:
        BadArtifact: If it is none, or holds what no file of ours does; names ``where``.
    """
    try:
        body = json.loads(_decoded(text), object_pairs_hook=_without_repeats)
    except (ValueError, RecursionError) as error:
        raise BadArtifact(
            f"{where}: not readable as JSON ({_line(error)}); make it again"
        ) from error
    if not isinstance(body, dict):
        raise BadArtifact(f"{where}: holds {type(body).__name__}, but a JSON object is needed")
    refuse_unnatural(body, where=where)
    return body


def yaml_value(text: bytes | str, *, where: str) -> Any:
    """What YAML text holds, which may be one scalar.

    Raises:
        BadArtifact: If it is not YAML, or holds what no file of ours does; names ``where``.
    """
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # in C, 20 times as fast
    try:
        body = _built(yaml.parse(_decoded(text), Loader=loader))
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise BadArtifact(
            f"{where}: not readable as YAML ({_line(error)}); mend the file"
        ) from error
    refuse_unnatural(body, where=where)
    return body


def yaml_mapping(text: bytes | str, *, where: str) -> dict[str, Any]:
    """The mapping in YAML text; errors as of ``yaml_value``."""
    body = yaml_value(text, where=where)
    if not isinstance(body, dict):
        raise BadArtifact(f"{where}: holds {type(body).__name__}, but a mapping of keys is needed")
    return body


def yaml_text(body: Mapping[str, Any]) -> str:
    """YAML that ``yaml_value`` reads back: words that it would take for numbers are quoted.

    Raises:
        BadArtifact: If the data hold what no file of ours does.
    """
    import yaml

    class Dumper(yaml.SafeDumper):
        pass

    def quoted(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
        style = "'" if any(pattern.fullmatch(text) for pattern, _ in _CORE) else None
        return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)

    Dumper.add_representer(str, quoted)
    refuse_unnatural(body, where="what is to be written")
    return yaml.dump(body, Dumper=Dumper, sort_keys=False, width=100, default_flow_style=None)


def refuse_unnatural(data: object, *, where: str) -> None:
    """Refuse numbers and strings that no field of ours can hold, wherever they hide.

    Raises:
        BadArtifact: Names the first.
    """
    pending = [(data, 0)]
    while pending:
        value, depth = pending.pop()
        if isinstance(value, Mapping):
            pending.extend((part, depth + 1) for pair in value.items() for part in pair)
        elif isinstance(value, list | tuple):
            pending.extend((part, depth + 1) for part in value)
        elif isinstance(value, float) and not math.isfinite(value):
            raise BadArtifact(f"{where}: holds {value}, which is not a finite number")
        elif isinstance(value, int) and value.bit_length() >= _MAX_BITS:
            raise BadArtifact(f"{where}: holds an integer of {value.bit_length()} bits")
        elif isinstance(value, str) and (bad := re.search("[\x00\ud800-\udfff]", value)):
            raise BadArtifact(f"{where}: holds the character {bad[0]!a}, which is none of a text")
        if depth > _MAX_DEPTH:
            raise BadArtifact(f"{where}: is nested deeper than {_MAX_DEPTH} levels")


def _decoded(text: bytes | str) -> str:
    try:
        return text if isinstance(text, str) else text.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError("it is not UTF-8 text; save it as that") from error


def _without_repeats(pairs: list[tuple[str, object]]) -> dict[str, object]:
    body = dict(pairs)
    if len(body) < len(pairs):
        raise ValueError("a key appears twice")
    return body


def _built(events: Iterator[Any]) -> Any:
    """The value that a stream of YAML events spells."""
    import yaml

    roots: list[Any] = []
    open_: list[list[Any]] = [roots]  # parts of each collection that is not finished
    kinds: list[type] = []
    for event in events:
        if isinstance(event, yaml.AliasEvent):
            raise ValueError(f"aliases such as *{event.anchor} are not read; write the value out")
        if getattr(event, "tag", None):
            raise ValueError(f"tags such as {event.tag} are not read; leave it out")
        if isinstance(event, yaml.ScalarEvent):
            open_[-1].append(_scalar(event.value) if event.implicit[0] else event.value)
        elif isinstance(event, yaml.CollectionStartEvent):
            kinds.append(dict if isinstance(event, yaml.MappingStartEvent) else list)
            open_.append([])
            if len(open_) > _MAX_DEPTH:
                raise ValueError(f"it is nested deeper than {_MAX_DEPTH} levels")
        elif isinstance(event, yaml.CollectionEndEvent):
            parts = open_.pop()
            open_[-1].append(_mapping(parts) if kinds.pop() is dict else parts)
        elif isinstance(event, yaml.DocumentStartEvent) and roots:
            raise ValueError("it holds several documents; keep one")
    return roots[0] if roots else None


def _mapping(parts: list[Any]) -> dict[Any, Any]:
    keys, values = parts[::2], parts[1::2]
    body: dict[Any, Any] = {}
    for key, value in zip(keys, values, strict=True):
        if isinstance(key, dict | list):
            raise ValueError("a key is a collection; use a word")
        if key in body:
            raise ValueError(f"the key {key!r} appears twice")
        body[key] = value
    return body


def _scalar(text: str) -> Any:
    for pattern, make in _CORE:
        if pattern.fullmatch(text):
            return make(text)
    return text


def _line(error: Exception) -> str:
    return " ".join(str(error).split()).encode("ascii", "backslashreplace").decode()
