"""Running a recipe with Lightning's ``Trainer``."""

import logging
import warnings
from pathlib import Path

import pytorch_lightning as lightning
from pytorch_lightning.callbacks import ModelCheckpoint, TQDMProgressBar
from pytorch_lightning.loggers import CSVLogger, TensorBoardLogger

from ofa.errors import BadArtifact
from ofa.train.module import SupernetModule


def fit(
    module: SupernetModule,
    *,
    folder: Path,
    resume: bool,
    progress: bool = True,
    stop_after: int | None = None,
) -> None:
    """Train to the end of the last phase.

    Every epoch ends with ``folder/last.ckpt``; since order, augmentation and subnets depend on the
    seed and the step alone, a resumed run ends with the weights of an uninterrupted one.

    Args:
        folder: Holds the checkpoint, and logs (CSV and TensorBoard), a version a start.
        resume: Whether to go on from ``folder/last.ckpt``.
        stop_after: Epoch of the run after which to leave off, to be resumed later.

    Raises:
        BadArtifact: If there is nothing to resume, or it belongs to another recipe.
    """
    train = module.recipe.train
    last = folder / "last.ckpt"
    if resume and not last.is_file():
        raise BadArtifact(f"{last}: there is nothing to resume; start without --resume")
    checkpoints = ModelCheckpoint(
        dirpath=folder, filename="last", enable_version_counter=False, save_on_train_epoch_end=True
    )
    callbacks = [checkpoints, *([TQDMProgressBar(refresh_rate=10)] if progress else [])]
    logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)
    with warnings.catch_warnings():
        # Batches are gathered from memory in the training process: worker processes would only
        # copy.
        warnings.filterwarnings("ignore", ".*does not have many workers.*")
        warnings.filterwarnings("ignore", ".*Checkpoint directory .* exists and is not empty.*")
        # Lightning 2.6 on torch 2.14; nothing of ours.
        warnings.filterwarnings("ignore", ".*isinstance.treespec, LeafSpec.*")
        trainer = lightning.Trainer(
            default_root_dir=folder,
            max_epochs=stop_after or module.plan[-1].end_epoch,
            accelerator=train.accelerator,
            devices=1,
            precision=train.precision,
            reload_dataloaders_every_n_epochs=1,
            logger=[
                CSVLogger(folder / "logs", name="csv"),
                TensorBoardLogger(folder / "logs", name="tensorboard"),
            ],
            callbacks=callbacks,
            enable_progress_bar=progress,
            enable_model_summary=False,
            log_every_n_steps=min(50, module.plan[0].steps_per_epoch),
            num_sanity_val_steps=0,
        )
        trainer.fit(module, ckpt_path=last if resume else None, weights_only=True)
