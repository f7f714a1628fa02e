"""The whole journey on a folder of images, small enough for a test."""

import json
import shutil
import sys
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import pytest
from PIL import Image
from runtime.ssh_server import SSHD, ssh_server

from ofa import artifacts, pipeline
from ofa.artifacts import parse, read_yaml
from ofa.checkpoint import append_accuracy, read_accuracy, read_supernet
from ofa.cli import main
from ofa.data import digest_of_files
from ofa.deploy import (
    EngineCache,
    EngineRequest,
    assemble,
    build,
    bundle_contents,
    load_bundle,
    write_bundle,
)
from ofa.errors import BadArtifact, BadData, InfeasibleBudget, ParityFailure
from ofa.opened import predictor, search_top1
from ofa.pipeline.bundle import attempt_of, prepare
from ofa.recipe import Augment, Recipe
from ofa.run_files import read_front, read_subnet, write_subnet
from ofa.runtime import RUNTIMES, AbstractTarget, Timing, describe_machine
from ofa.runtime.onnxruntime import OrtSession
from ofa.runtime.runner import circumstances
from ofa.space import encoding_of, macs, network
from ofa.train import fit


@pytest.fixture(scope="module")
def run(striped_images, tmp_path_factory):
    """A run folder with a trained supernet, its accuracy data and its predictor."""
    out = tmp_path_factory.mktemp("run")
    flags = [
        "--recipe",
        "recipes/tiny.yaml",
        "--data.root",
        str(striped_images),
        "--train.threads",
        "1",
        "--train.augment.crop_padding",
        "1",
    ]
    assert main(["train", *flags, "--out", str(out)]) == 0
    assert main(["sample", "--checkpoint", str(out), "--num", "60"]) == 0
    assert main(["fit-predictor", "--checkpoint", str(out)]) == 0
    return out


def read_space(run):
    return read_supernet(run / "supernet.safetensors")[1].space


@pytest.fixture(scope="module")
def bundle(run):
    return pipeline.specialize(device="pixel", checkpoint=str(run), out=run, seed=3)


def test_training_leaves_weights_recipe_and_logs(run):
    assert {"supernet.safetensors", "recipe.yaml", "last.ckpt", "logs"} <= {
        path.name for path in run.iterdir()
    }


def test_the_files_that_were_trained_on_are_noted(run, striped_images):
    notes = read_supernet(run / "supernet.safetensors")[1]
    data = replace(notes.data, root=str(striped_images))
    assert notes.files == digest_of_files(data, notes.space)


def test_measuring_again_measures_only_what_is_missing(run):
    before = (run / "accuracy.jsonl").read_bytes()

    pipeline.sample(checkpoint=str(run), num=62)

    after = (run / "accuracy.jsonl").read_bytes()
    assert after.startswith(before)
    assert after.count(b"\n") == before.count(b"\n") + 2


def test_the_bundle_holds_an_engine_that_is_right_about_the_test_images(bundle, striped_images):
    manifest = bundle.manifest
    session = bundle.session()
    side = manifest.input.resolution
    hits = 0
    for label, name in enumerate(manifest.classes):
        for path in sorted((striped_images / "test" / name).iterdir()):
            image = Image.open(path).resize((side, side), Image.Resampling.BILINEAR)
            pixels = np.asarray(image, np.uint8).transpose(2, 0, 1)[None]
            hits += int(session.run(np.ascontiguousarray(pixels)).argmax() == label)

    assert manifest.top1.num_test_images == 80
    assert hits / 80 * 100 == pytest.approx(manifest.top1.test, abs=4)
    assert manifest.ladder.failing is None
    assert [rung.name for rung in manifest.ladder.rungs] == [
        "supernet to extracted", "extracted to subnet", "subnet to onnxruntime-fp32",
        "onnxruntime-fp32 to onnxruntime-fp32/engine.ort",
    ]  # fmt: skip


