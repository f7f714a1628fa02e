"""Sampling by several processes, and by processes that are killed, on an untrained supernet."""

import json
import subprocess
import sys
from collections import Counter
from contextlib import suppress
from dataclasses import replace
from time import sleep

import numpy as np
import pytest
import torch

from ofa import checkpoint as files
from ofa import pipeline
from ofa.cli import main
from ofa.data import ImageSet
from ofa.deploy import EngineCache, EngineRequest
from ofa.deploy.engines import build_engine
from ofa.errors import OfaError
from ofa.evaluate import (
    Judges,
    engine_images,
    in_sharing_order,
    quantization_images,
    write_judges,
)
from ofa.opened import (
    evaluator,
    measure_search_top1,
    open_supernet,
    parts_of_like_work,
    predictor,
    quantized_predictor,
    read_fit,
)
from ofa.recipe import Data
from ofa.runtime.onnx_export import FromPixels, export_onnx
from ofa.space import encoding_of, macs, network
from ofa.supernets import build_supernet

MEAN, STD = (0.5,) * 3, (0.25,) * 3


@pytest.fixture
def folder(tmp_path, supernet, tiny_space):
    def images(num):
        generator = torch.Generator().manual_seed(num)
        pixels = torch.randint(0, 256, (num, 3, 16, 16), generator=generator, dtype=torch.uint8)
        labels = torch.randint(0, 4, (num,), generator=generator)
        return ImageSet(images=pixels, labels=labels, classes=tuple("abcd"))

    notes = files.SupernetNotes(
        space=tiny_space,
        data=Data(),
        classes=tuple("abcd"),
        mean=MEAN,
        std=STD,
        ofa="0.1.0",
    )
    tensors = {name: tensor.numpy() for name, tensor in supernet.state_dict().items()}
    files.write_supernet(tmp_path / files.SUPERNET, tensors, notes)
    write_judges(
        tmp_path, Judges(calibration=images(32), search=images(120), load_test=lambda: images(8))
    )
    return tmp_path


def shrink_to(space, folder):
    notes = replace(open_supernet(folder)[1], space=space)
    tensors = {name: value.numpy() for name, value in build_supernet(space).state_dict().items()}
    files.write_supernet(folder / files.SUPERNET, tensors, notes)
    open_supernet.cache_clear()


def records(folder, precision="fp32"):
    supernet = folder / files.SUPERNET
    return files.read_accuracy(folder / files.ACCURACY, supernet=supernet, precision=precision)


def test_processes_get_parts_of_like_work(tiny_space):
    encoding = encoding_of(tiny_space)
    archs = in_sharing_order(encoding.decode(encoding.enumerate()))
    work = [macs(network(tiny_space, arch)) for arch in archs]

    parts = parts_of_like_work(archs, 3, tiny_space)

    assert [arch for part in parts for arch in part] == archs
    for part in parts:
        total = sum(macs(network(tiny_space, arch)) for arch in part)
        assert abs(total - sum(work) / 3) <= max(work)
    assert len(parts[0]) > len(parts[-1])  # small images come first
    assert parts_of_like_work(archs[-1:], 3, tiny_space) == [archs[-1:]]


def archs_by_file(folder):
    """Archs in every file, each as it stands there, headers left out."""
    paths = files.accuracy_files(folder / files.ACCURACY)
    return [
        [json.dumps(json.loads(line)["arch"]) for line in path.read_text().splitlines()[1:]]
        for path in paths
    ]


def test_two_shards_measure_what_one_process_does_and_nothing_twice(folder, tmp_path_factory):
    checkpoint = str(folder)
    pipeline.sample(checkpoint=checkpoint, num=24)
    alone = {record.arch: record.top1 for record in records(folder)}
    (folder / files.ACCURACY).unlink()

    for index in range(2):
        pipeline.sample(checkpoint=checkpoint, num=24, shard=pipeline.Shard(index=index, count=2))

    first, second = archs_by_file(folder)
    assert len(first) == len(second) == 12 and not set(first) & set(second)
    assert {record.arch: record.top1 for record in records(folder)} == alone


