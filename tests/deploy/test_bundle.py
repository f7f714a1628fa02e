import hashlib
import json
import subprocess
from dataclasses import replace

import numpy as np
import pytest

from ofa import artifacts
from ofa.deploy import bundle_contents, load_bundle, write_bundle
from ofa.deploy.archive import read_archive, write_archive
from ofa.errors import BadArtifact
from ofa.runtime import OrtSession

FILES = {
    "LICENSES.txt", "arch.json", "engine.onnx", "engines/other-int8/net.bin", "front.png",
    "manifest.json", "manifest.json.sha256", "report.html", "run.py", "subnet.safetensors",
}  # fmt: skip


@pytest.fixture
def write(manifest, engine, tmp_path):
    supernet = tmp_path / "supernet.safetensors"
    supernet.write_bytes(b"weights")

    other = replace(
        manifest.engines[0], name="other-int8", files=("engines/other-int8/net.bin",), num_bytes=3
    )
    manifest = replace(manifest, engines=(*manifest.engines, other))

    def write_into(folder, report="<!doctype html>"):
        contents = bundle_contents(
            manifest,
            engines={"engine.onnx": engine, "engines/other-int8/net.bin": b"net"},
            report=report,
            front=b"picture",
            weights={"classifier.bias": np.zeros(3, np.float32)},
            inputs={"supernet": supernet},
        )
        write_bundle(folder, contents)
        return folder

    return write_into


@pytest.fixture
def bundle(write, tmp_path):
    return write(tmp_path / "bundle")


def reseal(folder, change):
    """Change the manifest as somebody would who can compute hashes."""
    path = folder / "manifest.json"
    body = json.loads(path.read_text())
    change(body)
    path.write_text(json.dumps(body))
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    (folder / "manifest.json.sha256").write_text(f"{digest}  manifest.json\n")


def test_a_bundle_is_read_as_it_was_written(bundle, manifest, engine, images):
    found = load_bundle(bundle)

    assert {p.relative_to(bundle).as_posix() for p in bundle.rglob("*") if p.is_file()} == FILES
    assert found.manifest.arch == manifest.arch
    assert found.manifest.top1 == manifest.top1
    assert set(found.manifest.files) == FILES - {"manifest.json", "manifest.json.sha256"}
    assert found.origin.inputs["supernet"].sha256 == hashlib.sha256(b"weights").hexdigest()
    np.testing.assert_array_equal(found.session().run(images), OrtSession(engine).run(images))


def test_its_arch_and_its_weights_are_ordinary_artifacts(bundle, manifest):
    arch = artifacts.read_json(bundle / "arch.json", schema="arch")
    tensors, notes = artifacts.read_tensors(bundle / "subnet.safetensors")

    assert arch["id"] == manifest.arch.id
    assert notes["arch"] == manifest.arch.to_json()
    assert set(tensors) == {"classifier.bias"}


def test_the_seal_is_one_that_sha256sum_checks(bundle):
    done = subprocess.run(
        ["sha256sum", "--check", "manifest.json.sha256"], cwd=bundle, capture_output=True, text=True
    )

    assert done.stdout == "manifest.json: OK\n"


