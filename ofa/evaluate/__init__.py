"""Accuracy of subnets, always recalibrated."""

from ofa.evaluate.accuracy import Evaluator, in_sharing_order, partings
from ofa.evaluate.active import most_informative
from ofa.evaluate.engine import Forward, Logits, engine_images, run_in_chunks
from ofa.evaluate.folded import fuse_layers_
from ofa.evaluate.images import Judges, find_judges, load_judges, write_judges
from ofa.evaluate.quantized import QuantizationImages, quantization_images, quantized_top1
from ofa.evaluate.sample import Draw, draw_archs, spread

__all__ = [
    "Draw",
    "Evaluator",
    "Forward",
    "Judges",
    "Logits",
    "QuantizationImages",
    "draw_archs",
    "engine_images",
    "find_judges",
    "fuse_layers_",
    "in_sharing_order",
    "load_judges",
    "most_informative",
    "partings",
    "quantization_images",
    "quantized_top1",
    "run_in_chunks",
    "spread",
    "write_judges",
]