def test_torchrun_divides_the_archs_among_its_ranks(folder):
    command = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    # Behind -- lest torchrun take --num for an abbreviation of its own flags.
    command += ["-m", "--", "ofa", "sample", "--checkpoint", str(folder), "--num", "12", "--quiet"]

    subprocess.run([sys.executable, *command], check=True, capture_output=True, timeout=100)

    shards = sorted(path.name for path in (folder / "accuracy").iterdir())
    assert shards == ["0-of-2.jsonl", "1-of-2.jsonl"]
    assert [len(archs) for archs in archs_by_file(folder)] == [6, 6]
    assert len(records(folder)) == 12


def test_ranks_of_a_machine_begin_with_different_gpus(folder, monkeypatch):
    launched = {"WORLD_SIZE": "4", "RANK": "3", "LOCAL_RANK": "1", "TORCHELASTIC_RUN_ID": "none"}
    for name, value in launched.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    asked = []

    def measure(folder, archs, *, devices, **_):
        asked.append(devices)
        return [(arch, 50.0) for arch in archs]

    monkeypatch.setattr("ofa.pipeline.accuracy_data.measure_search_top1", measure)

    assert pipeline.sample(checkpoint=str(folder), num=12).name == "3-of-4.jsonl"
    pipeline.sample(checkpoint=str(folder), num=12, accelerator="cpu")

    assert asked == [("cuda:1", "cuda:0"), ("cpu",)]


def test_processes_take_the_devices_in_turn(folder, tiny_space):
    archs = [tiny_space.smallest(), tiny_space.largest()]

    with pytest.raises(RuntimeError, match="nowhere"):
        list(measure_search_top1(folder, archs, workers=2, devices=("cpu", "nowhere")))


def test_a_killed_process_loses_at_most_the_subnet_in_hand(folder):
    path = folder / files.ACCURACY
    command = [sys.executable, "-m", "ofa", "sample", "--checkpoint", str(folder), "--quiet"]
    before = []
    for _ in range(2):
        process = subprocess.Popen([*command, "--num", "1000"])
        while process.poll() is None and num_lines(path) < len(before) + 8:
            sleep(0.01)
        process.kill()
        process.wait()
        lines = path.read_bytes().split(b"\n")[:-1]
        assert lines[: len(before)] == before
        before = lines

    (archs,) = archs_by_file(folder)
    assert len(archs) >= 12
    assert max(Counter(archs).values()) == 1


def test_active_drawing_reaches_the_number_asked_without_repeats(folder):
    pipeline.sample(checkpoint=str(folder), num=130, draw="active")

    (archs,) = archs_by_file(folder)
    assert len(archs) == len(set(archs)) == 130


@pytest.mark.parametrize("draw", ["macs", "active"])
def test_a_space_of_fewer_subnets_than_asked_is_measured_whole_and_says_so(
    folder, tiny_space, draw, caplog
):
    small = replace(tiny_space, resolutions=(16,), kernel_sizes=(3,))
    shrink_to(small, folder)

    pipeline.sample(checkpoint=str(folder), num=1000, draw=draw)

    assert len(records(folder)) == small.num_subnets == 144
    assert "num: 1,000 subnets asked, but the space holds 144: measuring all" in caplog.text


def test_a_space_that_is_not_tiny_needs_a_predictor(folder, tiny_space):
    assert pipeline.needs_predictor(folder)

    shrink_to(replace(tiny_space, kernel_sizes=(3,), depths=(1,)), folder)

    assert not pipeline.needs_predictor(folder)


def test_a_job_of_one_process_is_no_shard(folder, monkeypatch):
    for name, value in {"NTASKS": "1", "PROCID": "0", "JOB_NAME": "job", "LOCALID": "0"}.items():
        monkeypatch.setenv(f"SLURM_{name}", value)

    path = pipeline.sample(checkpoint=str(folder), num=2, draw="active")

    assert path == folder / files.ACCURACY


