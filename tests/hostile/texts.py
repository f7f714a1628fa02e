"""Text that is nearly right: JSON and YAML taken apart, broken in one to three places, and put
together again."""

import json
import random
import re
from functools import cache

import yaml

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_DUMPER = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
CANARY = "canary"
"""File that appears if code in an attack runs."""

SHELL = (
    f"$(touch {CANARY})",
    f"; touch {CANARY} #",
    f"`touch {CANARY}`",
    f"|touch {CANARY}",
    "a\nb",
)
PATHS = (
    "/etc/passwd",
    "../../../../etc/passwd",
    "..",
    ".",
    "/",
    "~",
    "a/b",
    "C:\\x",
    "\x00",
    "a\x00b",
)
_STRINGS = (
    *SHELL, *PATHS, "", " ", "0", "-1", "nan", "None", "\ud800", "\u202e", "ä€🙂", "x" * 70_000,
    "%s%n", "{0}", "{{7*7}}", "<script>alert(1)</script>", "../" * 300, "ssh://-oProxyCommand=x",
)  # fmt: skip
_NUMBERS = (
    0, 1, -1, 2, 3, 7, 8, 255, 256, 4096, 4097, 65535, 65536, 2**31 - 1, 2**31, 2**32, 2**53,
    2**63 - 1, 2**63, 2**64, -(2**63), 10**30, 10**300, 0.0, -0.0, 0.1, 0.5, -0.5, 1.5, 1e-9, 1e9,
    5e-324, 1e-300, 1e300, 1.7e308, -1.7e308, float("nan"), float("inf"), -float("inf"),
)  # fmt: skip
_RAW = ("9" * 5000, "-" + "9" * 400, "1e400", "01", "1_0", "0x10", "1:30", "[" * 600 + "]" * 600)
_KEYS = ("", "__class__", "__init__", "self", "schema", "\ud800", "a.b", "x" * 3000, "-", "0")
_MARK = "\u0001raw{}\u0001"


def cut(data: bytes, rng: random.Random) -> bytes:
    data = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(data) + 1)
        length = rng.choice((1, 2, 4, 8, 64, 1024))
        match rng.randrange(6):
            case 0:
                del data[at:]
            case 1:
                del data[at : at + length]
            case 2:
                data[at:at] = rng.randbytes(length)
            case 3:
                data[at:at] = data[at : at + length] * rng.choice((1, 2, 100))
            case 4:
                data[at : at + length] = rng.choice((b"\x00", b"\xff", b"\x80", b"-")) * length
            case 5 if data:
                data[at % len(data)] ^= 1 << rng.randrange(8)
    return bytes(data[: 2**20])


def json_bytes(data: bytes, rng: random.Random) -> bytes:
    return _encoded(json_text(json.loads(data), rng), rng)


def json_text(body: object, rng: random.Random) -> str:
    raw: list[str] = []
    for _ in range(rng.randint(1, 3)):
        body = _broken(body, rng, raw)
    text = json.dumps(body)
    for number, value in enumerate(raw):
        text = text.replace(json.dumps(_MARK.format(number)), value)
    if rng.random() < 0.1 and (keys := re.findall(r'"\w+": ', text)):
        key = rng.choice(keys)
        text = text.replace(key, f"{key}{rng.choice(('0', 'null', '[]'))}, {key}", 1)
    return text


def jsonl(data: bytes, rng: random.Random) -> bytes:
    lines = data.decode().splitlines()
    at = rng.randrange(len(lines))
    match rng.randrange(8):
        case 0:
            del lines[at]
        case 1:
            lines.insert(rng.randrange(len(lines) + 1), lines[at])
        case 2:
            rng.shuffle(lines)
        case _:
            lines[at] = json_text(json.loads(lines[at]), rng)
    return _encoded("\n".join(lines) + rng.choice(("\n", "\n", "")), rng)


def yaml_text(data: bytes, rng: random.Random) -> bytes:
    if rng.random() < 0.3:
        lines = data.decode().splitlines()
        at = rng.randrange(len(lines) + 1)
        lines.insert(at, rng.choice(_YAML_LINES))
        return _encoded("\n".join(lines) + "\n", rng)
    raw: list[str] = []
    body = _parsed_yaml(data)
    for _ in range(rng.randint(1, 3)):
        body = _broken(body, rng, raw)
    try:
        text = yaml.dump(body, Dumper=_DUMPER, sort_keys=False, allow_unicode=True)
    except UnicodeEncodeError:  # of half a character, which the dumper in C cannot write
        text = yaml.safe_dump(body, sort_keys=False, allow_unicode=True)
    for number, value in enumerate(raw):
        text = text.replace(f'"\\x01raw{number}\\x01"', rng.choice((value, *_YAML_VALUES)))
    return _encoded(text, rng)


