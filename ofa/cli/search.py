"""``ofa search``."""

from functools import partial
from pathlib import Path

from jsonargparse import ArgumentParser, Namespace

from ofa import pipeline
from ofa.cli import flags, fleet, screen
from ofa.cli.command import Command
from ofa.errors import OfaError
from ofa.run_files import SearchOutcome, read_front

Result = Path | pipeline.FrontChange | pipeline.StrategyComparison | pipeline.PrecisionContest

_ROUNDS, _STRATEGY, _EVALUATIONS = 1, "evolution", 10_000


def _add_flags(parser: ArgumentParser) -> None:
    flags.add_device(parser, required=False)
    fleet.add_flags(parser)
    flags.add_budget(parser)
    flags.add_limits(parser)
    flags.add_precisions(parser)
    flags.add_checkpoint(parser)
    parser.add_argument(
        "--rounds",
        type=int,
        default=_ROUNDS,
        help="turns of search and measurement at most; they end when the front rests",
    )
    flags.add_out(parser, "runs/search")
    flags.add_seed(parser)
    parser.add_argument(
        "--strategy", default=_STRATEGY, metavar="NAME", help="how to search; see docs/search.md"
    )
    parser.add_argument(
        "--against", type=Path, default=None, metavar="FILE", help="older front to compare with"
    )
    parser.add_argument(
        "--compare", action="store_true", help="compare strategies at equal evaluations"
    )
    parser.add_argument(
        "--strategies", default=None, metavar="A,B", help="those to compare; default: all"
    )
    parser.add_argument(
        "--evaluations", type=int, default=_EVALUATIONS, help="archs a compared strategy may ask"
    )


def _search(options: Namespace, track: pipeline.Track) -> list[Result] | Path:
    if options.precisions and (fleet.is_asked(options) or options.compare or options.against):
        raise OfaError(
            "--precisions: compares the precisions of one device, and goes with neither --devices, "
            "--fleet, --compare nor --against; leave one of the two out"
        )
    _refuse_unread(options)
    if fleet.is_asked(options):
        return fleet.run(options, track)
    if not options.device:
        raise OfaError(
            "name a device with --device, several with --devices, or a file with --fleet"
        )
    return [_search_device(device, options, track) for device in options.device]


def _refuse_unread(options: Namespace) -> None:
    """Refuse a flag that the search asked for would pass over."""
    of_one = {
        "--rounds": options.rounds != _ROUNDS,
        "--strategy": options.strategy != _STRATEGY,
        "--against": options.against,
    }
    of_comparison = {
        "--strategies": options.strategies,
        "--evaluations": options.evaluations != _EVALUATIONS,
    }
    of_fleet = {"--budgets": options.budgets, "--max-models": options.max_models}
    if fleet.is_asked(options):
        asked, unread = "a fleet", of_one | of_comparison | {"--compare": options.compare}
    elif options.compare:
        asked, unread = "strategies to compare", of_one | of_fleet
    else:
        asked, unread = "one device without --compare", of_comparison | of_fleet
    for flag, given in unread.items():
        if given:
            raise OfaError(f"{flag}: is not read in the search of {asked}; leave it out")


def _search_device(device: str, options: Namespace, track: pipeline.Track) -> Result:
    if options.compare:
        return pipeline.compare_strategies(
            device=device,
            checkpoint=options.checkpoint,
            budget_ms=options.budget_ms,
            limits=flags.limits(options),
            strategies=options.strategies.split(",") if options.strategies else None,
            max_evaluations=options.evaluations,
            seed=options.seed,
        )
    find = partial(
        pipeline.search,
        checkpoint=options.checkpoint,
        out=options.out,
        limits=flags.limits(options),
        seed=options.seed,
        strategy=options.strategy,
        rounds=options.rounds,
        track=track,
    )
    if options.precisions:
        return pipeline.search_precisions(
            find, device=device, checkpoint=options.checkpoint, budget_ms=options.budget_ms
        )
    if options.against:
        read_front(options.against)  # refused before the search rather than after it
        path = options.out / "fronts" / f"{pipeline.find_device(device).id}.json"
        if options.against.resolve() == path.resolve():
            raise OfaError(f"--against {path}: this search would replace it; copy it first")
    found = find(device=device, budget_ms=options.budget_ms)
    return pipeline.compare_fronts(found, against=options.against) if options.against else found