@pytest.mark.parametrize("num_different", [1, 2, 3])
def test_accuracies_nearly_all_alike_make_a_whole_predictor_or_none(folder, num_different):
    encoding = encoding_of(open_supernet(folder)[1].space)
    archs = encoding.decode(encoding.sample(60, np.random.default_rng(0)))
    for number, arch in enumerate(dict.fromkeys(archs)):
        record = files.MeasuredArch(arch=arch, top1=10.0 + (number < num_different))
        files.append_accuracy(folder / files.ACCURACY, record, supernet=folder / files.SUPERNET)
    (folder / files.PREDICTOR).write_bytes(b"older")

    with suppress(OfaError):
        pipeline.fit_predictor(checkpoint=str(folder))

    if (folder / files.PREDICTOR).read_bytes() != b"older":
        assert np.isfinite(predictor(folder, encoding)(encoding.encode(archs))).all()
        assert read_fit(folder).num_pairs == len(set(archs))


def test_accuracy_after_quantization_is_that_of_the_engine_that_would_ship(folder, tiny_space):
    checkpoint, arch = str(folder), tiny_space.largest()
    pipeline.sample(checkpoint=checkpoint, num=1, precision="int8")
    judge = evaluator(folder, "search")
    net = judge.subnet(arch).to(memory_format=torch.contiguous_format)
    sides = {"resolution": arch.resolution, "input_type": "uint8"}
    settling = quantization_images(judge.calibration, judge.images, **sides)

    engine = build_engine(
        export_onnx(net, in_channels=3, resolution=arch.resolution, mean=MEAN, std=STD),
        FromPixels(net, mean=MEAN, std=STD, input_type="uint8"),
        EngineRequest(runtime="onnxruntime", precision="int8"),
        images=settling,
        cache=EngineCache(folder=None),
        threads=1,
    )

    labels = engine.session.run(engine_images(judge.images.images, **sides)).argmax(1)
    top1 = 100 * float((labels == judge.images.labels.numpy()).mean())
    assert records(folder) == []
    assert records(folder, precision="int8") == [
        files.MeasuredArch(arch=arch, top1=top1, precision="int8")
    ]


def test_int8_goes_on_where_it_was_cut_off_and_is_divided_like_fp32(folder):
    checkpoint = str(folder)
    pipeline.sample(checkpoint=checkpoint, num=4)
    pipeline.sample(checkpoint=checkpoint, num=2, precision="int8")

    for index in range(2):
        shard = pipeline.Shard(index=index, count=2)
        pipeline.sample(checkpoint=checkpoint, num=4, precision="int8", shard=shard)

    (_, *rest) = files.accuracy_files(folder / files.ACCURACY)
    assert [path.name for path in rest] == ["0-of-2.jsonl", "1-of-2.jsonl"]
    assert [len(archs) for archs in archs_by_file(folder)] == [6, 1, 1]
    assert {r.arch for r in records(folder)} == {r.arch for r in records(folder, precision="int8")}


def test_a_predictor_learns_what_quantizing_costs_and_says_how_well(folder, capsys, caplog):
    path, supernet = folder / files.ACCURACY, folder / files.SUPERNET
    pipeline.sample(checkpoint=str(folder), num=60)
    for record in records(folder)[:30]:
        lossy = replace(record, top1=record.top1 - 5, precision="int8")
        files.append_accuracy(path, lossy, supernet=supernet)

    assert main(["fit-predictor", "--checkpoint", str(folder)]) == 0

    assert "quantizing adds" in capsys.readouterr().out
    report = read_fit(folder).quantized
    assert report.num_pairs == 30
    assert report.mean_change == pytest.approx(-5)
    encoding = encoding_of(open_supernet(folder)[1].space)
    genotypes = encoding.sample(20, np.random.default_rng(0))
    change = quantized_predictor(folder, encoding)(genotypes) - predictor(folder, encoding)(
        genotypes
    )
    np.testing.assert_allclose(change, -5, atol=1e-3)
    assert not caplog.text


