"""Images of the user's own for imported weights, which bring none."""

from dataclasses import replace
from pathlib import Path

from ofa import artifacts
from ofa import checkpoint as files
from ofa.errors import BadData
from ofa.opened import find_checkpoint
from ofa.recipe import Data


def pack_images(
    images: Path, *, checkpoint: str, num_search: int | None = None, num_calibration: int = 2_048
) -> Path:
    """Pack a folder of images into a checkpoint, to recalibrate, choose and measure by.

    Of ``images/train``, part is held out to choose subnets by and the rest recalibrates them;
    ``images/test`` is reported once. Folders name the classes, in the order of the labels. What was
    measured on other images before is refused from then on, as if it were of other weights.

    Args:
        images: Holds ``train/<class>/*`` and ``test/<class>/*``.
        num_search: Training images held out; ``None`` takes half of them, 10,000 at most.
        num_calibration: Images that recalibrate, at most.

    Returns:
        ``images`` in the checkpoint's folder.

    Raises:
        BadData: If images are missing or unreadable, or do not fit the supernet's classes.
    """
    from ofa.data.image_folder import index_image_folder
    from ofa.data.load import load_splits
    from ofa.evaluate import Judges, write_judges

    folder = find_checkpoint(checkpoint)
    path = folder / files.SUPERNET
    tensors, notes = files.read_supernet(path)
    if num_search is None:
        size = max(notes.space.resolutions)
        channels = notes.space.in_channels
        num_images = len(index_image_folder(images, part="train", channels=channels, size=size))
        if num_images < 4:
            raise BadData(f"{images / 'train'}: holds {num_images} images; give 4 or more")
        num_search = min(10_000, num_images // 2)
    data = Data(
        name="image_folder",
        root=str(images),
        num_search=num_search,
        num_calibration=num_calibration,
        stream=True,  # those that neither recalibrate nor choose are never decoded
    )
    splits = load_splits(data, notes.space)
    judges = Judges(
        calibration=splits.calibration, search=splits.search, load_test=lambda: splits.test
    )
    write_judges(folder, judges)
    judged_by = artifacts.digest([judges.calibration.digest(), judges.search.digest()])
    notes = replace(notes, classes=splits.test.classes, judged_by=judged_by)
    files.write_supernet(path, tensors, notes)
    return folder / files.IMAGES