def _show(results: list[Result] | Path) -> None:
    if isinstance(results, Path):
        fleet.show(results)
        return
    for result in results:
        if isinstance(result, pipeline.StrategyComparison):
            _show_comparison(result)
            continue
        if isinstance(result, pipeline.PrecisionContest):
            for contender in result.contenders:
                if contender.path is not None:
                    _show_front(contender.path)
            _show_contest(result)
            continue
        _show_front(result if isinstance(result, Path) else result.path)
        if not isinstance(result, Path):
            print(f"hypervolume: {result.hypervolume:.4f} times that of {result.against}")


def _show_front(path: Path) -> None:
    print(path)
    outcome = read_front(path)
    if outcome.chosen.search_top1 is None:
        print("chosen by prediction: the checkpoint has no images to measure subnets on")
    is_measured = outcome.scored_by == "measurement"
    if is_measured:
        print(f"scored by measurement: {outcome.num_evaluations:,} subnets, none predicted")
    for number, turn in enumerate(() if is_measured else outcome.rounds, start=1):
        print(
            f"  round {number}: {turn.num_measured} measured, best {turn.best_top1:.2f} %, "
            f"predicted - measured {turn.gap:+.3f} points, of the winner {turn.winner_gap:+.3f}"
        )
    _show_baselines(outcome)


def _show_contest(contest: pipeline.PrecisionContest) -> None:
    how = "measured" if contest.is_measured else "predicted"
    table = screen.table(
        f"within {contest.budget_ms:.3f} ms",
        "device",
        "precision",
        f"top-1, {how}",
        "estimated",
        "leads at",
    )
    for one in contest.contenders:
        table.add_row(
            one.device.name,
            one.precision,
            "too slow" if one.top1 is None else f"{one.top1:.2f} %",
            f"{one.estimate.latency_ms:.3f} ms, {one.estimate.label}" if one.estimate else "–",
            f"{one.lowest_ms:.3f}–{one.highest_ms:.3f} ms" if one.num_points else "nowhere",
        )
    screen.show(table)
    by_precision = {one.precision: one for one in contest.contenders}
    if "int8" in by_precision:
        pays = contest.winner.precision == "int8"
        screen.show(f"int8 {'pays' if pays else 'does not pay'} on this device within this budget")


def _show_baselines(outcome: SearchOutcome) -> None:
    """Best accuracies within the budget: the search's, random search's, a uniform subnet's."""
    most = [f"{name} {value:,.0f}" for name, value in outcome.limits.items()]
    bounds = ", ".join([f"{outcome.budget_ms:.3f} ms", *most])
    for name, points in (
        (outcome.strategy, outcome.front),
        ("random search", outcome.random_front),
        ("uniform subnets", outcome.uniform_front),
    ):
        if not points and outcome.scored_by == "measurement":
            continue  # measuring it would have cost as much as the search
        within = [p.predicted_top1 for p in points if p.estimated_ms <= outcome.budget_ms]
        best = f"{max(within):.2f} %" if within else "none found"
        word = "predicted" if outcome.scored_by == "predictor" else "measured"
        print(f"{name}: {best} {word} within {bounds}")


def _show_comparison(result: pipeline.StrategyComparison) -> None:
    table = screen.table(
        f"{result.device} within {result.budget_ms:.3f} ms, median of {result.num_seeds} seeds",
        "strategy",
        "hypervolume",
        "predicted top-1",
        "evaluations",
    )
    for row in result.rows:
        proven = ", proven optimal" if row.exhaustive else ""
        table.add_row(
            row.strategy,
            "–" if row.hypervolume is None else f"{row.hypervolume:.3f} × random",
            "none found" if row.top1 is None else f"{row.top1:.3f} %",
            f"{row.num_evaluations:,}{proven}",
        )
    screen.show(table)
    if result.uniform_top1 is not None:
        screen.show(f"best uniform subnet: {result.uniform_top1:.3f} % predicted")


SEARCH = Command(
    help="find the accuracy-latency front of a device, or a fleet",
    example="ofa search --device pixel --budget-ms 2 --out runs/pixel",
    add_flags=_add_flags,
    run=_search,
    show=_show,
)