def test_too_few_int8_subnets_leave_the_predictor_to_fp32_and_say_so(folder, caplog):
    path, supernet = folder / files.ACCURACY, folder / files.SUPERNET
    pipeline.sample(checkpoint=str(folder), num=60)
    lossy = replace(records(folder)[0], top1=1.0, precision="int8")
    files.append_accuracy(path, lossy, supernet=supernet)

    report = pipeline.fit_predictor(checkpoint=str(folder))

    assert report.quantized is None
    assert "1 of 1 int8 subnets were measured in fp32 too, but 20 are needed" in caplog.text
    assert quantized_predictor(folder, encoding_of(open_supernet(folder)[1].space)) is None


def test_subnets_of_other_precision_are_kept_apart(folder, tiny_space):
    path, supernet = folder / files.ACCURACY, folder / files.SUPERNET
    for precision, top1 in (("fp32", 50.0), ("int8", 49.0)):
        record = files.MeasuredArch(arch=tiny_space.largest(), top1=top1, precision=precision)
        files.append_accuracy(path, record, supernet=supernet)

    assert [record.top1 for record in records(folder)] == [50.0]
    (quantized,) = records(folder, precision="int8")
    assert quantized.top1 == 49.0


def test_a_header_that_a_kill_cut_off_is_written_again(folder, tiny_space):
    path = folder / files.ACCURACY
    path.write_bytes(b'{"schema":{"na')
    record = files.MeasuredArch(arch=tiny_space.largest(), top1=50.0)

    files.append_accuracy(path, record, supernet=folder / files.SUPERNET)

    assert records(folder) == [record]


@pytest.mark.slow  # measures a hundred archs
def test_a_predictor_below_its_gate_leaves_the_search_to_measurement(folder, caplog):
    checkpoint = str(folder)
    pipeline.sample(checkpoint=checkpoint, num=60)
    pipeline.fit_predictor(checkpoint=checkpoint, min_tau=0.99)

    path = pipeline.search(device="pixel", checkpoint=checkpoint, out=folder / "run")

    outcome = json.loads(path.read_text())["search"]
    assert "below the 0.990 asked of it" in caplog.text
    assert outcome["scored_by"] == "measurement"
    assert outcome["random_front"] == outcome["uniform_front"] == []  # they would be measured, too
    assert outcome["rounds"][0]["gap"] == 0
    assert np.diff([point["predicted_top1"] for point in outcome["front"]]).min() > 0


def test_pictures_of_the_predictor_are_drawn(folder):
    checkpoint = str(folder)
    pipeline.sample(checkpoint=checkpoint, num=60)

    pipeline.fit_predictor(checkpoint=checkpoint, plots=folder / "plots")

    pictures = sorted((folder / "plots").iterdir())
    assert [path.name for path in pictures] == ["genes.png", "learning_curve.png", "predicted.png"]
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in pictures)


@pytest.mark.parametrize(
    ("flags", "complaint"),
    [
        (["--shard", "2/2"], "shard 2/2: use 0/2 to 1/2"),
        (["--shard", "first"], "shard: 'first' is not I/N"),
        (["--shard", "0/2", "--draw", "active"], "draw: active asks in rounds"),
        (["--draw", "latency"], "draw: latency needs a device"),
        (["--draw", "active", "--precision", "int8"], "draw: active asks where the predictor of"),
    ],
)
def test_flags_that_contradict_one_another_are_refused(folder, flags, complaint, capsys):
    assert main(["sample", "--checkpoint", str(folder), *flags]) == 1

    assert complaint in capsys.readouterr().err


def test_fewer_rounds_than_one_are_refused(folder):
    with pytest.raises(OfaError, match="rounds: 0 is too few"):
        pipeline.search(device="pixel", checkpoint=str(folder), out=folder, rounds=0)


def num_lines(path):
    return path.read_bytes().count(b"\n") if path.exists() else 0
