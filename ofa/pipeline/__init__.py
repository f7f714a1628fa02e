"""The journey, one function per arrow, each in the module named after what the arrow makes.

::

    recipe     train          supernet        ofa.pipeline.supernet
    supernet   sample         accuracy data   ofa.pipeline.accuracy_data
    data       fit_predictor  predictor       ofa.pipeline.predictor
    device     profile        latency model   ofa.pipeline.device
    both       search         front           ofa.pipeline.front
    both       search_precisions  fronts      ofa.pipeline.precisions
    both       search_fleet   fleet           ofa.pipeline.fleet
    fleet      front_of_fleet front           ofa.pipeline.fleet_pick
    front      choose_point   front           ofa.pipeline.front_pick
    front      extract        subnet          ofa.pipeline.subnet
    subnet     finetune       subnet          ofa.pipeline.finetune
    subnet     deploy         bundle          ofa.pipeline.bundle

``specialize`` walks the last three; ``sweep`` makes a better recipe, ``pack`` a checkpoint that
travels; ``verify`` and ``bench`` examine a bundle. The command line and notebooks call these
functions. Every one reads files and writes files, so a journey can be left and taken up anywhere.
Heavy libraries are imported inside the functions.
"""

from ofa.pipeline.accuracy_data import Shard, sample
from ofa.pipeline.adapted import adapt_device, pack_networks
from ofa.pipeline.bench import bench
from ofa.pipeline.bundle import Wish, deploy
from ofa.pipeline.comparison import (
    FrontChange,
    StrategyComparison,
    compare_fronts,
    compare_strategies,
)
from ofa.pipeline.device import (
    check_profile,
    devices,
    find_device,
    ingest_profile,
    pack_profile,
    profile,
)
from ofa.pipeline.finetune import FineTuned, finetune
from ofa.pipeline.fleet import search_fleet
from ofa.pipeline.fleet_pick import front_of_fleet
from ofa.pipeline.fleet_request import match_devices, read_fleet_file
from ofa.pipeline.front import search
from ofa.pipeline.front_pick import choose_point
from ofa.pipeline.journey import specialize
from ofa.pipeline.own_images import pack_images
from ofa.pipeline.pack import pack
from ofa.pipeline.precisions import Contender, PrecisionContest, search_precisions
from ofa.pipeline.predictor import fit_predictor, needs_predictor
from ofa.pipeline.progress import Track, untracked
from ofa.pipeline.subnet import extract
from ofa.pipeline.supernet import PhaseEstimate, find_learning_rate, plan, train
from ofa.pipeline.sweep import Sweep, sweep
from ofa.pipeline.verify import verify

__all__ = [
    "Contender",
    "FineTuned",
    "FrontChange",
    "PhaseEstimate",
    "PrecisionContest",
    "Shard",
    "StrategyComparison",
    "Sweep",
    "Track",
    "Wish",
    "adapt_device",
    "bench",
    "check_profile",
    "choose_point",
    "compare_fronts",
    "compare_strategies",
    "deploy",
    "devices",
    "extract",
    "find_device",
    "find_learning_rate",
    "finetune",
    "fit_predictor",
    "front_of_fleet",
    "ingest_profile",
    "match_devices",
    "needs_predictor",
    "pack",
    "pack_images",
    "pack_networks",
    "pack_profile",
    "plan",
    "profile",
    "read_fleet_file",
    "sample",
    "search",
    "search_fleet",
    "search_precisions",
    "specialize",
    "sweep",
    "train",
    "untracked",
    "verify",
]