def test_a_packed_checkpoint_needs_no_data_set(run, bundle, striped_images, tmp_path):
    moved = tmp_path / "images"
    shutil.copytree(striped_images, moved)

    packed = pipeline.pack(checkpoint=str(run), images=moved, out=tmp_path / "packed")
    shutil.rmtree(moved)
    again = pipeline.specialize(device="pixel", checkpoint=str(packed), out=tmp_path, seed=3)

    assert {path.name for path in packed.iterdir()} == {
        "supernet.safetensors", "accuracy.jsonl", "predictor.safetensors", "predictor.json",
        "images",
    }  # fmt: skip
    assert again.manifest.top1 == bundle.manifest.top1


def test_other_images_are_not_packed(run, striped_images, tmp_path):
    shutil.copytree(striped_images, tmp_path / "images")
    for path in (tmp_path / "images" / "train").rglob("*.png"):
        Image.new("RGB", (32, 32), (9, 9, 9)).save(path)

    with pytest.raises(BadData, match=r"not the images that .* was trained on, their mean"):
        pipeline.pack(checkpoint=str(run), images=tmp_path / "images", out=tmp_path / "packed")

    assert not (tmp_path / "packed").exists()


def test_the_same_seed_makes_the_same_engine(bundle, run, tmp_path):
    again = pipeline.specialize(device="pixel", checkpoint=str(run), out=tmp_path, seed=3)

    assert again.manifest.arch == bundle.manifest.arch
    assert again.manifest.top1 == bundle.manifest.top1
    assert again.portable == bundle.portable


def test_the_chosen_subnet_keeps_the_budget(bundle, run, tmp_path):
    fastest_ms = read_front(run / "fronts" / "pixel1.json").lowest_ms
    budget_ms = 1.1 * fastest_ms
    chosen = pipeline.specialize(
        device="pixel", checkpoint=str(run), out=tmp_path, budget_ms=budget_ms
    )

    assert fastest_ms <= chosen.manifest.estimated.latency_ms <= budget_ms
    assert chosen.manifest.budget_origin == "asked"


def test_limits_are_kept_and_told_by_front_manifest_and_report(run, tmp_path, capsys):
    smallest = macs(network(read_space(run), read_space(run).smallest()))
    words = ["specialize", "--device", "pixel", "--checkpoint", str(run), "--out", str(tmp_path)]

    assert main([*words, "--max", f"macs={1.5 * smallest / 1000}k"]) == 0

    assert f"{1.5 * smallest:,.0f}" in capsys.readouterr().out
    front = read_front(tmp_path / "fronts" / "pixel1.json")
    assert front.limits == {"macs": pytest.approx(1.5 * smallest)}
    for point in (*front.front, *front.random_front, *front.uniform_front):
        assert macs(network(read_space(run), point.arch)) <= 1.5 * smallest
    path = next((tmp_path / "bundles").iterdir())
    assert load_bundle(path).manifest.limits == front.limits
    assert "<small>at most</small>" in (path / "report.html").read_text()


def test_an_impossible_budget_writes_nothing(run, tmp_path):
    with pytest.raises(InfeasibleBudget, match="set the budget to"):
        pipeline.specialize(device="pixel", checkpoint=str(run), out=tmp_path / "x", budget_ms=1e-3)

    assert not (tmp_path / "x").exists()


def test_a_predictor_of_other_weights_is_refused(run, tmp_path):
    for name in ("predictor.safetensors", "predictor.json"):
        (tmp_path / name).write_bytes((run / name).read_bytes())
    tensors, notes = artifacts.read_tensors(run / "supernet.safetensors")
    tensors["classifier.bias"] += 1
    artifacts.write_tensors(tmp_path / "supernet.safetensors", tensors, notes)

    with pytest.raises(BadArtifact, match=r"predictor\.json: was made from another supernet"):
        pipeline.search(device="pixel", checkpoint=str(tmp_path), out=tmp_path)
    (tmp_path / "accuracy.jsonl").write_bytes((run / "accuracy.jsonl").read_bytes())
    with pytest.raises(BadArtifact, match=r"accuracy\.jsonl: was made from another supernet"):
        pipeline.sample(checkpoint=str(tmp_path), num=61)


