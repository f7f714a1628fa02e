"""The journey, one function per arrow, each in the module named after what the arrow makes.

::

    recipe     train          supernet        ofa.pipeline.supernet
    supernet   sample         accuracy data   ofa.pipeline.accuracy_data
    data       fit_predictor  predictor       ofa.pipeline.predictor
    device     profile        latency model   ofa.pipeline.device
    both       search         front           ofa.pipeline.front
    front      extract        subnet          ofa.pipeline.subnet
    subnet     deploy         bundle          ofa.pipeline.bundle

``specialize`` walks the last three. The command line and notebooks call these functions. Every one
reads files and writes files, so a journey can be left and taken up anywhere. Heavy libraries are
imported inside the functions.
"""

from ofa.pipeline.accuracy_data import Shard, sample
from ofa.pipeline.bundle import deploy
from ofa.pipeline.device import devices, profile
from ofa.pipeline.front import search
from ofa.pipeline.journey import specialize
from ofa.pipeline.predictor import fit_predictor
from ofa.pipeline.progress import Track, untracked
from ofa.pipeline.subnet import extract
from ofa.pipeline.supernet import train

__all__ = [
    "Shard",
    "Track",
    "deploy",
    "devices",
    "extract",
    "fit_predictor",
    "profile",
    "sample",
    "search",
    "specialize",
    "train",
    "untracked",
]
