"""``ofa search --devices``: many devices at once, and the few subnets that serve them."""

from pathlib import Path

from jsonargparse import ArgumentParser, Namespace

from ofa import pipeline
from ofa.cli import flags, screen
from ofa.errors import OfaError
from ofa.fleet_files import Choice, FleetOutcome, read_fleet
from ofa.space import kept_by

_MOST_ROWS = 60
_MOST_NAMES = 3


def add_flags(parser: ArgumentParser) -> None:
    """The flags that ask for a fleet."""
    parser.add_argument(
        "--devices",
        nargs="+",
        default=None,
        metavar="NAME",
        help="several devices at once, as names or patterns, e.g. 'devices/*'",
    )
    parser.add_argument(
        "--budgets",
        default=None,
        metavar="LIST",
        help="budgets of each of --devices: ms, or shares of its range, e.g. 5,10,25%",
    )
    parser.add_argument(
        "--fleet",
        type=Path,
        default=None,
        metavar="FILE",
        help="YAML file of devices and their budgets, in place of --devices and --budgets",
    )
    parser.add_argument(
        "--max-models",
        type=int,
        default=0,
        metavar="K",
        help="choose K subnets that serve the whole fleet, and show what each further one buys",
    )


def is_asked(options: Namespace) -> bool:
    """Whether a command line asks for a fleet."""
    return bool(options.devices or options.fleet)


def run(options: Namespace, track: pipeline.Track) -> Path:
    """Search the fleet that a command line asks for."""
    listed = options.devices or options.budgets
    if options.device or options.budget_ms is not None or (options.fleet and listed):
        raise OfaError("give one of: --device with --budget-ms; --devices with --budgets; --fleet")
    if options.max_models < 0:
        raise OfaError(f"--max-models {options.max_models}: choose 1 model or more")
    if options.fleet:
        budgets = pipeline.read_fleet_file(options.fleet)
    elif options.budgets:
        texts: list[str] = options.budgets.split(",")
        budgets = dict.fromkeys(pipeline.match_devices(options.devices), texts)
    else:
        raise OfaError("--devices needs --budgets, such as --budgets 25%,50% or --budgets 5,10,20")
    return pipeline.search_fleet(
        budgets=budgets,
        checkpoint=options.checkpoint,
        out=options.out,
        max_models=options.max_models,
        limits=flags.limits(options),
        seed=options.seed,
        track=track,
    )


def show(path: Path) -> None:
    """Print a fleet's picks, the budgets that cannot be kept, and the few subnets for all."""
    outcome = read_fleet(path)
    print(path)
    _show_picks(outcome)
    for device in outcome.devices:
        for pick in device.picks:
            if pick.point is None:
                allowed = " within the limits" if outcome.limits else ""
                lowest_ms = kept_by(device.lowest_ms)
                print(
                    f"{device.device}: no subnet meets {pick.budget_ms:.4g} ms; those of this "
                    f"space take {lowest_ms:.3f} to {device.highest_ms:.4g} ms{allowed}"
                )
    if outcome.portfolio:
        _show_curve(outcome)
        _show_models(outcome.portfolio[-1])
        _show_next(path, outcome.portfolio[-1])


def _show_picks(outcome: FleetOutcome) -> None:
    table = screen.table(
        "picks, by prediction", "device", "budget, ms", "latency, ms", "90 % interval", "top-1, %"
    )
    rows = [(device, pick) for device in outcome.devices for pick in device.picks]
    for device, pick in rows[:_MOST_ROWS]:
        share = f" ({pick.budget})" if pick.budget.endswith("%") else ""
        found = pick.point
        in_int8 = " int8" if device.precision == "int8" else ""
        between = "–".join(f"{ms:.4g}" for ms in pick.interval_ms) if pick.interval_ms else ""
        table.add_row(
            device.device,
            f"{pick.budget_ms:.4g}{share}",
            f"{found.estimated_ms:.4g}" if found else "too low",
            between,
            f"{found.predicted_top1:.2f}{in_int8}" if found else "",
        )
    screen.show(table)
    if len(rows) > _MOST_ROWS:
        print(f"and {len(rows) - _MOST_ROWS} more in the file")


def _show_curve(outcome: FleetOutcome) -> None:
    title = f"subnets for all {outcome.portfolio[0].num_requests} requests"
    table = screen.table(title, "models", "mean loss, points", "at best", "unserved", "proof")
    for choice in outcome.portfolio:
        table.add_row(
            str(len(choice.archs)),
            f"{choice.mean_loss:.3f}",
            f"{choice.least_loss:.3f}",
            str(choice.num_unserved),
            "optimal" if choice.optimal else "bounded",
        )
    screen.show(table)


def _show_models(choice: Choice) -> None:
    title = f"the choice of {len(choice.archs)}, model by model"
    table = screen.table(title, "subnet", "requests", "devices")
    for number, arch in enumerate(choice.archs):
        devices = [one.device for one in choice.serves if one.model == number]
        names = list(dict.fromkeys(devices))
        more = len(names) - _MOST_NAMES
        shown = ", ".join(names[:_MOST_NAMES])
        table.add_row(arch.id, str(len(devices)), f"{shown} and {more} more" if more > 0 else shown)
    screen.show(table)


def _show_next(path: Path, choice: Choice) -> None:
    """How one of the models is cut out, for the first request that one serves."""
    one = next(one for one in choice.serves if one.model is not None)
    screen.show_next(
        f"ofa extract --front {path} --models {len(choice.archs)} --device {one.device} "
        f"--budget-ms {one.budget_ms:.4g} --out {path.parent}  # and the --checkpoint, if any"
    )
