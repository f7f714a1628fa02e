import hashlib
from dataclasses import asdict, replace

import pytest

from ofa import artifacts
from ofa.deploy import Manifest, origin
from ofa.deploy.manifest import resize_steps
from ofa.errors import BadArtifact, IllegalArch


def test_a_manifest_survives_its_plain_form(manifest):
    assert artifacts.parse(Manifest, asdict(manifest), where="here") == manifest


def test_an_arch_that_its_space_does_not_hold_is_refused(manifest):
    with pytest.raises(IllegalArch, match="resolution"):
        replace(manifest, arch=replace(manifest.arch, resolution=20))


def test_an_input_of_another_size_than_the_archs_is_refused(manifest):
    with pytest.raises(BadArtifact, match="12 px, but the arch takes 16 px"):
        replace(manifest, input=replace(manifest.input, resolution=12))


def test_classes_that_do_not_name_every_logit_are_refused(manifest):
    with pytest.raises(BadArtifact, match="2 names, but the space has 3"):
        replace(manifest, classes=("coat", "boot"))


def test_test_images_are_counted_by_an_engine_of_the_bundle(manifest):
    with pytest.raises(BadArtifact, match=r"top1.counted_by: 'another' is none of engines"):
        replace(manifest, top1=replace(manifest.top1, counted_by="another"))


def test_an_input_tells_every_resize_that_its_images_went_through(manifest):
    space = manifest.space

    assert max(space.resolutions) == 16
    assert resize_steps(space, 16).startswith(
        "shorter side resized to 16 px, center square of 16 px cropped; bilinear"
    )
    assert "cropped, then resized to 12 px; bilinear" in resize_steps(space, 12)


def test_an_origin_tells_the_maker_and_the_hash_of_every_file(tmp_path):
    supernet = tmp_path / "supernet.safetensors"
    supernet.write_bytes(b"weights")

    found = origin({"supernet": supernet})

    assert found.inputs["supernet"].file == "supernet.safetensors"
    assert found.inputs["supernet"].sha256 == hashlib.sha256(b"weights").hexdigest()
    assert {"command", "ofa", "torch", "onnxruntime"} <= set(found.made_by)
