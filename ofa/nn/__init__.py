"""Elastic layers: they own the largest weights and take the choice as an argument."""

from ofa.nn.bottleneck import ElasticBottleneck, ElasticConvBatchNorm
from ofa.nn.elastic import (
    ElasticBatchNorm2d,
    ElasticConv2d,
    ElasticDepthwiseConv2d,
    ElasticLinear,
    ElasticSqueezeExcite,
)
from ofa.nn.gradients import FastGradients
from ofa.nn.mbconv import ACTIVATIONS, ConvBatchNorm, ElasticMBConv, set_batchnorm_eps_

__all__ = [
    "ACTIVATIONS",
    "ConvBatchNorm",
    "ElasticBatchNorm2d",
    "ElasticBottleneck",
    "ElasticConv2d",
    "ElasticConvBatchNorm",
    "ElasticDepthwiseConv2d",
    "ElasticLinear",
    "ElasticMBConv",
    "ElasticSqueezeExcite",
    "FastGradients",
    "set_batchnorm_eps_",
]
