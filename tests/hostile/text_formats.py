"""Text: recipes, spaces, archs, devices, latency models and tables, fronts, measurements."""

import argparse
import json
from dataclasses import asdict
from functools import cache
from hashlib import sha256
from pathlib import Path

import numpy as np
from hostile.formats import ARCH, ENCODING, FORMATS, ROOT, SPACE, format_, json_file, placed

from ofa import artifacts, checkpoint, run_files
from ofa.latency import Device, load_device, load_model
from ofa.space import FAMILIES, RESNET_FAMILIES, network

RECIPES = [ROOT / "recipes" / name for name in ("tiny.yaml", "fashion_mnist.yaml")]


def _recipes() -> list[bytes]:
    return [path.read_bytes() for path in RECIPES]


@format_("recipe", "yaml", _recipes)
def _read_recipe(folder: Path, data: bytes) -> object:
    """As the command line reads one."""
    from jsonargparse import ArgumentError

    from ofa.cli import flags
    from ofa.errors import OfaError

    path = placed(folder, "recipe.yaml", data)
    try:
        parser = _recipe_parser()
        words = flags.with_whole_recipe(["--recipe", str(path)])
        return flags.recipe(parser.parse_args(words))
    except ArgumentError as error:  # which the command line prints in one line, as an OfaError
        raise OfaError(str(error)) from error


@cache
def _recipe_parser() -> argparse.ArgumentParser:
    from jsonargparse import ArgumentParser

    from ofa.cli import flags

    parser = ArgumentParser(exit_on_error=False, parser_mode=flags.PLAIN)
    flags.add_recipe(parser)
    return parser


@format_("space.yaml", "yaml", _recipes)
def _read_space(folder: Path, data: bytes) -> object:
    from ofa.reference import inspect

    return inspect(str(placed(folder, "space.yaml", data)))


def _archs() -> list[bytes]:
    dialect = {"ks": [3] * 20, "e": [3] * 20, "d": [2] * 5, "r": 128}
    own = FAMILIES["ofa_mbv3_w1.0"]().smallest().to_json()
    return [own.encode(), json.dumps(dialect).encode()]


@format_("arch.json", "json", _archs)
def _read_arch(folder: Path, data: bytes) -> object:
    from ofa.reference import inspect

    return inspect(str(placed(folder, "arch.json", data)))


def _resnet_archs() -> list[bytes]:
    space = RESNET_FAMILIES["ofa_resnet50"]()
    slots = sum(max(depths) for depths in space.stage_depths)
    dialect = {"d": [0] * 5, "e": [0.2] * slots, "w": [0] * 6, "image_size": 128}
    return [space.smallest().to_json().encode(), json.dumps(dialect).encode()]


@format_("ResNet arch.json", "json", _resnet_archs)
def _read_resnet_arch(folder: Path, data: bytes) -> object:
    from ofa.reference import inspect

    return inspect(str(placed(folder, "arch.json", data)), space="ofa_resnet50")


def _netconfigs() -> list[bytes]:
    from reference.test_netconfig import MOBILENET

    return [json.dumps(MOBILENET).encode()]


@format_("net.config", "json", _netconfigs)
def _read_netconfig(folder: Path, data: bytes) -> object:
    from ofa.reference.netconfig import read_netconfig

    path = placed(folder, "net.config", data)
    body = artifacts.read_foreign_json(path)
    return read_netconfig(body, resolution=64, where=str(path)).network


@format_("device.yaml", "yaml", lambda: [
    (ROOT / "devices" / name / "device.yaml").read_bytes() for name in ("host", "note10")
])  # fmt: skip
def _read_device(folder: Path, data: bytes) -> object:
    from ofa.pipeline.device import target_of

    placed(folder, "d/device.yaml", data)
    device = load_device(folder, str(folder / "d"))
    return device.names, target_of(device) if device.description.target != "none" else None


@format_("model.yaml", "yaml", lambda: [(ROOT / "devices/note10/model.yaml").read_bytes()])
def _read_model(folder: Path, data: bytes) -> object:
    model = load_model(placed(folder, "model.yaml", data))
    return model.estimate(network(SPACE, ARCH).layers), model.table(ENCODING)(_few())


