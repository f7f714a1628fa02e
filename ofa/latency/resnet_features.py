"""What a bottleneck block and a max pooling ask of a device, in the features of ``features.py``.

A bottleneck is three or four convolutions of kinds that other networks have as well, so it needs no
features of its own: a model fitted on some networks says what it knows of their parts.
"""

from ofa.space import BottleneckLayer, MaxPoolLayer

_MILLION = 1e6


def work(layer: BottleneckLayer | MaxPoolLayer) -> dict[str, float]:
    """Features of one layer for one image, by name; those left out are 0."""
    if isinstance(layer, MaxPoolLayer):
        elements = (layer.in_size**2 + layer.out_size**2) * layer.channels
        return {"edge_elements": elements / _MILLION}
    pixels_in, pixels_out = layer.in_size**2, layer.out_size**2
    mid, width = layer.mid_channels, layer.out_channels
    block_in, block_out = pixels_in * layer.in_channels, pixels_out * width
    narrow_in, narrow_out = pixels_in * mid, pixels_out * mid
    skip = layer.in_channels * width if layer.projects else 0
    pooled = pixels_out * layer.in_channels if layer.projects and layer.stride > 1 else 0
    return {
        "project_macs": pixels_in * layer.in_channels * mid / _MILLION,
        "conv_macs": pixels_out * 9 * mid**2 / _MILLION,
        "expand_macs": pixels_out * (mid * width + skip) / _MILLION,
        "wide_elements": 2 * (narrow_in + narrow_out) / _MILLION,
        # The skip reads the block's input again: pooled and projected, or to be added.
        "edge_elements": (2 * block_in + 2 * pooled + block_out) / _MILLION,
        "weights": (layer.in_channels * mid + 9 * mid**2 + mid * width + skip) / _MILLION,
        "skip_elements": block_out / _MILLION,
        "convs": 1,
        "expansions": 3 if layer.projects else 2,
        "skips": 1,
    }


def key(layer: BottleneckLayer | MaxPoolLayer) -> str:
    """A short text, one for each layer, e.g. ``bottleneck-28-512x128x512-s1``."""
    if isinstance(layer, MaxPoolLayer):
        return f"maxpool-{layer.in_size}-{layer.channels}"
    widths = f"{layer.in_channels}x{layer.mid_channels}x{layer.out_channels}"
    projects = "-projects" if layer.projects else ""
    return f"bottleneck-{layer.in_size}-{widths}-s{layer.stride}{projects}"