def test_weights_of_another_space_are_refused_by_tensor(run, tmp_path):
    tensors, notes = artifacts.read_tensors(run / "supernet.safetensors")
    del tensors["classifier.bias"]
    artifacts.write_tensors(tmp_path / "supernet.safetensors", tensors, notes)

    with pytest.raises(BadArtifact, match=r"tensor classifier\.bias has shape None"):
        pipeline.extract(
            front=run / "fronts" / "pixel1.json", checkpoint=str(tmp_path), out=tmp_path
        )


def test_verify_climbs_the_ladder_again_and_names_the_rung_that_fails(
    bundle, run, tmp_path, capsys
):
    assert main(["verify", str(bundle.path), "--checkpoint", str(run), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["failing"] is None

    weights = bundle.weights()
    weights["classifier.bias"] = weights["classifier.bias"] + 1
    changed = bundle_contents(
        bundle.manifest,
        engines={n: d for n, d in bundle.contents.items() if n.startswith("engine")},
        report="", front=b"", weights=weights, inputs={},
    )  # fmt: skip
    write_bundle(tmp_path / "changed.zip", changed)

    argv = ["verify", str(tmp_path / "changed.zip"), "--checkpoint", str(run), "--quiet"]
    assert main(argv) == 1
    assert "changed.zip: extracted to subnet: logits differ" in capsys.readouterr().err


def rebundled(path, bundle, **facts):
    """The bundle with other facts in its manifest, sealed as if they belonged there."""
    contents = bundle_contents(
        replace(bundle.manifest, **facts),
        engines={n: d for n, d in bundle.contents.items() if n.startswith("engine")},
        report="", front=b"", weights=bundle.weights(), inputs={},
    )  # fmt: skip
    write_bundle(path, contents)
    return path


def test_verify_refuses_classes_that_are_not_the_supernets(bundle, run, tmp_path):
    classes = bundle.manifest.classes[::-1]

    with pytest.raises(
        BadArtifact, match=r"names class 0 'rows', but .* 'columns'; do not ship it"
    ):
        pipeline.verify(
            bundle=rebundled(tmp_path / "b.zip", bundle, classes=classes), checkpoint=str(run)
        )


def test_verify_tells_of_a_program_that_is_not_the_shipped_one(bundle, run, tmp_path, monkeypatch):
    path = rebundled(tmp_path / "b.zip", bundle)
    assert pipeline.verify(bundle=path, checkpoint=str(run)).warnings == ()
    monkeypatch.setattr("ofa.deploy.bundle._shipped_program", lambda: b"another")

    (warning,) = pipeline.verify(bundle=path, checkpoint=str(run)).warnings
    assert "run.py: is not the program that ofa" in warning


def test_a_bundle_of_another_supernet_is_not_verified(bundle):
    with pytest.raises(BadArtifact, match="was cut from a supernet of SHA-256"):
        pipeline.verify(bundle=bundle.path, checkpoint="fashion_mnist")


def test_an_equal_request_to_deploy_builds_nothing_and_another_does(bundle, run, monkeypatch):
    arrows = {
        "subnet": run / "subnets" / bundle.manifest.arch.id,
        "front": run / "fronts" / "pixel1.json",
        "checkpoint": str(run),
        "out": run / "again",
    }
    first = pipeline.deploy(**arrows)
    before = first.joinpath("manifest.json").stat()

    assert pipeline.deploy(**arrows) == first
    assert first.joinpath("manifest.json").stat().st_mtime_ns == before.st_mtime_ns
    packed = pipeline.deploy(**arrows, wish=pipeline.Wish(archive=True))
    shares = pipeline.deploy(**arrows, wish=pipeline.Wish(input="float32"))
    assert shares.name == f"{first.name}-float32"
    request = load_bundle(first).manifest.request
    assert load_bundle(packed).manifest.request == request
    monkeypatch.setattr("ofa.deploy.engines._code", lambda: "mended")
    mended = load_bundle(pipeline.deploy(**arrows)).manifest.request
    monkeypatch.setattr(type(RUNTIMES["onnxruntime"]), "version", lambda runtime: "of tomorrow")
    newer = load_bundle(pipeline.deploy(**arrows)).manifest.request
    assert len({request, mended, newer}) == 3


@dataclass(frozen=True)
class Moody(AbstractTarget):
    """A device that takes another time whenever it is asked."""

    medians_ms: list[float]

    def describe(self):
        return circumstances("onnxruntime")

    def measure(self, engines, *, threads, warmup, repeats):
        ms = self.medians_ms.pop(0)
        timing = Timing(median_ms=ms, p10_ms=0.9 * ms, p90_ms=1.1 * ms, repeats=repeats)
        return dict.fromkeys(engines, timing)


@pytest.fixture
def order(bundle, run):
    """What the bundle was made from."""
    return prepare(
        subnet=run / "subnets" / bundle.manifest.arch.id,
        front=run / "fronts" / "pixel1.json",
        checkpoint=str(run),
        wish=pipeline.Wish(),
    )


@pytest.mark.parametrize("medians_ms", [[1.0, 2.0], [2.0, 1.0]])
def test_of_two_timings_some_seconds_apart_the_slower_counts(order, medians_ms):
    runs = replace(order.device.description, batch=4)
    device = replace(order.device, description=runs)
    order = replace(order, target=Moody(medians_ms), device=device)
    built = build(order, EngineCache(folder=None))

    manifest = assemble(order, built, (attempt_of(order, built),)).manifest

    assert not medians_ms
    assert manifest.measured.latency_ms == manifest.attempts[-1].measured_ms == 2.0
    assert manifest.measured.high_ms == pytest.approx(2.2)
    assert manifest.measured.machine.endswith("4 images a run")


def test_an_engine_that_cannot_run_here_has_no_top1_of_its_own(order):
    built = build(order, EngineCache(folder=None))
    (portable,) = built.engines
    elsewhere = EngineRequest(runtime="tensorrt", precision="fp32")
    meant = replace(portable, request=elsewhere, session=None, unchecked="needs a GPU")
    built = replace(built, engines=(portable, meant))

    manifest = assemble(order, built, (attempt_of(order, built),)).manifest

    assert manifest.engine == "tensorrt-fp32" and manifest.shipped.top1 is None
    assert manifest.top1.counted_by == "onnxruntime-fp32"
    assert manifest.top1.test == manifest.engines[0].top1


def test_the_latency_where_it_was_built_is_that_of_the_engine_meant_for_the_target(order):
    order = replace(order, request=EngineRequest(runtime="onnxruntime", precision="int8"))
    built = build(order, EngineCache(folder=None))

    manifest = assemble(order, built, (attempt_of(order, built),)).manifest

    assert manifest.timed_at_build == "onnxruntime-int8"
    assert manifest.measured_at_build == manifest.shipped.here != manifest.engines[0].here


def test_the_same_engine_in_another_form_has_to_answer_alike(order):
    built = build(order, EngineCache(folder=None))
    assert assemble(order, built, (attempt_of(order, built),)).manifest.ladder.failing is None

    class Turned(OrtSession):
        def run(self, images):
            return -super().run(images)

    turned = {"engine.ort": Turned(built.meant.onnx)}
    built = replace(built, engines=(replace(built.meant, forms=turned),))
    failing = assemble(order, built, (attempt_of(order, built),)).manifest.ladder.failing

    assert failing is not None
    assert failing.name == "onnxruntime-fp32 to onnxruntime-fp32/engine.ort"


def test_a_bundle_whose_ladder_fails_is_kept_aside_with_its_report(bundle, run, monkeypatch):
    monkeypatch.setattr("ofa.deploy.ladder.MAX_LOGIT_ERROR", 1e-12)
    subnet = run / "subnets" / bundle.manifest.arch.id

    with pytest.raises(ParityFailure, match=r"to .*: logits differ .*rejected"):
        pipeline.deploy(
            subnet=subnet, front=run / "fronts" / "pixel1.json", checkpoint=str(run),
            out=run / "strict",
        )  # fmt: skip

    assert not (run / "strict" / "bundles").exists()
    (rejected,) = (run / "strict" / "rejected").iterdir()
    assert "This bundle is rejected." in (rejected / "report.html").read_text()


def test_bench_times_every_engine_against_torch(bundle):
    found = pipeline.bench(bundle=bundle.path, batches=(1,), threads=(1,), repeats=5)

    assert [speed.name for speed in found.speeds] == ["onnxruntime-fp32", "torch eager"]
    assert all(0 < speed.median_ms <= speed.tail_ms for speed in found.speeds)
    assert found.memory_mb["onnxruntime-fp32"] > 0
    assert "torch.compile" in found.left_out


@pytest.mark.skipif(SSHD is None, reason="needs sshd: apt-get install openssh-server")
def test_bench_times_the_engine_behind_ssh_for_each_number_of_threads(bundle, tmp_path):
    with ssh_server(tmp_path) as server:
        found = pipeline.bench(
            bundle=bundle.path,
            target=server.address,
            threads=(1, 2),
            repeats=5,
            python=sys.executable,
            ssh_config=server.config,
        )

    assert [(speed.name, speed.threads) for speed in found.speeds] == [
        ("onnxruntime-fp32", 1), ("onnxruntime-fp32", 2),
    ]  # fmt: skip
    assert all(0 < speed.median_ms <= speed.tail_ms for speed in found.speeds)
    assert found.machine == describe_machine()


@pytest.mark.slow  # compiles C++, and torch's headers before that
@pytest.mark.timeout(600)
@pytest.mark.skipif(shutil.which("g++") is None, reason="needs g++: apt-get install g++")
def test_bench_times_torch_compile_where_it_is_asked_for(bundle):
    found = pipeline.bench(bundle=bundle.path, batches=(1,), threads=(1,), repeats=5, compile=True)

    assert [speed.name for speed in found.speeds][1:] == ["torch eager", "torch.compile"]
    assert not found.left_out


def test_a_bundle_is_read_back_checked(bundle, tmp_path):
    copy = shutil.copytree(bundle.path, tmp_path / "bundle")
    engine = copy / "engine.onnx"
    content = bytearray(engine.read_bytes())
    content[100] ^= 1
    engine.write_bytes(content)

    with pytest.raises(BadArtifact, match=r"engine\.onnx: its SHA-256 is"):
        load_bundle(copy)


def test_the_number_of_processes_changes_no_accuracy(run, tmp_path):
    weights = "supernet.safetensors"
    (tmp_path / weights).write_bytes((run / weights).read_bytes())

    pipeline.sample(checkpoint=str(tmp_path), num=60, workers=2)

    def top1_by_arch(folder):
        records = read_accuracy(folder / "accuracy.jsonl", supernet=folder / weights)
        return {record.arch: record.top1 for record in records}

    alone = top1_by_arch(run)
    assert top1_by_arch(tmp_path).items() <= alone.items()


def test_fine_tuning_tells_what_it_brought(bundle, run, tmp_path):
    subnet = next((run / "subnets").iterdir())

    tuned = pipeline.finetune(
        subnet=subnet, checkpoint=str(run), out=tmp_path, epochs=1, batch_size=16, threads=1,
        progress=False,
    )  # fmt: skip

    assert tuned.folder == tmp_path / "subnets" / f"{subnet.name}-finetuned"
    assert tuned.test_top1_before == pytest.approx(bundle.manifest.top1.test, abs=2)
    assert tuned.num_test_images == 80
    before, after = (read_subnet(folder)[0] for folder in (subnet, tuned.folder))
    assert before.keys() == after.keys()
    assert (before["classifier.weight"] != after["classifier.weight"]).any()


@pytest.fixture
def fitted_modules(monkeypatch):
    """Every module that is trained."""
    modules = []
    monkeypatch.setattr("ofa.train.fit", lambda one, **how: modules.append(one) or fit(one, **how))
    return modules


def test_fine_tuning_changes_images_as_training_did_but_for_what_is_told(
    bundle, run, tmp_path, fitted_modules
):
    recipe = parse(Recipe, read_yaml(run / "recipe.yaml"), where="recipe")
    tune = partial(
        pipeline.finetune, subnet=next((run / "subnets").iterdir()), checkpoint=str(run),
        out=tmp_path, epochs=1, threads=1, progress=False,
    )  # fmt: skip

    tune()
    tune(augment={"flip": False})
    with pytest.raises(BadArtifact, match="--augment: flipp: Unexpected"):
        tune(augment={"flipp": False})

    first, second = (module.recipe.train.augment for module in fitted_modules)
    assert first == recipe.train.augment != Augment()
    assert second == replace(first, flip=False)


def test_fewer_images_than_a_batch_are_fine_tuned_with_all_of_them(
    bundle, run, striped_images, tmp_path, fitted_modules
):
    for part in ("train", "test"):
        for name in ("rows", "columns"):
            (tmp_path / "few" / part / name).mkdir(parents=True)
            for image in sorted((striped_images / part / name).iterdir())[:4]:
                shutil.copy(image, tmp_path / "few" / part / name)

    pipeline.finetune(
        subnet=next((run / "subnets").iterdir()), checkpoint=str(run), out=tmp_path,
        images=tmp_path / "few", epochs=1, threads=1, progress=False,
    )  # fmt: skip

    assert fitted_modules[0].recipe.train.batch_size == 6  # two of eight score it


def test_a_fine_tuned_subnet_is_compared_from_its_own_weights_on(bundle, run, tmp_path):
    tuned = pipeline.specialize(
        device="pixel", checkpoint=str(run), out=tmp_path, seed=3, finetune_epochs=1
    )

    assert tuned.path.name == f"{bundle.manifest.arch.id}-pixel1-finetuned"
    facts = tuned.manifest
    assert [rung.name for rung in facts.ladder.rungs] == [
        "subnet to onnxruntime-fp32", "onnxruntime-fp32 to onnxruntime-fp32/engine.ort",
    ]  # fmt: skip
    assert (facts.finetuned_epochs, facts.transferred, facts.top1.predicted) == (1, False, None)
    notes = read_subnet(tmp_path / "subnets" / f"{facts.arch.id}-finetuned")[1]
    assert facts.top1.test == pytest.approx(notes.test_top1)
    assert facts.estimated == bundle.manifest.estimated
    assert facts.data_sha256 == bundle.manifest.data_sha256
    verified = pipeline.verify(bundle=tuned.path, checkpoint=str(run))
    assert verified.failing is None
    assert len(verified.ladder.rungs) == 1


def test_a_subnet_is_transferred_to_images_of_other_classes(
    bundle, run, striped_images, tmp_path, fitted_modules
):
    for part in ("train", "test"):
        shutil.copytree(striped_images / part, tmp_path / "other" / part)
        shutil.copytree(striped_images / part / "rows", tmp_path / "other" / part / "third")

    tuned = pipeline.finetune(
        subnet=next((run / "subnets").iterdir()), checkpoint=str(run), out=tmp_path,
        images=tmp_path / "other", epochs=1, batch_size=16, threads=1, progress=False,
    )  # fmt: skip

    tensors, notes = read_subnet(tuned.folder)
    assert tuned.test_top1_before is None
    assert notes.classes == ("columns", "rows", "third")
    assert len(tensors["classifier.bias"]) == 3
    # The average that is kept has forgotten the head's start, at 0.
    learned = fitted_modules[0].supernet.net.classifier.bias.detach().abs().sum()
    assert np.abs(tensors["classifier.bias"]).sum() > 0.5 * learned


def test_a_transferred_subnet_is_deployed_and_verified_on_its_own_images(
    bundle, run, striped_images, tmp_path
):
    other = tmp_path / "other"
    for part in ("train", "test"):
        shutil.copytree(striped_images / part, other / part)
        shutil.copytree(striped_images / part / "rows", other / part / "third")
    tuned = pipeline.finetune(
        subnet=next((run / "subnets").iterdir()), checkpoint=str(run), out=tmp_path,
        images=other, epochs=1, batch_size=16, threads=1, progress=False,
    )  # fmt: skip

    path = pipeline.deploy(
        subnet=tuned.folder, front=run / "fronts" / "pixel1.json", checkpoint=str(run),
        out=tmp_path,
    )  # fmt: skip

    facts = load_bundle(path).manifest
    assert facts.classes == ("columns", "rows", "third")
    assert facts.top1.test == pytest.approx(tuned.test_top1)
    assert facts.top1.num_test_images == 120
    assert not (path / "front.png").exists()
    verify = partial(pipeline.verify, bundle=path, checkpoint=str(run))
    assert verify(images=other).failing is None
    with pytest.raises(BadArtifact, match="give their folder by --images"):
        verify()
    with pytest.raises(BadArtifact, match="leave --images out"):
        pipeline.verify(bundle=bundle.path, checkpoint=str(run), images=other)
    Image.new("RGB", (32, 32)).save(next((other / "test" / "rows").iterdir()))
    with pytest.raises(BadData, match="not the images that the bundle was measured on"):
        verify(images=other)
    Image.new("RGB", (32, 32)).save(next((other / "train" / "rows").iterdir()))
    with pytest.raises(BadData, match=r"not the images that .*-finetuned was trained on"):
        pipeline.deploy(
            subnet=tuned.folder, front=run / "fronts" / "pixel1.json", checkpoint=str(run),
            out=tmp_path,
        )  # fmt: skip


def test_a_transferred_subnet_is_trained_further_on_the_images_of_then(
    bundle, run, striped_images, tmp_path
):
    once = partial(
        pipeline.finetune, checkpoint=str(run), out=tmp_path, epochs=1, batch_size=16, threads=1,
        progress=False,
    )  # fmt: skip
    first = once(subnet=next((run / "subnets").iterdir()), images=striped_images)

    second = once(subnet=first.folder)

    assert second.test_top1_before == pytest.approx(first.test_top1)
    notes = read_subnet(second.folder)[1]
    assert notes.finetuned_epochs == 2
    assert notes.transferred_to.folder == striped_images
    assert notes.files == digest_of_files(notes.transferred_to, notes.space)


def test_a_subnet_of_other_classes_is_not_deployed(bundle, run, tmp_path):
    subnet = next((run / "subnets").iterdir())
    tensors, notes = read_subnet(subnet)
    renamed = replace(notes, classes=("cats", "dogs"))
    write_subnet(tmp_path / "renamed", tensors, renamed, inputs={})

    with pytest.raises(
        BadArtifact, match="deploy the subnet that ofa extract or ofa finetune wrote"
    ):
        pipeline.deploy(
            subnet=tmp_path / "renamed", front=run / "fronts" / "pixel1.json",
            checkpoint=str(run), out=tmp_path,
        )  # fmt: skip


def test_a_subnet_of_another_supernet_is_not_fine_tuned(bundle, run, tmp_path):
    with pytest.raises(BadArtifact, match="was cut from another supernet than"):
        pipeline.finetune(
            subnet=next((run / "subnets").iterdir()), checkpoint="fashion_mnist", out=tmp_path
        )


def test_a_batch_too_large_to_fine_tune_with_is_told_by_its_flag(bundle, run, tmp_path, capsys):
    words = ["--subnet", str(next((run / "subnets").iterdir())), "--checkpoint", str(run)]
    words += ["--out", str(tmp_path / "tuned"), "--batch-size", "1000"]

    assert main(["finetune", *words]) == 1

    assert "ofa finetune: --batch-size: 160 training images do not" in capsys.readouterr().err
    assert not (tmp_path / "tuned").exists()


def test_a_plan_tells_steps_and_time_and_writes_nothing(striped_images, tmp_path, capsys):
    flags = [
        "--recipe",
        "recipes/tiny.yaml",
        "--data.root",
        str(striped_images),
        "--out",
        str(tmp_path),
    ]

    assert main(["train", *flags, "--plan", "--json"]) == 0

    phases = json.loads(capsys.readouterr().out)
    assert [phase["name"] for phase in phases] == ["largest", "kernel", "depth", "width"]
    assert [phase["steps"] for phase in phases] == [20, 10, 10, 20]  # 160 images left of 220
    assert all(phase["estimated_s"] > 0 for phase in phases)
    assert list(tmp_path.iterdir()) == []


@pytest.fixture(scope="module")
def lossy_run(run, tmp_path_factory):
    """The run, whose subnets are said to lose five points by quantization."""
    folder = tmp_path_factory.mktemp("lossy") / "run"
    shutil.copytree(run, folder, ignore=shutil.ignore_patterns("fronts", "subnets", "bundles"))
    supernet = folder / "supernet.safetensors"
    for record in read_accuracy(folder / "accuracy.jsonl", supernet=supernet)[:30]:
        lossy = replace(record, top1=record.top1 - 5, precision="int8")
        append_accuracy(folder / "accuracy.jsonl", lossy, supernet=supernet)
    pipeline.fit_predictor(checkpoint=str(folder))
    return folder


def test_an_int8_device_is_searched_and_measured_in_int8(lossy_run, tmp_path):
    path = pipeline.search(device="pixel4-cpu-int8", checkpoint=str(lossy_run), out=tmp_path)

    outcome = read_front(path)
    encoding = encoding_of(read_space(lossy_run))
    archs = [point.arch for point in outcome.front]
    floats = predictor(lossy_run, encoding)(encoding.encode(archs))
    assert outcome.precision == "int8"
    np.testing.assert_allclose(
        [point.predicted_top1 for point in outcome.front], floats - 5, atol=1e-3
    )
    data, supernet = lossy_run / "accuracy.jsonl", lossy_run / "supernet.safetensors"
    known = {r.arch: r.top1 for r in read_accuracy(data, supernet=supernet, precision="int8")}
    for candidate in outcome.candidates:
        measured = known.get(candidate.arch) or search_top1(lossy_run, candidate.arch, "int8")
        assert candidate.search_top1 == measured


def test_a_search_feeds_int8_measurements_back_to_the_int8_predictor(lossy_run, tmp_path):
    path = pipeline.search(
        device="pixel4-cpu-int8", checkpoint=str(lossy_run), out=tmp_path, rounds=2
    )

    supernet = lossy_run / "supernet.safetensors"
    known, kept = (
        {one.arch for one in read_accuracy(file, supernet=supernet, precision="int8")}
        for file in (lossy_run / "accuracy.jsonl", tmp_path / "accuracy.jsonl")
    )
    outcome = read_front(path)
    first, second = outcome.rounds
    candidates = {one.arch for one in outcome.candidates}
    assert len(candidates) == first.num_measured + second.num_measured
    assert kept == candidates - known
    assert abs(second.gap) < abs(first.gap)


@pytest.fixture
def twins(tmp_path):
    """A device that is as fast in int8 as in fp32."""
    for name, precision in (("mine", "fp32"), ("mine-int8", "int8")):
        shutil.copytree("devices/pixel4-cpu", tmp_path / name)
        described = (tmp_path / name / "device.yaml").read_text()
        (tmp_path / name / "device.yaml").write_text(
            described.replace("[pixel4]", "[]").replace("fp32", precision)
        )
    return tmp_path / "mine"


def test_the_more_accurate_precision_of_a_device_is_deployed(lossy_run, twins, tmp_path, capsys):
    asked = ["--device", str(twins), "--precisions", "--checkpoint", str(lossy_run)]
    assert main(["search", *asked, "--out", str(tmp_path), "--json"]) == 0
    first, second = json.loads(capsys.readouterr().out)[0]["contenders"]
    assert {first["precision"], second["precision"]} == {"fp32", "int8"}
    assert first["top1"] >= second["top1"]

    bundle = pipeline.specialize(
        device=str(twins), checkpoint=str(lossy_run), out=tmp_path, precisions=True
    )

    assert bundle.path.name.endswith(first["device"].rpartition("/")[2])
    assert bundle.manifest.top1.search == first["top1"]


@pytest.mark.parametrize(
    ("words", "mend"),
    [
        (["search", "--precisions", "--compare"], "goes with neither"),
        (["search", "--precisions", "--devices", "pixel*", "--budgets", "5"], "goes with neither"),
        (["specialize", "--precisions", "--precision", "int8"], "leave one out"),
        (["search", "--precisions"], "described in fp32 alone"),
    ],
)
def test_precisions_that_cannot_compete_are_refused_in_a_line(words, mend, tmp_path, capsys):
    device = [] if "--devices" in words else ["--device", "note10"]

    assert main([*words, *device, "--out", str(tmp_path / "out")]) == 1

    assert mend in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
