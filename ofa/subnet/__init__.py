"""Static networks cut from a supernet, and their batch-norm statistics."""

from ofa.subnet.build import Subnet, build_subnet
from ofa.subnet.extract import extract
from ofa.subnet.fold import fold_batchnorm_
from ofa.subnet.recalibrate import CHUNK_SIZE, recalibrate_batchnorm_, recalibrating
from ofa.subnet.static import StaticNet
from ofa.subnet.static_resnet import StaticResNet

__all__ = [
    "CHUNK_SIZE",
    "StaticNet",
    "StaticResNet",
    "Subnet",
    "build_subnet",
    "extract",
    "fold_batchnorm_",
    "recalibrate_batchnorm_",
    "recalibrating",
]
