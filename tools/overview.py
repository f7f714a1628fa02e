"""Draw the README's picture: ``python tools/overview.py BUNDLE... --out docs/overview.svg``.

One supernet, and for each bundle its device, its subnet as a strip of blocks, and its numbers, all
read from the manifests. A block's width is its expand ratio, its height its kernel. The picture
follows the reader's choice of light or dark, and reads without colors.
"""

import argparse
from html import escape
from pathlib import Path

from ofa import artifacts
from ofa.deploy import Manifest, load_bundle
from ofa.space import Arch, SearchSpace, macs, network

_ROW, _TOP, _LEFT, _STRIP, _WIDTH = 52, 44, 250, 168, 980
_MIDDLE, _LATENCY, _TOP1, _ENGINE = 470, 800, 885, 965
_STYLE = """
    text { font: 13px system-ui, sans-serif; fill: #1d2733 }
    .name { font-weight: 600; font-size: 14px } .quiet { fill: #5b6673; font-size: 12px }
    .number { font-weight: 600; text-anchor: end } .head { fill: #5b6673; font-size: 12px }
    .end { text-anchor: end }
    .block { fill: #0072b2; stroke: #0072b2 } .absent { fill: none; stroke: #8a949f;
    stroke-dasharray: 2 2 } .line { stroke: #8a949f; fill: none } .paper { fill: #fdfdfe }
    @media (prefers-color-scheme: dark) {
      text { fill: #e6ebf1 } .quiet, .head { fill: #a9b4c0 } .paper { fill: #161b22 }
      .block { fill: #56b4e9; stroke: #56b4e9 } .absent, .line { stroke: #77828e }
    }"""


def main() -> None:
    """Read the bundles and draw."""
    parser = argparse.ArgumentParser(description="Draw the README's picture of some bundles.")
    parser.add_argument("bundles", type=Path, nargs="+", help="bundles of one supernet")
    parser.add_argument("--out", type=Path, required=True, help="SVG file to write")
    options = parser.parse_args()
    manifests = [load_bundle(path).manifest for path in options.bundles]
    manifests.sort(key=lambda manifest: manifest.estimated.latency_ms)
    artifacts.write_atomically(options.out, draw_overview(manifests).encode())


def draw_overview(manifests: list[Manifest]) -> str:
    """The picture as SVG."""
    height = _TOP + _ROW * len(manifests) + 14
    first = manifests[0]
    space = first.space
    assert isinstance(space, SearchSpace)
    middle = _TOP + _ROW * len(manifests) / 2
    parts = [_supernet(space, middle)]
    heads = (("device", _LEFT, ""), ("subnet", _MIDDLE, ""), ("test top-1", _TOP1, "end"),
             ("latency, 90 % interval", _LATENCY, "end"), ("engine", _ENGINE, "end"))  # fmt: skip
    for text, x, anchor in heads:
        parts.append(f'<text class="head {anchor}" x="{x}" y="26">{text}</text>')
    for row, manifest in enumerate(manifests):
        top = _TOP + _ROW * row
        end = top + _ROW / 2
        parts.append(
            f'<path class="line" d="M196 {middle} C 225 {middle} 215 {end} {_LEFT - 8} {end}"/>'
        )
        parts.append(_row(manifest, space, top))
    told = "; ".join(_told(manifest) for manifest in manifests)
    body = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img" '
        f'aria-labelledby="t d">\n<title id="t">One supernet, {len(manifests)} devices, '
        f'{len(manifests)} engines</title>\n<desc id="d">{escape(told)}</desc>\n'
        f"<style>{_STYLE}\n</style>\n"
        f'<rect class="paper" width="{_WIDTH}" height="{height}" rx="8"/>\n{body}\n</svg>\n'
    )


def _supernet(space: SearchSpace, middle: float) -> str:
    largest = space.largest()
    lines = (
        ("name", "one supernet"),
        ("quiet", f"{space.num_subnets:,} subnets"),
        ("quiet", f"{_macs(space, space.smallest())} to {_macs(space, largest)} M MACs"),
    )
    text = "".join(
        f'<text class="{kind}" x="20" y="{middle - 42 + 18 * i}">{line}</text>'
        for i, (kind, line) in enumerate(lines)
    )
    return text + _strip(space, largest, 20, middle + 12)


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


def _row(manifest: Manifest, space: SearchSpace, top: float) -> str:
    arch, shown = manifest.arch, manifest.estimated
    assert isinstance(arch, Arch)
    line = top + _ROW / 2
    name, _, rest = manifest.target.hardware.partition(", ")
    runs = f"{rest.split(', ')[-1]}, {manifest.target.runtime} {manifest.target.precision}"
    numbers = (
        (_LATENCY, f"{shown.latency_ms:.3g} ms"),
        (_TOP1, f"{manifest.top1.test:.2f} %"),
        (_ENGINE, f"{manifest.cost.engine_bytes / 1000:,.0f} kB"),
    )
    interval = f"{shown.low_ms:.3g}–{shown.high_ms:.3g}, {shown.label}"
    return "\n".join(
        [
            f'<text class="name" x="{_LEFT}" y="{line - 4}">{escape(name)}</text>',
            f'<text class="quiet" x="{_LEFT}" y="{line + 13}">{escape(runs)}</text>',
            _strip(space, arch, _MIDDLE, line - 12),
            *(f'<text class="number" x="{x}" y="{line - 4}">{text}</text>' for x, text in numbers),
            f'<text class="quiet end" x="{_LATENCY}" y="{line + 13}">{escape(interval)}</text>',
        ]
    )


def _told(manifest: Manifest) -> str:
    return (
        f"{manifest.target.hardware}: {manifest.estimated.latency_ms:.3g} ms estimated, "
        f"{manifest.top1.test:.2f} % top-1"
    )


if __name__ == "__main__":
    main()
