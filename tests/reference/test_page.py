"""The example of docs/once_for_all.md, run as it stands on files in the reference's formats."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import yaml
from reference import fill

from ofa.cli import main
from ofa.reference.tables import layer_key
from ofa.run_files import read_front
from ofa.runtime import OrtSession
from ofa.space import FAMILIES, Block, macs, network

PAGE = Path(__file__).parents[2] / "docs" / "once_for_all.md"
FAMILY = "ofa_mbv3_w1.2"
SPACE = replace(FAMILIES[FAMILY](), resolutions=(160,))


def _latency_table():
    """An entry for every layer of the space at 160 px: one ms per 10 M MACs and 0.01 ms."""
    depths = tuple(max(depths) for depths in SPACE.stage_depths)
    layers = {
        layer
        for kernel in SPACE.kernel_sizes
        for ratio in SPACE.expand_ratios
        for layer in network(
            SPACE,
            replace(
                SPACE.largest(),
                stages=tuple((Block(kernel_size=kernel, expand_ratio=ratio),) * d for d in depths),
            ),
        ).layers
    }
    means = {layer_key(layer, "note10"): macs(layer) / 1e7 + 0.01 for layer in layers}
    return {key: {"count": 1, "mean": mean, "std": 0.0} for key, mean in means.items() if key}


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A supernet, a predictor and a latency table, imported by the commands of the page."""
    folder = tmp_path_factory.mktemp("published")
    space = FAMILIES[FAMILY]()
    state = fill.state(fill.shapes_of(space))
    torch.save({"state_dict": state}, folder / "supernet.pth")
    sizes = (128, 16, 16, 16, 1)
    shapes = {}
    for index in range(4):
        shapes[f"{2 * index}.weight"] = (sizes[index + 1], sizes[index])
        shapes[f"{2 * index}.bias"] = (sizes[index + 1],)
    torch.save(fill.state(shapes), folder / "predictor.pth")
    (folder / "160.yaml").write_text(yaml.safe_dump(_latency_table()))
    out = folder / "imported"
    supernet, predictor = str(folder / "supernet.pth"), str(folder / "predictor.pth")
    assert main(["import", supernet, "--family", FAMILY, "--out", str(out)]) == 0
    assert (
        main(["import", predictor, "--kind", "predictor", "--family", FAMILY, "--out", str(out)])
        == 0
    )
    table = f"160={folder / '160.yaml'}"
    assert main(["import", table, "--kind", "latency-table", "--out", str(out)]) == 0
    return out


def test_the_example_walks_from_an_imported_supernet_to_an_engine_within_the_budget(files):
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), flags=re.DOTALL)
    names = {"__name__": "once_for_all"}
    exec(compile(code, str(PAGE), "exec"), names)

    arch, engine = names["specialize"](
        files / "supernet.safetensors",
        files / "predictor.safetensors",
        files / "layers.json",
        images=fill.images(4, 160).float(),
        budget_ms=20,
        max_evaluations=3_000,
    )

    layers = network(SPACE, arch).layers
    assert sum(macs(layer) / 1e7 + 0.01 for layer in layers if layer_key(layer, "note10")) <= 20
    assert OrtSession(engine).describe().num_classes == 1000


def test_an_imported_supernet_is_searched_without_images_and_says_so(files, tmp_path, capsys):
    folder, table = tmp_path / "w1.2", files / "layers.json"
    folder.mkdir()
    (folder / "predictor.safetensors").write_bytes((files / "predictor.safetensors").read_bytes())
    published = str(files.parent / "supernet.pth")
    narrow = ["--resolutions", "160", "--out", str(folder), "--quiet"]
    assert main(["import", published, "--family", FAMILY, *narrow]) == 0
    argv = ["--device", str(table), "--budget-ms", "20", "--out", str(tmp_path)]

    assert main(["search", "--checkpoint", str(folder), *argv]) == 0

    assert "chosen by prediction: the checkpoint has no images" in capsys.readouterr().out
    outcome = read_front(tmp_path / "fronts" / "imported.json")
    layers = network(SPACE, outcome.chosen.arch).layers
    layer_ms = [macs(layer) / 1e7 + 0.01 for layer in layers if layer_key(layer, "note10")]
    assert sum(layer_ms) == pytest.approx(outcome.chosen.estimated_ms)
    assert outcome.chosen.estimated_ms <= 20
    assert outcome.chosen.search_top1 is None


def test_a_resolution_that_the_predictor_does_not_know_is_refused_by_name(files, tmp_path, capsys):
    argv = ["--checkpoint", str(files), "--device", "pixel", "--out", str(tmp_path)]

    assert main(["search", *argv]) == 1

    message = capsys.readouterr().err
    assert "[128, 132, 136" in message
    assert "trained on [160, 176, 192, 208, 224]; leave them out" in message
    assert "ofa import --resolutions keeps those you name" in message


def test_weights_come_back_bit_for_bit(files, tmp_path):
    out = tmp_path / "again.pth"

    assert main(["export-weights", str(files / "supernet.safetensors"), "--out", str(out)]) == 0

    again = torch.load(out, weights_only=True)["state_dict"]
    original = fill.state(fill.shapes_of(FAMILIES[FAMILY]()))
    assert again.keys() == original.keys()
    assert all(torch.equal(again[name], original[name]) for name in original)


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["x.pth"], "a supernet needs --family"),
        (["a", "b", "--family", FAMILY], "2 files given, but a supernet is one"),
        (["table.yaml", "--kind", "latency-table"], "named with its input size"),
        (["nowhere.pth", "--family", FAMILY], "nowhere.pth"),
        (["nowhere.pth", "--family", "ofa_mbv9"], "'ofa_mbv9' is not one of"),
    ],
)
def test_an_import_that_cannot_be_is_refused_in_one_line(argv, message, capsys):
    assert main(["import", *argv]) == 1

    captured = capsys.readouterr()
    assert message in captured.err
    assert captured.err.count("\n") == 1