@pytest.mark.parametrize("name", sorted(FILES))
def test_one_flipped_bit_is_refused_by_the_name_of_its_file(bundle, name):
    content = bytearray((bundle / name).read_bytes())
    content[len(content) // 2] ^= 1
    (bundle / name).write_bytes(content)

    blamed = "manifest.json" if name == "manifest.json.sha256" else name
    with pytest.raises(BadArtifact, match=f"{blamed}: .*copy the bundle again"):
        load_bundle(bundle)


@pytest.mark.parametrize("name", sorted(FILES))
def test_a_missing_file_is_refused_by_name(bundle, name):
    (bundle / name).unlink()

    with pytest.raises(BadArtifact, match=f"{name}: is missing"):
        load_bundle(bundle)


def test_a_truncated_engine_is_refused_before_it_is_loaded(bundle):
    engine = bundle / "engine.onnx"
    engine.write_bytes(engine.read_bytes()[:-100])

    with pytest.raises(BadArtifact, match=r"engine.onnx: its SHA-256 is"):
        load_bundle(bundle)


def test_a_strange_file_is_refused_by_name(bundle):
    (bundle / "extra.so").write_bytes(b"")

    with pytest.raises(BadArtifact, match=r"extra.so: is no part of this bundle"):
        load_bundle(bundle)


def test_a_legal_name_that_the_manifest_does_not_list_is_refused(bundle):
    reseal(bundle, lambda body: body["files"].pop("subnet.safetensors"))

    with pytest.raises(BadArtifact, match=r"subnet.safetensors: is no part of this bundle"):
        load_bundle(bundle)


@pytest.mark.parametrize(
    "name",
    ["../engine.onnx", "/etc/passwd", "a/b", "a\\b", "", "..", "engines/../x", "engines//x",
     "engines/a/..", "engines/a/b/c", "manifest.json"],
)  # fmt: skip
def test_a_name_that_leads_outside_is_refused(bundle, name):
    reseal(bundle, lambda body: body["files"].update({name: "0" * 64}))

    with pytest.raises(BadArtifact, match=r"manifest.json: names .* no file of a bundle"):
        load_bundle(bundle)


def test_a_link_is_refused(bundle, tmp_path):
    engine = bundle / "engine.onnx"
    engine.rename(tmp_path / "engine.onnx")
    engine.symlink_to(tmp_path / "engine.onnx")

    with pytest.raises(BadArtifact, match=r"engine.onnx: is not a regular file"):
        load_bundle(bundle)


def test_a_foreign_manifest_is_refused(bundle):
    reseal(bundle, lambda body: body["schema"].update(name="front"))

    with pytest.raises(BadArtifact, match="its schema is"):
        load_bundle(bundle)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (lambda body: body.update(budget_ms="soon"), "budget_ms"),
        (lambda body: body.update(colour="red"), "colour"),
        (lambda body: body["arch"].update(resolution=13), "resolution"),
        (lambda body: body.pop("inputs"), "inputs"),
    ],
    ids=["type", "unknown", "illegal arch", "no inputs"],
)
def test_a_manifest_that_does_not_fit_its_form_is_refused_by_field(bundle, change, field):
    reseal(bundle, change)

    with pytest.raises(BadArtifact, match=f"manifest.json: .*{field}"):
        load_bundle(bundle)


def test_a_folder_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(BadArtifact, match="no such folder"):
        load_bundle(tmp_path / "nowhere")


def test_an_engine_whose_file_is_not_listed_is_refused(bundle):
    reseal(bundle, lambda body: body["engines"][1].update(files=["engines/x/y"]))

    with pytest.raises(BadArtifact, match=r"engine other-int8 has a file 'engines/x/y'"):
        load_bundle(bundle)


def test_an_engine_of_an_unknown_runtime_is_refused(bundle):
    reseal(bundle, lambda body: body["engines"][1].update(runtime="onnxruntime_directml"))

    with pytest.raises(BadArtifact, match=r"other-int8 is of an unknown runtime 'onnxruntime_dir"):
        load_bundle(bundle)


def test_an_engine_without_files_is_refused(bundle):
    reseal(bundle, lambda body: body["engines"][1].update(files=[]))

    with pytest.raises(BadArtifact, match=r"engine other-int8 has no files; deploy it again"):
        load_bundle(bundle)


@pytest.mark.parametrize(
    "change",
    [
        lambda first: first.update(files=["engines/other-int8/net.bin"]),
        lambda first: first.update(precision="int8"),
        lambda first: first.update(runtime="openvino"),
    ],
    ids=["another file", "precision", "runtime"],
)
def test_a_first_engine_that_is_not_the_portable_one_is_refused(bundle, change):
    reseal(bundle, lambda body: change(body["engines"][0]))

    with pytest.raises(BadArtifact, match=r"its first engine, .*, is not engine.onnx in fp32"):
        load_bundle(bundle)


def test_an_engine_that_would_hide_one_file_behind_another_is_refused(bundle):
    files = ["engine.onnx", "engines/o/engine.onnx"]

    def hide(body):
        body["files"]["engines/o/engine.onnx"] = body["files"]["engine.onnx"]
        body["engines"][0]["files"] = files

    reseal(bundle, hide)

    with pytest.raises(BadArtifact, match="has two files of one name"):
        load_bundle(bundle)


def test_a_program_of_somebody_else_is_told_apart(bundle):
    found = load_bundle(bundle)

    assert found.has_shipped_program
    other = replace(found, contents={**found.contents, "run.py": b"import os"})
    assert not other.has_shipped_program


