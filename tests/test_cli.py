import json
import os
import subprocess
import sys

import pytest

from ofa.cli import COMMANDS, main, screen
from ofa.pipeline import SearchProgress


def fails(capsys, *argv: str) -> str:
    """The one line on stderr with which a command line is refused."""
    assert main(list(argv)) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    return captured.err


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself_with_an_example(command, capsys):
    with pytest.raises(SystemExit) as stopped:
        main([command, "--help"])

    assert stopped.value.code == 0
    assert f"example: ofa {command}" in capsys.readouterr().out


def test_without_a_command_all_are_listed(capsys):
    assert main([]) == 0

    listed = capsys.readouterr().out
    assert all(command in listed for command in COMMANDS)


def test_help_answers_without_torch():
    code = (
        "import sys; from ofa.cli import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "assert 'torch' not in sys.modules and 'scipy' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def test_devices_are_listed_with_their_error(capsys):
    assert main(["devices"]) == 0

    assert "pixel" in capsys.readouterr().out


def test_json_prints_the_result_for_programs(capsys):
    assert main(["devices", "--json"]) == 0

    devices = json.loads(capsys.readouterr().out)
    assert "pixel" in [name for device in devices for name in (device["id"], *device["names"])]


def test_the_list_of_devices_fits_a_terminal(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")

    assert main(["devices"]) == 0

    assert max(map(len, capsys.readouterr().out.splitlines())) <= 80


def test_a_device_is_shown_with_its_error_and_a_drawing(capsys):
    assert main(["devices", "show", "pixel"]) == 0

    shown = capsys.readouterr().out
    assert "pixel1: Google Pixel" in shown
    assert "han-cai/files @ a7c9bcd" in shown
    assert "measured, ms" in shown
    assert max(map(len, shown.splitlines())) <= 100


def test_a_device_measured_here_has_nothing_to_draw(capsys):
    assert main(["devices", "show", "host"]) == 0

    assert "ofa profile --device host" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["show"], "name a device: ofa devices show NAME"),
        (["show", "pixle"], "did you mean pixel"),
        (["adapt", "pixel"], "needs --measured FILE and --out FOLDER"),
        (["adapt", "host", "--measured", "x.json", "--out", "x"], "host has no model to adapt"),
        (["adapt", "pixel", "--measured", "x.json", "--out", "x"], "x.json: cannot be read"),
    ],
)
def test_what_devices_cannot_do_is_told_in_a_line(capsys, argv, message):
    assert message in fails(capsys, "devices", *argv)


def test_quiet_prints_nothing(capsys):
    assert main(["inspect", "ofa_mbv3_w1.0", "--quiet"]) == 0

    assert capsys.readouterr() == ("", "")


def test_a_wrong_device_lists_the_near_ones(capsys, tmp_path):
    line = fails(capsys, "specialize", "--device", "pixle", "--out", str(tmp_path / "run"))

    assert "no device is called 'pixle'; did you mean pixel" in line
    assert not (tmp_path / "run").exists()


def test_a_budget_out_of_reach_tells_the_reachable_range_and_writes_nothing(capsys, tmp_path):
    out = tmp_path / "run"

    line = fails(
        capsys, "specialize", "--device", "pixel", "--budget-ms", "0.01", "--out", str(out)
    )

    assert "no subnet meets a budget of 0.01 ms" in line
    assert "set the budget to" in line
    assert not out.exists()


def test_a_missing_checkpoint_names_the_shipped_ones(capsys):
    line = fails(capsys, "sample", "--checkpoint", "nowhere")

    assert "nowhere: holds no supernet.safetensors" in line
    assert "fashion_mnist" in line