@cache
def _few() -> np.ndarray:
    return ENCODING.sample(5, np.random.default_rng(0))


def _host() -> Device:
    return load_device(ROOT / "devices", "host")


def _memory(folder: Path) -> object:
    from ofa.latency.remembered import Memory

    return Memory(folder=folder, device=_host(), space=SPACE)


def _profiles() -> list[bytes]:
    model = load_model(ROOT / "devices/note10/model.yaml")
    kept = {"model": asdict(model), "num": 9, "machine": ("a", "b"), "reference_ms": 1.0}
    return [json_file("ofa.latency-profile", {"profile": kept})]


@format_("remembered profile", "json", _profiles)
def _read_profile(folder: Path, data: bytes) -> object:
    memory = _memory(folder)
    placed(folder, memory.model_path.name, data)
    kept = memory.recall()
    return kept and kept.model.estimate(network(SPACE, ARCH).layers)


@cache
def _plan() -> object:
    return _memory(Path()).plan(12)


def _rounds() -> list[bytes]:
    plan = _plan()
    timing = {"median_ms": 1.0, "p10_ms": 0.9, "p90_ms": 1.1, "repeats": 30}
    made_on = {"machine": "m", "system": "s", "runtime": "onnxruntime", "runtime_version": "1"}
    heading = {
        "schema": {"name": "ofa.latency-rounds", "version": 1},
        "identity": plan.identity(),
    }
    lines = [heading] + [
        {"index": index, "timings": dict.fromkeys(names, timing), "provenance": made_on}
        for index, names in enumerate(plan.rounds)
    ]
    return ["".join(json.dumps(line) + "\n" for line in lines).encode()]


@format_("rounds.jsonl", "jsonl", _rounds)
def _read_rounds(folder: Path, data: bytes) -> object:
    from ofa.latency.fit_profile import fit_profile
    from ofa.latency.profile import Profile
    from ofa.latency.rounds_file import read_rounds
    from ofa.runtime.rounds import largest_drift, latest_rounds, next_round

    plan = _plan()
    rounds = read_rounds(placed(folder, "rounds.jsonl", data), plan)
    if next_round(plan.rounds, rounds, plan.protocol) < len(plan.rounds):
        return None
    return largest_drift(plan.rounds, rounds), latest_rounds(rounds), fit_profile, Profile


def _layer_table() -> list[bytes]:
    from ofa.reference.tables import layer_key

    keys = [layer_key(layer, "note10") for layer in network(SPACE, ARCH).layers]
    entries = dict.fromkeys((key for key in keys if key), 0.5)
    return [json_file("ofa.layer_table", {"grammar": "note10", "layer_ms": {"12": entries}})]


@format_("latency table", "json", _layer_table)
def _read_table(folder: Path, data: bytes) -> object:
    from ofa.reference.tables import read_imported_table

    table = read_imported_table(placed(folder, "table.json", data))
    return table.latency_ms(network(SPACE, ARCH))


def _reference_tables() -> list[bytes]:
    from ofa.reference.tables import layer_key

    keys = [layer_key(layer, "note10") for layer in network(SPACE, ARCH).layers]
    return ["".join(f"{key}: {{mean: 0.5, count: 3}}\n" for key in keys if key).encode()]


@format_("reference latency table", "yaml", _reference_tables)
def _read_reference_table(folder: Path, data: bytes) -> object:
    from ofa.reference.tables import read_table, write_table

    table = read_table({12: placed(folder, "12.yaml", data)})
    write_table(folder / "table.json", table, inputs={})
    return table.latency_ms(network(SPACE, ARCH))


def _measured() -> list[bytes]:
    rng = np.random.default_rng(0)
    archs = ENCODING.decode(ENCODING.sample(9, rng))
    rows = [
        {"arch": json.loads(a.to_json()), "latency_ms": float(rng.uniform(1, 2))} for a in archs
    ]
    return [json.dumps({"networks": rows}).encode()]