def test_an_archive_is_the_same_bundle_and_equal_bytes(write, bundle, tmp_path):
    packed, again = write(tmp_path / "a.zip"), write(tmp_path / "b.zip")

    assert load_bundle(packed).manifest == load_bundle(bundle).manifest
    assert load_bundle(packed).contents == load_bundle(bundle).contents
    assert packed.read_bytes() == again.read_bytes()


@pytest.mark.parametrize("name", sorted(FILES))
def test_a_changed_file_in_an_archive_is_refused_by_name(write, tmp_path, name):
    packed = write(tmp_path / "a.zip")
    contents = dict(load_bundle(packed).contents)
    contents[name] = contents[name][:-1] + b"?"
    write_bundle(packed, contents)

    blamed = "manifest.json" if name.startswith("manifest") else name
    with pytest.raises(BadArtifact, match=blamed):
        load_bundle(packed)


def test_an_older_bundle_is_replaced_whole(bundle, write):
    write(bundle, report="<!doctype html>second")

    assert (bundle / "report.html").read_text() == "<!doctype html>second"
    assert load_bundle(bundle).path == bundle
    assert [path.name for path in bundle.parent.iterdir() if path.name.startswith(".")] == []


def test_a_folder_with_anything_else_in_it_is_left_alone(write, tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    (home / "thesis.tex").write_text("years of work")

    with pytest.raises(BadArtifact, match=r"thesis.tex, which is no part of a bundle"):
        write(home)

    assert (home / "thesis.tex").read_text() == "years of work"


def test_a_file_in_the_bundles_place_is_left_alone(write, tmp_path):
    (tmp_path / "taken").write_text("mine")

    with pytest.raises(BadArtifact, match="is not a folder"):
        write(tmp_path / "taken")

    assert (tmp_path / "taken").read_text() == "mine"


@pytest.mark.parametrize("name", ["engines/my_notes.txt", "engines/other-int8/notes.txt"])
def test_a_bundle_that_somebody_keeps_notes_in_is_left_alone(bundle, write, name):
    (bundle / name).write_text("hours of work")

    with pytest.raises(BadArtifact, match=f"holds {name}, which is no part of a bundle"):
        write(bundle)

    assert (bundle / name).read_text() == "hours of work"


def test_engines_of_something_else_are_left_alone(write, tmp_path):
    notes = tmp_path / "home" / "engines" / "car" / "notes.txt"
    notes.parent.mkdir(parents=True)
    notes.write_text("mine")

    with pytest.raises(BadArtifact, match=r"engines/car/notes.txt, which is no part of a bundle"):
        write(tmp_path / "home")

    assert notes.read_text() == "mine"


def test_a_bundle_with_a_damaged_manifest_is_replaced(bundle, write):
    (bundle / "manifest.json").write_bytes(b"{")

    assert load_bundle(write(bundle)).path == bundle


def test_an_archive_that_is_no_bundle_is_left_alone(write, tmp_path):
    thesis, photos = tmp_path / "thesis.zip", tmp_path / "photos.zip"
    thesis.write_bytes(b"years of work")
    write_archive(photos, {"beach.jpg": b"sun"})

    with pytest.raises(BadArtifact, match="is no bundle and would be lost"):
        write(thesis)
    with pytest.raises(BadArtifact, match=r"holds beach.jpg, which is no part of a bundle"):
        write(photos)

    assert thesis.read_bytes() == b"years of work"
    assert read_archive(photos) == {"beach.jpg": b"sun"}


def test_a_failure_leaves_the_older_bundle_and_nothing_else(bundle, write, monkeypatch):
    before = load_bundle(bundle).contents
    write_file = artifacts.write_atomically

    def fail_at_the_engine(path, data):
        if path.name == "engine.onnx":
            raise MemoryError
        write_file(path, data)

    monkeypatch.setattr(artifacts, "write_atomically", fail_at_the_engine)

    with pytest.raises(MemoryError):
        write(bundle, report="half")

    assert load_bundle(bundle).contents == before
    assert {path.name for path in bundle.parent.iterdir()} == {"bundle", "supernet.safetensors"}


def test_a_manifest_whose_fields_meant_something_else_is_refused(bundle):
    reseal(bundle, lambda body: body["schema"].update(version=2))

    with pytest.raises(BadArtifact, match="make it again with this version of ofa"):
        load_bundle(bundle)
