"""Bundle to verdict: the whole ladder again, on the machine at hand."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import ofa
from ofa import artifacts
from ofa import checkpoint as files
from ofa.errors import BadArtifact, BadData
from ofa.opened import evaluator, find_checkpoint, judges, open_supernet, read_net

if TYPE_CHECKING:
    from ofa.data import ImageSet
    from ofa.deploy import Ladder, Manifest


@dataclass(frozen=True, kw_only=True)
class Verified:
    """What came of checking a bundle.

    Attributes:
        path: The bundle.
        ladder: Every rung, measured now.
        failing: Name of the first rung that misses its bar.
        warnings: What no rung tells and whoever uses the bundle should know.
    """

    path: Path
    ladder: "Ladder"
    failing: str | None
    warnings: tuple[str, ...] = ()


def verify(*, bundle: Path, checkpoint: str, images: Path | None = None) -> Verified:
    """Check a bundle's hashes, then compare every form of the network with the one before.

    Of a subnet that was fine-tuned the first form is its own weights.

    Args:
        bundle: A folder, or an archive.
        checkpoint: The supernet that it was cut from, whose test images are used.
        images: Folder of the images that a transferred subnet was trained on, which are used then.

    Raises:
        BadArtifact: If a file of the bundle is not what its manifest says, or the bundle was made
            from another supernet or names its classes otherwise.
        BadData: If the images are others than those it was measured on.
    """
    from ofa.data import Normalization
    from ofa.deploy import load_bundle
    from ofa.deploy.bundle import RUN
    from ofa.deploy.verify import climb_forms

    loaded = load_bundle(bundle)
    manifest = loaded.manifest
    folder = find_checkpoint(checkpoint)
    found = artifacts.sha256(folder / files.SUPERNET)
    if found != manifest.supernet_sha256:
        raise BadArtifact(
            f"{bundle}: was cut from a supernet of SHA-256 {manifest.supernet_sha256[:12]}…, but "
            f"{folder / files.SUPERNET} is {found[:12]}…; give --checkpoint"
        )
    supernet, notes = open_supernet(folder)
    if manifest.transferred and images is None:
        raise BadArtifact(
            f"{bundle}: was transferred to other images than its supernet's; give their folder "
            "by --images"
        )
    if images is not None and not manifest.transferred:
        raise BadArtifact(f"{bundle}: is compared on its supernet's images; leave --images out")
    if images is None and manifest.classes != notes.classes:
        pairs = enumerate(zip(manifest.classes, notes.classes, strict=True))
        label, (named, is_named) = next(both for both in pairs if both[1][0] != both[1][1])
        raise BadArtifact(
            f"{bundle}: names class {label} {named!r}, but {folder / files.SUPERNET} {is_named!r}; "
            "do not ship it"
        )
    opened = [(engine, *loaded.engine_session(engine)) for engine in manifest.engines]
    weights, tuned = loaded.weights(), manifest.finetuned_epochs > 0
    climbed = climb_forms(
        supernet=None if tuned else supernet,
        arch=manifest.arch,
        extracted=None if tuned else evaluator(folder, "test").subnet(manifest.arch),
        subnet=None
        if weights is None
        else read_net(weights, manifest.space, manifest.arch, where=bundle),
        engines=[(engine.name, engine.precision, session) for engine, session, _ in opened],
        unchecked={engine.name: reason for engine, _, reason in opened if reason},
        normalization=Normalization(mean=manifest.input.mean, std=manifest.input.std),
        test=judges(folder).test if images is None else _test_images(images, manifest),
        input_type=manifest.input.type,
    )
    failing = climbed.ladder.failing
    differs = f"{bundle / RUN}: is not the program that ofa {ofa.__version__} ships; read it first"
    return Verified(
        path=bundle,
        ladder=climbed.ladder,
        failing=failing.name if failing else None,
        warnings=() if loaded.has_shipped_program else (differs,),
    )


def _test_images(folder: Path, manifest: "Manifest") -> "ImageSet":
    from ofa.data import load_test_images
    from ofa.deploy.engines import image_digest
    from ofa.recipe import Data

    test = load_test_images(Data(name="image_folder", root=str(folder)), manifest.space)
    if (test.classes, image_digest(test.images.numpy())) != (
        manifest.classes,
        manifest.data_sha256.get("test"),
    ):
        raise BadData(
            f"{folder / 'test'}: these are not the images that the bundle was measured on, or not "
            "all of them; give those"
        )
    return test