@format_("measured.json", "json", _measured)
def _read_measured(folder: Path, data: bytes) -> object:
    from ofa.latency.adapt import read_measured

    return read_measured(placed(folder, "measured.json", data), SPACE)


def _supernet() -> bytes:
    return FORMATS["supernet.safetensors"].sound()[0]


def _accuracy() -> list[bytes]:
    seal = {"supernet": {"file": checkpoint.SUPERNET, "sha256": sha256(_supernet()).hexdigest()}}
    archs = ENCODING.decode(ENCODING.sample(6, np.random.default_rng(0)))
    lines = [{"schema": {"name": "ofa.accuracy", "version": 1}, "inputs": seal}] + [
        {"arch": json.loads(arch.to_json()), "top1": 90.0 + n} for n, arch in enumerate(archs)
    ]
    return ["".join(json.dumps(line) + "\n" for line in lines).encode()]


@format_("accuracy.jsonl", "jsonl", _accuracy)
def _read_accuracy(folder: Path, data: bytes) -> object:
    from ofa.space import genotypes_of

    weights = placed(folder, checkpoint.SUPERNET, _supernet())
    path = placed(folder, checkpoint.ACCURACY, data)
    records = checkpoint.read_accuracy(path, supernet=weights)
    return genotypes_of(ENCODING, [record.arch for record in records]) if records else None


def _front_points() -> list[dict]:
    point = {"arch": json.loads(ARCH.to_json()), "predicted_top1": 90.0, "estimated_ms": 1.0}
    return [point, {**point, "estimated_ms": 2.0, "predicted_top1": 91.0}]


def _fronts() -> list[bytes]:
    points = _front_points()
    body = {
        "device": "host", "budget_ms": 2.0, "budget_is_given": True, "lowest_ms": 1.0,
        "highest_ms": 3.0, "num_evaluations": 5, "exhaustive": False, "front": points,
        "random_front": points, "candidates": [{**points[0], "search_top1": 89.0}], "seed": 0,
    }  # fmt: skip
    return [json_file("ofa.front", {"search": body})]


@format_("front.json", "json", _fronts)
def _read_front(folder: Path, data: bytes) -> object:
    return run_files.read_front(placed(folder, "front.json", data)).chosen


def _fleets() -> list[bytes]:
    points = _front_points()
    device = {
        "device": "host", "precision": "int8", "lowest_ms": 1.0, "highest_ms": 3.0,
        "front": points, "picks": [
            {"budget": "2", "budget_ms": 2.0, "point": points[0], "interval_ms": [1.0, 1.5]}
        ],
    }  # fmt: skip
    choice = {
        "archs": [points[0]["arch"]], "mean_loss": 0.0, "least_loss": 0.0, "num_requests": 1,
        "num_unserved": 0, "optimal": True, "serves": [
            {
                "device": "host", "budget": "2", "budget_ms": 2.0, "model": 0,
                "predicted_top1": 90.0, "estimated_ms": 1.2,
            }
        ],
    }  # fmt: skip
    body = {
        "devices": [device], "representatives": ["host"], "num_evaluations": 9,
        "portfolio": [choice], "seed": 0,
    }  # fmt: skip
    return [json_file("ofa.fleet", {"fleet": body}, version=2)]


@format_("fleet.json", "json", _fleets)
def _read_fleet(folder: Path, data: bytes) -> object:
    from ofa.fleet_files import read_fleet

    return read_fleet(placed(folder, "fleet.json", data))


@format_("fleet.yaml", "yaml", lambda: [b"devices:\n  note10: [20, 30]\n  'pixel*': [40%]\n"])
def _read_fleet_file(folder: Path, data: bytes) -> object:
    from ofa.pipeline import read_fleet_file

    return read_fleet_file(placed(folder, "fleet.yaml", data))


def _answers() -> list[bytes]:
    return [_rounds()[0].splitlines()[1]]


@format_("answer of a device", "json", _answers)
def _read_answer(folder: Path, data: bytes) -> object:
    from ofa.runtime.rounds import Round

    body = artifacts.parse_json(data, where="ssh://board: results")
    return artifacts.parse(Round, body, where="ssh://board: results")
