"""``run.py``, the bundle's own program: it sees what the engine's accuracy was measured on."""

import runpy
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from ofa.data import resized
from ofa.data.decode import decode
from ofa.data.image_folder import square
from ofa.deploy import bundle_contents, load_bundle, write_bundle
from ofa.runtime.onnx_export import export_onnx


@pytest.fixture
def bundle(manifest, net, tmp_path):
    """A bundle whose engine takes 12 px, of a space that goes up to 16 px."""
    supernet = tmp_path / "supernet.safetensors"
    supernet.write_bytes(b"weights")
    takes = manifest.input
    contents = bundle_contents(
        replace(
            manifest,
            arch=replace(manifest.arch, resolution=12),
            input=replace(takes, resolution=12),
        ),
        engines={
            "engine.onnx": export_onnx(
                net, in_channels=1, resolution=12, mean=takes.mean, std=takes.std
            )
        },
        report="<!doctype html>",
        front=b"picture",
        inputs={"supernet": supernet},
    )
    write_bundle(tmp_path / "bundle", contents)
    return tmp_path / "bundle"


@pytest.fixture
def photo(tmp_path):
    """Writes a picture of wide waves, which no resize leaves as it is."""

    def write(width, height):
        x, y = np.arange(width), np.arange(height)[:, None]
        waves = 128 + 60 * np.sin(x / 7) + 60 * np.cos(y / 5)
        path = tmp_path / "photo.png"
        Image.fromarray(waves.astype(np.uint8)).save(path)
        return path

    return write


def run(bundle, *files):
    return subprocess.run(
        [sys.executable, bundle / "run.py", *files], capture_output=True, text=True
    )


@pytest.fixture
def pixels_of(bundle, monkeypatch):
    """The pixels that the program gives to the engine."""

    def pixels_of(path):
        monkeypatch.setattr(sys, "argv", ["run.py", str(path)])
        return runpy.run_path(str(bundle / "run.py"))["pixels"]

    return pixels_of


def test_it_classifies_an_image(bundle, photo, pixels_of):
    picture = photo(16, 16)

    done = run(bundle, picture)

    logits = load_bundle(bundle).session().run(np.ascontiguousarray(pixels_of(picture)))
    expected = ("coat", "shirt & tie", "boot")[int(logits.argmax())]
    assert done.returncode == 0
    assert done.stdout.startswith(f"{picture}: {expected} (")


@pytest.mark.parametrize("size", [(12, 12), (16, 16), (61, 44), (45, 60), (99, 16), (13, 15)])
def test_an_image_is_resized_as_the_test_images_were(photo, pixels_of, size):
    picture = photo(*size)
    image = torch.from_numpy(np.array(Image.open(picture)))[None]
    measured = resized(square(image, 16)[None], 12).numpy()

    shipped = pixels_of(picture)

    assert np.abs(shipped.astype(int) - measured).max() <= 1


@pytest.mark.parametrize("kind", ["turned.jpg", "16 bits.png", "32 bits.tif", "clear.png"])
def test_a_file_is_decoded_as_for_training(photo, pixels_of, kind):
    gray, path = Image.open(photo(20, 16)), photo(20, 16).with_name(kind)
    turned = Image.Exif()
    turned[0x0112] = 6
    levels = np.asarray(gray)
    image = {
        "turned.jpg": gray,
        "16 bits.png": Image.fromarray(levels.astype(np.uint16) * 257),
        "32 bits.tif": Image.fromarray(levels.astype(np.int32) * 257),
        "clear.png": Image.fromarray(np.stack([levels // 2, levels], axis=-1)),
    }[kind]
    image.save(path, **({"exif": turned} if kind == "turned.jpg" else {}))
    trained = resized(square(decode(path, channels=1), 16)[None], 12).numpy()

    shipped = pixels_of(path)

    assert np.abs(shipped.astype(int) - trained).max() <= 1


def test_a_file_that_is_no_image_is_named_and_the_others_are_classified(bundle, photo, tmp_path):
    broken, missing, floating = (tmp_path / name for name in ("broken.png", "no.png", "f.tif"))
    broken.write_bytes(b"\x89PNG nothing")
    Image.new("F", (20, 20), 0.5).save(floating)
    good = photo(20, 20)

    done = run(bundle, broken, missing, floating, good)

    assert done.returncode == 1
    assert done.stdout.startswith(f"{good}: ") and done.stdout.count("\n") == 1
    for path, line in zip((broken, missing, floating), done.stderr.splitlines(), strict=True):
        assert line.startswith(f"{path}: not a readable image (")


def test_a_changed_engine_is_refused(bundle):
    (bundle / "engine.onnx").write_bytes(b"something else")

    done = run(bundle, "image.png")

    assert done.returncode == 1
    assert done.stderr.startswith("engine.onnx: is not the file that manifest.json describes")
