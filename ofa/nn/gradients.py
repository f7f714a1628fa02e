"""Gradients that torch takes slowly on CPUs, made fast.

On x86 CPUs torch leaves convolutions to oneDNN. For the gradient of a depthwise kernel oneDNN has
fast code up to three columns; kernels of five or seven go another, slower way. So that gradient is
taken here in strips of three columns.

The gradient of a mean over an image is one number for all its pixels. Torch writes it out, channel
after channel, whatever the layout of the image was; what comes before the mean then runs on
tensors of two layouts. Here that number stays one, and what comes before keeps its layout.

All of it is of torch 2.14; ``benchmarks/train_step.py`` times a step with each. Networks are left
as they are: it is enough that they run within ``FastGradients``.
"""

from collections.abc import Callable
from typing import Any, no_type_check

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode

_STRIP = 3  # columns oneDNN is fast for


class FastGradients(TorchFunctionMode):
    """Where convolutions and means run that will be differentiated, by any net.

    Results are the same to the bit; gradients differ from torch's by rounding. Other kinds, types
    and devices, and what runs under autocast, stay torch's.
    """

    @no_type_check  # called for every function of torch
    def __torch_function__(
        self, func: Callable, types: object, args: tuple = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Let torch's function run, or ours in its place."""
        del types
        return _OURS.get(func, func)(*args, **(kwargs or {}))


def _mean(input: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    of_images = args == ((2, 3),) and kwargs.keys() <= {"keepdim"} and input.ndim == 4
    if of_images and _is_learned_here(input):
        return _ImageMean.apply(input, kwargs.get("keepdim", False))  # type: ignore[return-value]
    return Tensor.mean(input, *args, **kwargs)


def _conv2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: int | tuple[int, ...] = 1,
    padding: int | str | tuple[int, ...] = 0,
    dilation: int | tuple[int, ...] = 1,
    groups: int = 1,
) -> Tensor:
    size = weight.shape[-1]
    strips = (
        groups == input.shape[1] == weight.shape[0]
        and bias is None
        and weight.shape[-2] == size
        and size % 2 == 1
        and size > _STRIP
        and stride in (1, 2, (1, 1), (2, 2))
        and padding in (size // 2, (size // 2, size // 2))
        and dilation in (1, (1, 1))
        and _is_slow(input, weight)
    )
    if strips:
        return _Depthwise.apply(input, weight, stride if isinstance(stride, int) else stride[0])  # type: ignore[return-value]
    return F.conv2d(input, weight, bias, stride, padding, dilation, groups)


def _is_slow(x: Tensor, weight: Tensor) -> bool:
    return (
        x.ndim == 4
        and x.dtype == weight.dtype == torch.float32
        and _is_learned_here(weight)
        and "AVX" in torch.backends.cpu.get_cpu_capability()
    )


def _is_learned_here(x: Tensor) -> bool:
    return (
        torch.is_grad_enabled()
        and x.requires_grad
        and x.device.type == "cpu"
        and not torch.is_autocast_enabled("cpu")
        and not torch.compiler.is_compiling()
    )


_OURS: dict[Callable, Callable] = {F.conv2d: _conv2d, Tensor.mean: _mean}


class _ImageMean(torch.autograd.Function):
    @staticmethod
    def forward(x: Tensor, keepdim: bool) -> Tensor:
        return x.mean((2, 3), keepdim=keepdim)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple, output: Tensor) -> None:
        del output
        ctx.shape = inputs[0].shape

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (gradient,) = gradients
        images, channels, height, width = ctx.shape
        of_pixel = gradient.reshape(images, channels, 1, 1) / (height * width)
        return of_pixel.expand(ctx.shape), None


class _Depthwise(torch.autograd.Function):
    @staticmethod
    def forward(x: Tensor, weight: Tensor, stride: int) -> Tensor:
        return _convolved(x, weight, stride)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple, output: Tensor) -> None:
        del output
        x, weight, ctx.stride = inputs
        ctx.save_for_backward(x, weight)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor, None]:
        (gradient,) = gradients
        x, weight = ctx.saved_tensors
        of_input = None
        if ctx.needs_input_grad[0]:
            of_input = _gradient_of_input(gradient, x, weight, ctx.stride)
        return of_input, _gradient_of_weight(gradient, x, weight, ctx.stride), None


def _convolved(x: Tensor, weight: Tensor, stride: int) -> Tensor:
    channels, padding = weight.shape[0], weight.shape[-1] // 2
    return F.conv2d(x, weight, stride=stride, padding=padding, groups=channels)


def _gradient_of_input(gradient: Tensor, x: Tensor, weight: Tensor, stride: int) -> Tensor:
    if stride == 1:  # a convolution by the turned kernel, for which oneDNN is twice as fast
        return _convolved(gradient, weight.flip(2, 3), stride)
    padding = weight.shape[-1] // 2
    return _backward(gradient, x, weight, stride, [padding, padding], of_weight=False)


def _gradient_of_weight(gradient: Tensor, x: Tensor, weight: Tensor, stride: int) -> Tensor:
    """The middle three columns, then two more a time on either side.

    Columns beside the middle are those near the middle of images moved by as much. Where a moved
    image ends too early for the third column of a strip, that column is left out: the strip before
    has it.
    """
    size = weight.shape[-1]
    middle = size // 2
    result = weight.new_zeros(*weight.shape[:-1], size + 2)  # strips may reach beyond the kernel
    # oneDNN is slow where a kernel is higher than its image, or at stride 2 pads by over two rows.
    added = min(middle, max(0, (size - x.shape[2] + 1) // 2, middle - 2 if stride == 2 else 0))
    if added:
        x = F.pad(x, (0, 0, added, added))

    def strip(gradient: Tensor, x: Tensor) -> Tensor:
        padding = [middle - added, _STRIP // 2]
        return _backward(gradient, x, weight[..., :_STRIP], stride, padding, of_weight=True)

    result[..., middle : middle + 3] = strip(gradient, x)
    for shift in range(2, min(middle + 1, x.shape[-1]), 2):
        moved = shift // stride
        left = strip(gradient[..., moved:], x[..., :-shift])
        right = strip(gradient[..., :-moved], x[..., shift:])
        result[..., middle - shift : middle - shift + 2] = left[..., :2]
        result[..., middle + shift + 1 : middle + shift + 3] = right[..., 1:]
    return result[..., 1:-1].contiguous()


def _backward(
    gradient: Tensor, x: Tensor, weight: Tensor, stride: int, padding: list[int], *, of_weight: bool
) -> Tensor:
    gradients = torch.ops.aten.convolution_backward(
        gradient, x, weight, None, [stride, stride], padding, [1, 1],
        False, [0, 0], weight.shape[0], [not of_weight, of_weight, False],
    )  # fmt: skip
    return gradients[1 if of_weight else 0]
