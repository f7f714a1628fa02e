"""Within ``FastGradients`` results stay torch's, and gradients are right at every size."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ofa.nn import FastGradients
from ofa.nn.gradients import _Depthwise, _ImageMean

X86 = pytest.mark.skipif(
    "AVX" not in torch.backends.cpu.get_cpu_capability(), reason="for x86 CPUs alone"
)


def _gradients(x: Tensor, weight: Tensor, *, stride: int) -> tuple[Tensor, ...]:
    """Gradients of a loss by input and weight, and of their squares' sum by both again."""
    x, weight = x.clone().requires_grad_(), weight.clone().requires_grad_()
    y = F.conv2d(x, weight, None, stride, weight.shape[-1] // 2, groups=len(weight))
    first = torch.autograd.grad(y.sin().sum(), (x, weight), create_graph=True)
    second = torch.autograd.grad(sum(one.square().sum() for one in first), (x, weight))  # type: ignore[arg-type]
    return tuple(one.detach() for one in (y, *first, *second))


@X86
@pytest.mark.parametrize("memory_format", [torch.channels_last, torch.contiguous_format])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("kernel_size", [5, 7, 9])
def test_gradients_are_those_of_float64_at_every_size(
    kernel_size: int, stride: int, memory_format: torch.memory_format
):
    torch.manual_seed(0)
    for height, width in [(1, 1), (2, 3), (3, 2), (5, 8), (7, 7), (14, 13)]:
        x = torch.randn(3, 16, height, width).to(memory_format=memory_format)
        weight = torch.randn(16, 1, kernel_size, kernel_size)
        with FastGradients():
            fast = _gradients(x, weight, stride=stride)
        plain = _gradients(x, weight, stride=stride)
        exact = _gradients(x.double(), weight.double(), stride=stride)
        assert torch.equal(fast[0], plain[0])
        for ours, theirs in zip(fast, exact, strict=True):
            torch.testing.assert_close(
                ours.double(), theirs, rtol=1e-4, atol=2e-5 * theirs.abs().max().item()
            )


@X86
def test_of_all_convolutions_only_slow_ones_are_replaced():
    def replaced(conv: nn.Conv2d, x: Tensor) -> bool:
        with FastGradients():
            y = conv(x)
        torch.testing.assert_close(y, conv(x), rtol=0, atol=0)
        return type(y.grad_fn).__name__ == f"{_Depthwise.__name__}Backward"

    x = torch.randn(2, 8, 9, 9)
    assert replaced(nn.Conv2d(8, 8, 5, padding=2, groups=8, bias=False), x)
    assert replaced(nn.Conv2d(8, 8, 7, 2, padding=3, groups=8, bias=False), x)
    for other in (
        nn.Conv2d(8, 8, 3, padding=1, groups=8, bias=False),
        nn.Conv2d(8, 8, 5, padding=2, groups=8),
        nn.Conv2d(8, 16, 5, padding=2, groups=8, bias=False),
        nn.Conv2d(8, 8, 5, padding=2, groups=4, bias=False),
        nn.Conv2d(8, 8, 5, padding=1, groups=8, bias=False),
        nn.Conv2d(8, 8, 5, padding="same", groups=8, bias=False),
        nn.Conv2d(8, 8, 5, padding=2, groups=8, bias=False, padding_mode="reflect"),
        nn.Conv2d(8, 8, 5, padding=4, dilation=2, groups=8, bias=False),
        nn.Conv2d(8, 8, 5, 3, padding=2, groups=8, bias=False),
        nn.Conv2d(8, 8, (5, 3), padding=(2, 1), groups=8, bias=False),
        nn.Conv2d(8, 8, 4, padding=2, groups=8, bias=False),
        nn.Conv2d(8, 8, 5, padding=2, groups=8, bias=False).requires_grad_(requires_grad=False),
    ):
        assert not replaced(other, x)
    conv = nn.Conv2d(8, 8, 5, padding=2, groups=8, bias=False)
    assert not replaced(conv.double(), x.double())
    with torch.autocast("cpu", torch.bfloat16):
        assert not replaced(conv.float(), x)


@pytest.mark.parametrize("keepdim", [True, False])
def test_mean_of_an_image_keeps_its_gradient_and_the_layout_before_it(keepdim: bool):
    torch.manual_seed(0)
    x = torch.randn(3, 8, 5, 4).contiguous(memory_format=torch.channels_last)

    def learned() -> tuple[Tensor, ...]:
        leaf = x.clone().requires_grad_()
        y = F.hardswish(leaf)
        mean = y.mean((2, 3), keepdim=keepdim)
        return mean.detach(), *torch.autograd.grad(mean.sin().sum(), (y, leaf))

    plain = learned()
    with FastGradients():
        fast = learned()
    for ours, theirs in zip(fast, plain, strict=True):
        assert torch.equal(ours, theirs)
    assert fast[2].is_contiguous(memory_format=torch.channels_last)
    assert not plain[2].is_contiguous(memory_format=torch.channels_last)


def test_mean_can_be_differentiated_twice():
    x = torch.randn(2, 3, 4, 5, dtype=torch.float64, requires_grad=True)

    def pooled(x: Tensor) -> Tensor:
        with FastGradients():
            return x.sin().mean((2, 3))

    assert torch.autograd.gradcheck(pooled, x) and torch.autograd.gradgradcheck(pooled, x)


def test_of_all_means_only_that_of_images_is_replaced():
    def replaced(mean: Tensor) -> bool:
        return type(mean.grad_fn).__name__ == f"{_ImageMean.__name__}Backward"

    x = torch.randn(2, 3, 4, 5, requires_grad=True)
    with FastGradients():
        assert replaced(x.mean((2, 3)))
        for other in (x.mean(), x.mean(1), x.mean((1, 2)), x[0].mean((1, 2)), x.mean(dim=(2, 3))):
            assert not replaced(other)
        assert not replaced(x.detach().mean((2, 3)))
        assert not replaced(x.mean((2, 3), dtype=torch.float64))
