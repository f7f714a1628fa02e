"""``ofa search``."""

from pathlib import Path

from jsonargparse import ArgumentParser, Namespace

from ofa import pipeline
from ofa.cli import flags, fleet
from ofa.cli.command import Command
from ofa.errors import OfaError
from ofa.run_files import read_front


def _add_flags(parser: ArgumentParser) -> None:
    flags.add_device(parser, required=False)
    fleet.add_flags(parser)
    flags.add_budget(parser)
    flags.add_checkpoint(parser)
    parser.add_argument(
        "--rounds",
        type=int,
        default=1,
        help="turns of search and measurement at most; they end when the front rests",
    )
    flags.add_out(parser, "runs/search")
    flags.add_seed(parser)


def _search(options: Namespace, track: pipeline.Track) -> list[Path] | Path:
    if fleet.is_asked(options):
        return fleet.run(options, track)
    if not options.device:
        raise OfaError(
            "name a device with --device, several with --devices, or a file with --fleet"
        )
    return [
        pipeline.search(
            device=device,
            checkpoint=options.checkpoint,
            out=options.out,
            budget_ms=options.budget_ms,
            seed=options.seed,
            rounds=options.rounds,
            track=track,
        )
        for device in options.device
    ]


def _show(paths: list[Path] | Path) -> None:
    if isinstance(paths, Path):
        fleet.show(paths)
        return
    for path in paths:
        print(path)
        outcome = read_front(path)
        if outcome.chosen.search_top1 is None:
            print("chosen by prediction: the checkpoint has no images to measure subnets on")
        for number, turn in enumerate(outcome.rounds, start=1):
            print(
                f"  round {number}: {turn.num_measured} measured, best {turn.best_top1:.2f} %, "
                f"predicted - measured {turn.gap:+.3f} points, of the winner {turn.winner_gap:+.3f}"
            )


SEARCH = Command(
    help="find the accuracy-latency front of a device, or of a whole fleet",
    example="ofa search --device pixel --budget-ms 2 --out runs/pixel",
    add_flags=_add_flags,
    run=_search,
    show=_show,
)
