"""Draw the README's picture: ``python tools/overview.py BUNDLE... --out docs/overview.svg``.

One supernet, and for each bundle its device, its subnet as a strip of blocks, and its numbers, all
read from the manifests. A block's width is its expand ratio, its height its kernel. The picture
follows the reader's choice of light or dark, and reads without colors. A second one beside it,
``overview_narrow.svg``, tells the same to a phone: a device below the other, in type of its size.
"""

import argparse
from html import escape
from pathlib import Path

from ofa import artifacts, style
from ofa.deploy import Manifest, load_bundle
from ofa.space import Arch, SearchSpace, macs, network

_ROW, _TOP, _LEFT, _STRIP, _WIDTH = 52, 44, 250, 168, 980
_MIDDLE, _LATENCY, _TOP1, _ENGINE = 470, 800, 885, 965
_PHONE, _EDGE, _TRUNK, _START, _STEP = 390, 378, 18, 132, 92
_STYLE = f"""
    text {{ font: 14px system-ui, sans-serif; fill: {style.INK} }}
    .name {{ font-weight: 600; font-size: 15px }}
    .quiet, .head {{ fill: {style.MUTED}; font-size: 13px; font-weight: 400 }}
    .number {{ font-weight: 600 }} .end {{ text-anchor: end }}
    .narrow text {{ font-size: 16px }} .narrow .quiet {{ font-size: 14.5px }}
    .block {{ fill: #0072b2; stroke: #0072b2 }} .line {{ stroke: #8a949f; fill: none }}
    .absent {{ fill: none; stroke: #8a949f; stroke-dasharray: 2 2 }}
    .paper {{ fill: {style.PAPER} }}
    @media (prefers-color-scheme: dark) {{
      text {{ fill: #e6ebf1 }} .quiet, .head {{ fill: #a9b4c0 }} .paper {{ fill: #161b22 }}
      .block {{ fill: #56b4e9; stroke: #56b4e9 }} .absent, .line {{ stroke: #77828e }}
    }}"""


def main() -> None:
    """Read the bundles and draw."""
    parser = argparse.ArgumentParser(description="Draw the README's picture of some bundles.")
    parser.add_argument("bundles", type=Path, nargs="+", help="bundles of one supernet")
    parser.add_argument("--out", type=Path, required=True, help="SVG file; a narrow one beside it")
    options = parser.parse_args()
    manifests = [load_bundle(path).manifest for path in options.bundles]
    manifests.sort(key=lambda manifest: manifest.estimated.latency_ms)
    narrow = options.out.with_name(f"{options.out.stem}_narrow.svg")
    artifacts.write_atomically(options.out, draw_overview(manifests).encode())
    artifacts.write_atomically(narrow, draw_narrow(manifests).encode())


def draw_overview(manifests: list[Manifest]) -> str:
    """The picture as SVG, to be read at about 700 px or more."""
    space = _space(manifests)
    middle = _TOP + _ROW * len(manifests) / 2
    parts = [*_supernet(space, 20, middle - 42), _strip(space, space.largest(), 20, middle + 12)]
    heads = (("device", _LEFT, ""), ("subnet", _MIDDLE, ""), ("test top-1", _TOP1, "end"),
             ("latency, 90 % interval", _LATENCY, "end"), ("engine", _ENGINE, "end"))  # fmt: skip
    parts += [_text(f"head {anchor}", x, 26, words) for words, x, anchor in heads]
    for row, manifest in enumerate(manifests):
        end = _TOP + _ROW * (row + 0.5)
        curve = f"M196 {middle} C 225 {middle} 215 {end} {_LEFT - 8} {end}"
        parts += [f'<path class="line" d="{curve}"/>', *_row(manifest, space, end)]
    return _svg(manifests, parts, _WIDTH, _TOP + _ROW * len(manifests) + 14)


def draw_narrow(manifests: list[Manifest]) -> str:
    """The picture as SVG, to be read at 390 px."""
    space = _space(manifests)
    ends = [_START + _STEP * row for row in range(len(manifests))]
    parts = [*_supernet(space, _TRUNK, 30), _strip(space, space.largest(), _TRUNK, 84)]
    parts.append(f'<path class="line" d="M{_TRUNK} 112 V{ends[-1]}"/>')
    for end, manifest in zip(ends, manifests, strict=True):
        parts += [f'<path class="line" d="M{_TRUNK} {end} h14"/>', *_card(manifest, space, end)]
    foot = ends[-1] + _STEP
    parts.append(_text("quiet", _TRUNK, foot, "latency with its 90 % interval; test top-1; engine"))
    body = ['<g class="narrow">', *parts, "</g>"]
    return _svg(manifests, body, _PHONE, foot + 18, f'width="{_PHONE}" ')


def _svg(
    manifests: list[Manifest], parts: list[str], width: int, height: int, size: str = ""
) -> str:
    told = "; ".join(_told(manifest) for manifest in manifests)
    body = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" {size}viewBox="0 0 {width} {height}" role="img" '
        f'aria-labelledby="t d">\n<title id="t">One supernet, {len(manifests)} devices, '
        f'{len(manifests)} engines</title>\n<desc id="d">{escape(told)}</desc>\n'
        f"<style>{_STYLE}\n</style>\n"
        f'<rect class="paper" width="{width}" height="{height}" rx="8"/>\n{body}\n</svg>\n'
    )


