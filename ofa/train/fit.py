"""Running a recipe with Lightning's ``Trainer``."""

import logging
import re
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from pathlib import Path

import pytorch_lightning as lightning
from pytorch_lightning.callbacks import ModelCheckpoint, TQDMProgressBar
from pytorch_lightning.callbacks.progress.tqdm_progress import Tqdm
from pytorch_lightning.loggers import CSVLogger, TensorBoardLogger

from ofa.errors import BadArtifact, BadData, Diverged, OfaError
from ofa.recipe import Train
from ofa.train.checkpoints import WholeCheckpoints
from ofa.train.module import SupernetModule
from ofa.train.place import devices_told
from ofa.train.sync_batchnorm import synchronize_batchnorm_

CHECKPOINT = "last.ckpt"

_log = logging.getLogger(__name__)


def fit(
    module: SupernetModule,
    *,
    folder: Path,
    resume: bool,
    progress: bool = True,
    stop_after: int | None = None,
    callbacks: Sequence[lightning.Callback] = (),
    resumable: bool = True,
) -> None:
    """Train to the end of the last phase.

    ``folder/last.ckpt`` is renewed at every epoch's end and every ``checkpoint_every`` steps; since
    what a step does depends on its number alone, a run that was killed and resumed ends with the
    weights of an uninterrupted one.

    Args:
        folder: Holds the checkpoint, and logs (CSV and TensorBoard), a version a start.
        resume: Whether to go on from ``folder/last.ckpt``, if the run came that far.
        stop_after: Epoch of the run after which to leave off, to be resumed later.
        callbacks: Lightning's, besides those that write checkpoints and progress.
        resumable: Whether there is a way to resume the run; without one no checkpoint is written.

    Raises:
        BadArtifact: If the checkpoint belongs to another recipe, or the folder cannot be written.
        BadData: If an image cannot be read, or a process that reads them ended.
        Diverged: If a step is not finite, and the recipe does not skip it.
        OfaError: If the recipe's devices are not there.
    """
    train = module.recipe.train
    last = folder / CHECKPOINT
    if resume and not last.is_file():
        _log.warning("%s: not there yet, so the run starts anew", last)
        resume = False
    if train.sync_batchnorm:
        synchronize_batchnorm_(module.supernet)
    logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)
    with warnings.catch_warnings():
        # Small sets are gathered from memory in the training process: workers would only copy.
        warnings.filterwarnings("ignore", ".*does not have many workers.*")
        warnings.filterwarnings("ignore", ".*Checkpoint directory .* exists and is not empty.*")
        # Lightning 2.6 on torch 2.14; nothing of ours.
        warnings.filterwarnings("ignore", ".*isinstance.treespec, LeafSpec.*")
        # A checkpoint within an epoch is of the end of a step, which is where ours goes on.
        warnings.filterwarnings("ignore", ".*no pre-optimization state was saved.*")
        # Our loader does go on where the run was cut off; see ``EpochOrder``.
        warnings.filterwarnings("ignore", ".*resuming from a checkpoint that ended before the.*")
        with devices_told():
            trainer = lightning.Trainer(
                default_root_dir=folder,
                max_epochs=stop_after or module.plan[-1].end_epoch,
                accelerator=train.accelerator,
                devices=train.devices,
                num_nodes=train.num_nodes,
                strategy=train.strategy,
                precision=train.precision,
                use_distributed_sampler=False,
                logger=[
                    CSVLogger(folder / "logs", name="csv"),
                    TensorBoardLogger(folder / "logs", name="tensorboard"),
                ],
                enable_checkpointing=resumable,
                callbacks=[
                    *(_checkpoints(folder, train) if resumable else []),
                    *([_BarOnStderr(refresh_rate=10)] if progress else []),
                    *callbacks,
                ],
                enable_progress_bar=progress,
                enable_model_summary=False,
                # Lightning's steps are batches.
                log_every_n_steps=min(50, module.plan[0].steps_per_epoch) * train.accumulate,
                num_sanity_val_steps=0,
                plugins=[WholeCheckpoints()],
            )
        with _told_in_one_line(last, module, resumable=resumable):
            trainer.fit(module, ckpt_path=last if resume else None, weights_only=True)


class _BarOnStderr(TQDMProgressBar):
    """Lightning's bar; results alone go to stdout."""

    def init_train_tqdm(self) -> Tqdm:
        """The bar of training, which is the only one."""
        with redirect_stdout(sys.stderr):
            return super().init_train_tqdm()


class _CheckpointsWithinEpochs(lightning.Callback):
    """Writes a checkpoint after every so many whole steps.

    Not after an epoch's last: a run that went on from there would leave out the epoch's validation.
    """

    def __init__(self, path: Path, *, every: int, accumulate: int) -> None:
        self.path, self.every, self.accumulate = path, every, accumulate

    def on_train_batch_end(
        self,
        trainer: lightning.Trainer,
        pl_module: lightning.LightningModule,
        outputs: object,
        batch: object,
        batch_idx: int,
    ) -> None:
        ends_step = (batch_idx + 1) % self.accumulate == 0
        if ends_step and trainer.global_step % self.every == 0 and not trainer.is_last_batch:
            trainer.save_checkpoint(self.path)


@contextmanager
def _told_in_one_line(last: Path, module: SupernetModule, *, resumable: bool) -> Iterator[None]:
    """Turn what may go wrong outside this project's code into errors that a user can mend."""
    go_on = "go on with --resume" if resumable else "start again"
    try:
        yield
    except Diverged as error:
        if not resumable:
            mend = "start anew with a lower learning rate"
        elif module.saved_step is None:
            mend = "no checkpoint was written before; start anew with a lower learning_rate"
        else:
            mend = (
                f"the last good checkpoint is {last}, of step {module.saved_step}: go on from it "
                "with --resume --train.on_nan skip, or start anew with another --out and a lower "
                "learning_rate"
            )
        raise Diverged(f"{error}; {mend}") from error
    except OfaError as error:
        raise _of_worker(error) from error
    except OSError as error:
        where = error.filename or last.parent
        raise BadArtifact(f"{where}: {error.strerror or error}; mend that, then {go_on}") from error
    except RuntimeError as error:
        if not re.match(
            r"DataLoader worker .* (exited unexpectedly|is killed by signal)", f"{error}"
        ):
            raise
        raise BadData(
            f"a process that reads training images was killed ({str(error).split('.')[0]}), as the "
            f"system does when memory is short; {go_on}, with a smaller data.workers"
        ) from error


def _of_worker(error: OfaError) -> OfaError:
    """An error from a process that reads images, without the traceback that torch puts in."""
    _, marker, traceback = str(error).partition("Original Traceback")
    if not marker:
        return error
    return type(error)(traceback.strip().splitlines()[-1].partition(": ")[2])


def _checkpoints(folder: Path, train: Train) -> list[lightning.Callback]:
    """Writers of ``last.ckpt``: at the end of epochs, and within them."""
    ends = ModelCheckpoint(
        dirpath=folder,
        filename=CHECKPOINT.removesuffix(".ckpt"),
        enable_version_counter=False,
        save_on_train_epoch_end=True,
    )
    if not train.checkpoint_every:
        return [ends]
    within = _CheckpointsWithinEpochs(
        folder / CHECKPOINT, every=train.checkpoint_every, accumulate=train.accumulate
    )
    return [within, ends]
