"""Accuracy of subnets, always recalibrated."""

from ofa.evaluate.accelerator import Accelerator, measuring_devices
from ofa.evaluate.accuracy import EVALUATION_CHUNK_SIZE, Evaluator, in_sharing_order, partings
from ofa.evaluate.active import most_informative
from ofa.evaluate.engine import Forward, Logits, engine_images, run_engine, run_in_chunks
from ofa.evaluate.folded import fuse_layers_
from ofa.evaluate.images import Judges, find_judges, load_judges, write_judges
from ofa.evaluate.quantized import QuantizationImages, quantization_images, quantized_top1
from ofa.evaluate.sample import Draw, draw_archs, spread

__all__ = [
    "EVALUATION_CHUNK_SIZE",
    "Accelerator",
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
    "measuring_devices",
    "most_informative",
    "partings",
    "quantization_images",
    "quantized_top1",
    "run_engine",
    "run_in_chunks",
    "spread",
    "write_judges",
]