def _space(manifests: list[Manifest]) -> SearchSpace:
    space = manifests[0].space
    assert isinstance(space, SearchSpace)
    return space


def _supernet(space: SearchSpace, x: float, y: float) -> list[str]:
    cost = f"{_macs(space, space.smallest())} to {_macs(space, space.largest())} M MACs"
    return [
        _text("name", x, y, "one supernet"),
        _text("quiet", x, y + 18, f"{space.num_subnets:,} subnets"),
        _text("quiet", x, y + 36, cost),
    ]


def _macs(space: SearchSpace, arch: Arch) -> str:
    return f"{macs(network(space, arch)) / 1e6:.1f}"


def _strip(space: SearchSpace, arch: Arch, left: float, top: float) -> str:
    """One rectangle a place for a block, stage by stage."""
    places = [max(depths) for depths in space.stage_depths]
    unit = (_STRIP - 10 * (len(places) - 1)) / (sum(places) * (max(space.expand_ratios) + 1))
    parts, x = [], left
    for stage, num_places in zip(arch.stages, places, strict=True):
        for place in range(num_places):
            if place < len(stage):
                block, kind = stage[place], "block"
                ratio, kernel = block.expand_ratio, block.kernel_size
            else:
                kind, ratio, kernel = "absent", min(space.expand_ratios), min(space.kernel_sizes)
            width, height = unit * ratio, 3.2 * kernel
            parts.append(
                f'<rect class="{kind}" x="{x:.1f}" y="{top + 12 - height / 2:.1f}" '
                f'width="{width:.1f}" height="{height:.1f}"/>'
            )
            x += width + unit
        x += 10
    return "".join(parts)


def _row(manifest: Manifest, space: SearchSpace, line: float) -> list[str]:
    """A device across the picture."""
    name, runs = _device(manifest)
    latency, interval, top1, size, runtime = _numbers(manifest)
    return [
        _text("name", _LEFT, line - 4, name),
        _text("quiet", _LEFT, line + 13, runs),
        _strip(space, _arch(manifest), _MIDDLE, line - 12),
        _text("number end", _LATENCY, line - 4, latency, _lead(manifest)),
        _text("quiet end", _LATENCY, line + 13, interval),
        _text("number end", _TOP1, line - 4, top1),
        _text("number end", _ENGINE, line - 4, size),
        _text("quiet end", _ENGINE, line + 13, runtime),
    ]


def _card(manifest: Manifest, space: SearchSpace, line: float) -> list[str]:
    """A device in three lines."""
    name, runs = _device(manifest)
    latency, interval, top1, size, runtime = _numbers(manifest)
    left = _TRUNK + 22
    return [
        _text("name", left, line + 5, name),
        _text("number end", _EDGE, line + 5, latency, _lead(manifest)),
        _text("quiet", left, line + 25, runs),
        _text("quiet end", _EDGE, line + 25, interval),
        _strip(space, _arch(manifest), left, line + 36),
        _text("number end", _EDGE, line + 53, f"{top1}, {runtime} {size}"),
    ]


def _text(kind: str, x: float, y: float, words: str, lead: str = "") -> str:
    quiet = f'<tspan class="quiet">{escape(lead)}</tspan>' if lead else ""
    return f'<text class="{kind}" x="{x}" y="{y}">{quiet}{escape(words)}</text>'


def _arch(manifest: Manifest) -> Arch:
    assert isinstance(manifest.arch, Arch)
    return manifest.arch


def _device(manifest: Manifest) -> tuple[str, str]:
    """Its name, and what ran on which of its processors."""
    name, _, rest = manifest.target.hardware.partition(", ")
    target = manifest.target
    return name, f"{rest.split(', ')[-1]}, {target.runtime} {target.precision}"


def _lead(manifest: Manifest) -> str:
    """What stands before a latency that is not of one image."""
    batch = manifest.target.batch
    return f"{batch} images in " if batch > 1 else ""


def _numbers(manifest: Manifest) -> tuple[str, str, str, str, str]:
    """Latency, its interval and what it rests on, test top-1, the engine's size and runtime."""
    shown = manifest.estimated
    (runtime,) = (e.runtime for e in manifest.engines if e.name == manifest.engine)
    return (
        f"{_digits(shown.latency_ms)} ms",
        f"{_digits(shown.low_ms)}–{_digits(shown.high_ms)}, {shown.label}",
        f"{manifest.top1.test:.2f} %",
        f"{manifest.cost.engine_bytes / 1000:,.0f} kB",
        runtime,
    )


def _digits(number: float) -> str:
    """Three of them, zeros as well."""
    return f"{number:#.3g}".rstrip(".")


def _told(manifest: Manifest) -> str:
    return (
        f"{manifest.target.hardware}: {_lead(manifest)}{_digits(manifest.estimated.latency_ms)} ms "
        f"estimated, {manifest.top1.test:.2f} % top-1"
    )


if __name__ == "__main__":
    main()
