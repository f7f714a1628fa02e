"""Half precision and 8 bits for LiteRT, by its own quantizer.

The quantizer takes the moving average of the extremes that it sees as the range of an activation,
and so cuts off what single images reach: of Fashion-MNIST, every pixel above 224. Here the extremes
of every image are kept apart, and the range holds those of all images or of most, whichever keeps
the logits nearest.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ofa.runtime.engine import Precision, optional_module

Logits = Callable[[bytes], np.ndarray]
"""The logits that a file gives to the calibration images."""

_SIGNATURE, _IMAGE = "serving_default", "args_0"  # as the converter names them
_FLOAT_OPERATORS = ("INPUT", "SUB", "OUTPUT")  # pixels, their first shift, and logits
_PERCENTILES = (100, 95, 90, 80)  # of the images' extremes, that a range holds


def quantized(
    model: bytes, precision: Precision, *, calibration: np.ndarray, logits: Logits
) -> bytes:
    """A float32 file in lower precision.

    Args:
        calibration: Images that tell the ranges of 8-bit activations.
        logits: Judges the ranges, against those of ``model``.
    """
    if precision == "fp16":
        return _write(_quantizer(model, _half()))
    quantizer = _quantizer(model, _eight_bits())
    seen = [
        quantizer.calibrate({_SIGNATURE: [{_IMAGE: calibration[i : i + 1]}]}, num_threads=1)
        for i in range(len(calibration))
    ]
    meant = logits(model)
    candidates = [
        _write(_quantizer(model, _eight_bits()), _ranges(seen, percentile))
        for percentile in _PERCENTILES
    ]
    return min(candidates, key=lambda candidate: float(np.abs(logits(candidate) - meant).mean()))


def _ranges(
    seen: Sequence[Mapping[str, Mapping[str, Any]]], percentile: float
) -> dict[str, dict[str, Any]]:
    """The range of each tensor from its extremes in each image."""
    shares = {"min": 100 - percentile, "max": percentile}
    return {
        name: {
            **first,
            **{
                side: np.percentile([one[name][side] for one in seen], share, axis=0).astype("f4")
                for side, share in shares.items()
            },
        }
        for name, first in seen[0].items()
    }


def _half() -> Any:
    recipes, operators, algorithms = _parts()
    recipes.add_weight_only_config(
        regex=".*",
        operation_name=operators.ALL_SUPPORTED,
        num_bits=16,
        algorithm_key=algorithms.FLOAT_CASTING,
    )
    return recipes.get_quantization_recipe()


def _eight_bits() -> Any:
    recipes, operators, algorithms = _parts()
    recipes.add_static_config(
        regex=".*",
        operation_name=operators.ALL_SUPPORTED,
        activation_num_bits=8,
        weight_num_bits=8,
    )
    for name in _FLOAT_OPERATORS:
        recipes.add_quantization_config(
            regex=".*", operation_name=operators[name], algorithm_key=algorithms.NO_QUANTIZE
        )
    return recipes.get_quantization_recipe()


def _parts() -> tuple[Any, Any, Any]:
    """A recipe to fill, and the operators and algorithms that it names."""
    return (
        optional_module("ai_edge_quantizer.recipe_manager").RecipeManager(),
        optional_module("ai_edge_quantizer.qtyping").TFLOperationName,
        optional_module("ai_edge_quantizer.algorithm_manager").AlgorithmName,
    )


def _quantizer(model: bytes, recipe: Any) -> Any:
    quantizer = optional_module("ai_edge_quantizer.quantizer").Quantizer(model)
    quantizer.load_quantization_recipe(recipe)
    return quantizer


def _write(quantizer: Any, ranges: Any = None) -> bytes:
    return bytes(quantizer.quantize(ranges, enable_progress_report=False).quantized_model)