@cache
def _parsed_yaml(data: bytes) -> object:
    return yaml.load(data, Loader=_LOADER)


_YAML_VALUES = (
    f"!!python/object/apply:os.system ['touch {CANARY}']", "!!python/name:os.system",
    "!!binary aGVsbG8=", "!!timestamp 9999-99-99", "2001-01-01", "2001-01-01 00:00:00 +99:99",
    "!!set {a, b}", "!!omap [a: 1]", "!!int 0x", "!!float x", "0b", "1:2:3", "1:1:1.5", "0o7",
    ".inf", ".nan", "-.INF", "~", "yes", "!!null x", "!!bool x", "*a", "&a [*a]", "{<<: {a: 1}}",
    "{? [a] : b}", "{? {a: b} : c}", "'\t'", "|\n  x", "<<", "=", "1_000", "!!str 1", "! x",
)  # fmt: skip
_YAML_LINES = (
    "<<: {a: 1}", "a: &a 1", "b: *a", "--- ", "...", "%YAML 9.9", "%TAG ! tag:x,2000:", "\t- x",
    ": y", "- x", "{", "}", "]", "&x", "!!map", "'", '"', "a: b: c", "name: x", "x: !!x y", "\x07",
    f"!!python/object/apply:os.system ['touch {CANARY}']: 1", "? [a, b]\n: c", "1: 2", "null: 1",
)  # fmt: skip


def _broken(tree: object, rng: random.Random, raw: list[str]) -> object:
    """A tree with one thing changed at a random place."""
    if isinstance(tree, dict) and tree and rng.random() < 0.9:
        key = rng.choice(list(tree))
        match rng.randrange(20):
            case 0:
                return {name: value for name, value in tree.items() if name != key}
            case 1:
                return {**tree, rng.choice(_KEYS): tree[key]}
            case 2:
                return {(rng.choice(_KEYS) if name == key else name): v for name, v in tree.items()}
            case _:
                return {**tree, key: _broken(tree[key], rng, raw)}
    if isinstance(tree, list) and tree and rng.random() < 0.9:
        at = rng.randrange(len(tree))
        match rng.randrange(12):
            case 0:
                return tree[:at] + tree[at + 1 :]
            case 1:
                return (tree * (rng.choice((2, 10, 3000)) // len(tree) + 2))[:5000]
            case 2:
                return tree[::-1]
            case 3:
                return [*tree, tree[at]]
            case _:
                return [*tree[:at], _broken(tree[at], rng, raw), *tree[at + 1 :]]
    return _value(tree, rng, raw)


def _value(old: object, rng: random.Random, raw: list[str]) -> object:
    match rng.randrange(10):
        case 0 | 1 | 2:
            return rng.choice(_NUMBERS)
        case 3 if isinstance(old, int | float):
            return old * rng.choice((-1, 2, 10, 1000, 0.5)) + rng.choice((0, 1, -1))
        case 3 | 4:
            return rng.choice(_STRINGS)
        case 5:
            raw.append(rng.choice(_RAW))
            return _MARK.format(len(raw) - 1)
        case 6:
            return rng.choice((None, True, False))
        case 7:
            return rng.choice(([], {}, [old], {"a": old}, [[]], [None], [old] * 300))
        case 8 if isinstance(old, str):
            return old[: len(old) // 2] if rng.random() < 0.5 else old + rng.choice(_STRINGS)
        case _:
            return rng.choice((rng.randint(-10, 1000), rng.random() * 10 ** rng.randint(-12, 12)))


def _encoded(text: str, rng: random.Random) -> bytes:
    if rng.random() < 0.9:
        return text.encode("utf-8", "surrogatepass")
    encoding = rng.choice(
        ("utf-8-sig", "utf-16", "utf-16-be", "utf-32", "latin-1", "utf-7", "cp037")
    )
    return text.encode(encoding, "replace" if encoding in ("latin-1", "cp037") else "surrogatepass")