def test_a_corrupt_checkpoint_is_refused_by_name(capsys, tmp_path):
    (tmp_path / "supernet.safetensors").write_bytes(b"\x10" + b"\0" * 7 + b"not json........")

    line = fails(capsys, "sample", "--checkpoint", str(tmp_path))

    assert "supernet.safetensors: not a readable safetensors file" in line
    assert os.listdir(tmp_path) == ["supernet.safetensors"]


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["specialise"], "invalid choice: 'specialise'"),
        (["specialize"], "required: --device"),
        (["specialize", "--device", "pixel", "--budget-ms", "fast"], "budget_ms"),
        (["specialize", "--device", "pixel", "--buget", "3"], "--buget"),
        (["train", "--recipe", "nowhere.yaml"], "nowhere.yaml"),
        (["train", "--recipe", "recipes/tiny.yaml", "--train.batch_sise", "3"], "batch_sise"),
    ],
)
def test_a_misspelt_command_line_is_refused_in_one_line(argv, message, capsys):
    assert message in fails(capsys, *argv)


def test_a_recipe_that_cannot_work_is_refused_before_anything_is_written(capsys, tmp_path):
    recipe = tmp_path / "bad.yaml"
    recipe.write_text("train: {phases: [{name: p, epochs: 1, learning_rate: 0.1, depths: [9]}]}\n")

    line = fails(capsys, "train", "--recipe", str(recipe), "--out", str(tmp_path / "run"))

    assert "depths [9] are not in space.depths" in line
    assert not (tmp_path / "run").exists()


def test_an_unreadable_image_folder_is_refused_before_anything_is_written(capsys, tmp_path):
    line = fails(
        capsys, "train", "--recipe", "recipes/tiny.yaml",
        "--data.root", str(tmp_path / "no"), "--out", str(tmp_path / "run"),
    )  # fmt: skip

    assert "no/train: no such folder; put images into" in line
    assert not (tmp_path / "run").exists()


def test_images_without_a_recipe_are_trained_by_the_recipe_for_folders():
    from ofa.cli.flags import with_default_recipe

    completed = with_default_recipe(["--data.root", "IMAGES"])

    assert completed[0] == "--recipe"
    assert completed[1].endswith("image_folder.yaml")
    assert completed[2:] == ["--data.root", "IMAGES"]
    own = ["--recipe=own.yaml", "--data.root", "IMAGES"]
    assert with_default_recipe(own) == own


def test_strategies_are_compared_with_random_search_at_equal_evaluations(capsys):
    words = ["search", "--device", "pixel", "--budget-ms", "2", "--compare"]

    assert main([*words, "--strategies", "nsga2", "--evaluations", "400", "--json"]) == 0

    result = json.loads(capsys.readouterr().out)[0]
    assert {row["strategy"]: row["num_evaluations"] for row in result["rows"]} == {
        "nsga2": 400,
        "random": 400,
    }
    assert result["uniform_top1"] > 0


@pytest.mark.parametrize(
    ("words", "mend"),
    [
        (["--budget-ms", "0.001"], "set the budget to"),
        (["--strategies", "annealing"], "is not one of evolution, random"),
        (["--evaluations", "0"], "allow 1 or more"),
        (["--max", "macs=1k"], "no subnet keeps macs 1,000: those of this space have"),
        (["--max", "macs"], "give a cost and a number, such as macs=40e6"),
        (["--max", "macs=3M", "--max", "macs=4M"], "is given twice"),
        (["--max", "flops=3M"], "max flops: is not one of macs"),
    ],
)
def test_a_comparison_that_cannot_be_made_is_refused_in_one_line(words, mend, capsys):
    assert mend in fails(capsys, "search", "--device", "pixel", "--compare", *words)


def test_a_search_shows_how_it_stands_on_a_terminal_alone(capsys, monkeypatch):
    stands = SearchProgress(
        num_evaluations=12_000, per_second=4_000.0, best_top1=93.4, hypervolume=7.25
    )
    with screen.watching(quiet=False) as watch:
        assert watch is None
    monkeypatch.setenv("FORCE_COLOR", "1")  # as if stderr were a terminal
    with screen.watching(quiet=True) as watch:
        assert watch is None

    with screen.watching(quiet=False) as watch:
        watch(stands)

    told = capsys.readouterr().err
    assert "best 93.40 %, hypervolume 7.25, 12,000 evaluations, 4,000 a second" in told
