"""What a refused command line may have meant: the nearest command, option, choice or recipe."""

import re
from collections.abc import Iterable

from ofa.errors import did_you_mean
from ofa.shipped import shipped

_CHOICE = re.compile(r"invalid choice: '([^']*)' \(choose from (.*)\)")
_LITERAL = re.compile(r"Literal\[(.*?)\]\. Got value: (\S+)")
_FIELD = re.compile(r"does not accept option '(?:[\w.]+\.|--)?(\w+)'")
_FILE = re.compile(r"File does not exist: '?([^']*)'?")


def explain(message: str, argv: list[str], options: Iterable[str]) -> str:
    """The parser's complaint in one line, with what was probably meant.

    Args:
        message: What the parser said.
        argv: The command line.
        options: Options of its command, recipe fields included.
    """
    known = list(options)
    message = " ".join(message.split()).replace("argument COMMAND: ", "")
    message = re.sub(
        r'(?:Parser key "|required: )([\w.]+)"?', lambda m: _named(m, argv[0], known), message
    )
    message = message.replace("<class 'float'>", "number").replace(
        "a typing.Literal", "one of Literal"
    )
    if match := _CHOICE.search(message):
        known = re.findall(r"[\w.-]+", match[2])
        listed = f"{match[1]!r} is not one of {', '.join(known)}"
        return message[: match.start()] + listed + did_you_mean(match[1], known)
    if match := _LITERAL.search(message):
        return message + did_you_mean(match[2], re.findall(r"'([^']+)'", match[1]))
    if match := _FILE.search(message):
        meant = did_you_mean(_stem(match[1]), recipes())
        return message + (meant or f"; give a YAML file, or one of {', '.join(recipes())}")
    if match := _FIELD.search(message):
        fields = [name.rpartition(".")[2] for name in known if "." in name]
        return f"recipes have no field {match[1]!r}{did_you_mean(match[1], fields)}"
    strange = [word.partition("=")[0] for word in argv if word.startswith("--")]
    for word in (word for word in strange if word not in known):
        return f"there is no option {word}{did_you_mean(word, known)}"
    return message


def recipes() -> list[str]:
    """Names of the shipped recipes."""
    return sorted(path.stem for path in shipped("recipes").glob("*.yaml"))


def _named(match: re.Match[str], command: str, options: list[str]) -> str:
    """The option that a parser's key stands for."""
    before, key = match[0].partition(match[1])[0].removeprefix('Parser key "'), match[1]
    if f"--{key}" not in options:
        key = key.removeprefix(f"{command}.").replace("_", "-")
    if key in options:  # an argument by its place
        return f"{before}{key.upper()}"
    return f"{before}--{key}"


def _stem(path: str) -> str:
    return path.rpartition("/")[2].removesuffix(".yaml")
