"""Recipe to a better recipe: short trainings that vary some of its fields, chosen by Optuna.

The study is a file of its own, so that a sweep that was cut off goes on with the next trial.
"""

from collections.abc import Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ofa import artifacts
from ofa.errors import BadArtifact, MissingExtra, OfaError
from ofa.pipeline.supernet import prepared
from ofa.recipe import Recipe

if TYPE_CHECKING:
    from collections.abc import Iterator

    import optuna

    from ofa.train import Value, Varied

_STUDY = "sweep.journal"
_IDENTITY = "ofa_sweep"


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One training of a sweep.

    Attributes:
        number: From 0, in the order they began.
        values: What was tried, by field.
        outcome: ``complete``; ``pruned``, given up since most others were better by then; or
            ``failed``, with the reason in ``reason``.
        top1: Best mean top-1 of the largest and the smallest subnet on the search split, percent.
        reason: Why it failed.
    """

    number: int
    values: "dict[str, Value]"
    outcome: str
    top1: float | None
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class Sweep:
    """What a sweep found.

    Attributes:
        recipe: File of the recipe with the best values, at its full length.
        best: The trial they come from.
        trials: All, in order.
    """

    recipe: Path
    best: Trial
    trials: tuple[Trial, ...]


def sweep(
    recipe: Recipe,
    *,
    varied: "Sequence[Varied]",
    out: Path,
    num_trials: int = 12,
    epochs: int | None = None,
    seed: int = 0,
    progress: bool = True,
) -> Sweep:
    """Try values for some fields of a recipe.

    The same call goes on where an earlier one was cut off; only the trial in hand is lost.

    Args:
        varied: The fields.
        out: Holds the study, a folder a trial with logs, and ``recipe.yaml``, the best.
        num_trials: Trainings in all, earlier ones included.
        epochs: Of each, instead of the recipe's; its phases are shortened alike.

    Raises:
        InUse: If another process sweeps into ``out``.
        MissingExtra: If Optuna is not installed.
        BadData: If the images are missing or unreadable; nothing is written.
        OfaError: If a field or value is impossible, the folder holds a sweep of something else, or
            every trial failed; none of these is kept.
    """
    from ofa.train import shortened, with_fields

    if not varied:
        raise OfaError("no field to vary; name one, as in train.weight_decay=1e-5..1e-3")
    if num_trials < 1:
        raise OfaError(f"num_trials: {num_trials} is below 1; use 12")
    if (recipe.train.devices, recipe.train.num_nodes) != (1, 1):
        raise OfaError("a sweep trains on one device; add --train.devices 1 --train.num_nodes 1")
    short = with_fields(recipe, shortened(recipe.train.phases, epochs)) if epochs else recipe
    for field in varied:  # a misspelt field shows before anything is trained
        with_fields(short, {field.field: field.first})
    if find_spec("optuna") is None:
        raise MissingExtra("sweep: needs Optuna; pip install 'ofa-toolkit[optuna]'")
    journal = out / _STUDY
    if not journal.exists():
        _check_images(short, varied)
    with artifacts.claimed(out, is_folder=True):
        study = _study(short, varied, out=out, seed=seed)
        while len(_trials(study)) < num_trials:
            _run(study, short, varied, out=out, progress=progress)
        trials = _trials(study)
        finished = [trial for trial in trials if trial.outcome == "complete"]
        if not finished:  # nothing to go on from, and in the way of a command that is mended
            journal.unlink()
    if not finished:
        with suppress(OSError):  # it holds logs, if a trial came to its first step
            out.rmdir()
        raise OfaError(f"none of {len(trials)} trials came to an end: {trials[-1].reason}")
    best = max(finished, key=lambda trial: trial.top1 or 0.0)
    found = out / "recipe.yaml"
    artifacts.write_yaml(
        found,
        asdict(with_fields(recipe, best.values)),
        header=f"The best of {len(trials)} trials: {best.top1:.2f} % mean top-1 of the corners on "
        f"the search split after {sum(p.epochs for p in short.train.phases)} epochs.",
    )
    return Sweep(recipe=found, best=best, trials=trials)


def _check_images(recipe: Recipe, varied: "Sequence[Varied]") -> None:
    """Read the images once, since every trial would fail without them."""
    from ofa.data import count_classes, load_training_splits
    from ofa.train import with_fields

    fields = {field.field: field.first for field in varied if field.field.startswith("data.")}
    data = with_fields(recipe, fields).data
    load_training_splits(data, replace(recipe.space, num_classes=count_classes(data)))


def _study(recipe: Recipe, varied: "Sequence[Varied]", *, out: Path, seed: int) -> "optuna.Study":
    import optuna
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    with _journal(out / _STUDY):
        study = optuna.create_study(
            study_name="sweep",
            direction="maximize",
            storage=JournalStorage(JournalFileBackend(str(out / _STUDY))),
            pruner=optuna.pruners.MedianPruner(n_startup_trials=4, n_warmup_steps=1),
            load_if_exists=True,
        )
        # A sampler draws anew from where it goes on, so a resumed sweep repeats no trial.
        study.sampler = optuna.samplers.TPESampler(seed=seed + len(study.trials))
        identity = artifacts.digest([asdict(recipe), [asdict(field) for field in varied]])
        known = study.user_attrs.get(_IDENTITY)
        if known not in (None, identity):
            raise BadArtifact(
                f"{out / _STUDY}: is a sweep of another recipe or other fields; use another --out"
            )
        if known is None:
            study.set_user_attr(_IDENTITY, identity)
        for trial in study.get_trials(states=(optuna.trial.TrialState.RUNNING,)):
            study.tell(trial.number, state=optuna.trial.TrialState.FAIL)  # it was cut off
    return study


@contextmanager
def _journal(path: Path) -> "Iterator[None]":
    """Name the file where Optuna cannot read it."""
    try:
        yield
    except (KeyError, ValueError, TypeError) as error:
        if isinstance(error, OfaError):
            raise
        raise BadArtifact(f"{path}: is no study that Optuna can read; remove it") from error


def _run(
    study: "optuna.Study",
    recipe: Recipe,
    varied: "Sequence[Varied]",
    *,
    out: Path,
    progress: bool,
) -> None:
    """Train once, and tell the study how it went."""
    import optuna

    from ofa.train import fit, with_fields

    trial = study.ask()
    values = {field.field: _suggested(trial, field) for field in varied}
    try:
        _, _, module = prepared(with_fields(recipe, values))
        folder = out / "trials" / str(trial.number)
        fit(
            module, folder=folder, resume=False, progress=progress, callbacks=[_watch(trial)],
            resumable=False,
        )  # fmt: skip
    except optuna.TrialPruned:
        study.tell(trial, state=optuna.trial.TrialState.PRUNED)
    except OfaError as error:
        trial.set_user_attr("reason", str(error))
        study.tell(trial, state=optuna.trial.TrialState.FAIL)
    else:
        study.tell(trial, module.best_top1)


def _watch(trial: "optuna.Trial") -> Any:
    import optuna
    import pytorch_lightning as lightning

    class Watch(lightning.Callback):
        """Gives up a training that falls behind the others."""

        def on_train_epoch_start(self, trainer: Any, pl_module: Any) -> None:
            if pl_module.best_top1:
                trial.report(pl_module.best_top1, pl_module.current_epoch)
                if trial.should_prune():
                    raise optuna.TrialPruned

    return Watch()


def _suggested(trial: "optuna.Trial", field: "Varied") -> "Value":
    if field.choices:
        return trial.suggest_categorical(field.field, field.choices)  # type: ignore[return-value]
    if field.is_whole:
        return trial.suggest_int(field.field, int(field.low), int(field.high), log=field.is_log)
    return trial.suggest_float(field.field, field.low, field.high, log=field.is_log)


def _trials(study: "optuna.Study") -> tuple[Trial, ...]:
    """Trials that are over; those that were cut off left no reason and are not counted."""
    outcomes = {"COMPLETE": "complete", "PRUNED": "pruned", "FAIL": "failed"}
    return tuple(
        Trial(
            number=trial.number,
            values=dict(trial.params),
            outcome=outcomes[trial.state.name],
            top1=None if not trial.values else round(trial.values[0], 4),
            reason=trial.user_attrs.get("reason", ""),
        )
        for trial in study.get_trials(deepcopy=False)
        if trial.state.name in ("COMPLETE", "PRUNED")
        or (trial.state.name == "FAIL" and "reason" in trial.user_attrs)
    )
