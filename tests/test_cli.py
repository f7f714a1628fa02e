import fcntl
import json
import os
import pty
import re
import shlex
import shutil
import struct
import subprocess
import sys
import termios
from dataclasses import replace
from pathlib import Path

import pytest
from jsonargparse import Namespace

from ofa import artifacts
from ofa.cli import COMMANDS, main, screen
from ofa.cli.flags import recipe, with_whole_recipe
from ofa.cli.parsing import build_parser
from ofa.pipeline import untracked
from ofa.recipe import Recipe

ROOT = Path(__file__).parent.parent


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


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_a_command_fits_a_screen(command, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")

    with pytest.raises(SystemExit):
        main([command, "--help"])

    lines = capsys.readouterr().out.splitlines()
    assert len(lines) <= 40
    assert max(map(len, lines)) <= 80


def test_the_list_of_commands_fits_a_screen(capsys):
    main(["--help"])

    lines = capsys.readouterr().out.splitlines()
    assert len(lines) <= 40
    assert max(map(len, lines)) <= 80


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


def test_names_of_strangers_reach_the_terminal_as_they_are_and_obey_nobody(capsys, tmp_path):
    folder = tmp_path / "board"
    folder.mkdir()
    described = (Path("devices/raspberry-pi-4/device.yaml")).read_text()
    (folder / "device.yaml").write_text(
        described.replace("name: Raspberry Pi 4 Model B", r'name: "[/x] A76 [rev/4] \e[2J"')
    )

    assert main(["devices", "show", str(folder)]) == 0

    shown = capsys.readouterr().out
    assert r"[/x] A76 [rev/4] \x1b[2J" in shown
    assert f"ofa profile --device {folder}" in shown
    table = screen.table("[/x] [red]")
    table.add_row("Cortex-A76 [rev/4p1]", "[/x]", "")
    screen.show(table)
    screen.show("written to here/[lab]/far.zip")
    shown = capsys.readouterr().out
    for text in ("[/x] [red]", "Cortex-A76 [rev/4p1]", "here/[lab]/far.zip"):
        assert text in shown


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["show"], "name a device: ofa devices show NAME"),
        (["show", "pixle"], "did you mean pixel"),
        (["adapt", "pixel"], "needs --measured FILE and --out FOLDER"),
        (["adapt", "pixel", "--pack", "x.zip", "--out", "x"], "--pack comes before --measured"),
        (["adapt", "host", "--measured", "x.json", "--out", "x"], "x.json: cannot be read"),
        (["show", "x" * 300], "File name too long"),
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
        (["specialise"], "'specialise' is not one of specialize, "),
        (["specialise"], "did you mean specialize?"),
        (["specialize"], "required: --device"),
        (["inspect"], "required: TARGET"),
        (["specialize", "--device", "pixel", "--buget-ms", "3"], "did you mean --budget-ms?"),
        (["specialize", "--device", "pixel", "--precision", "int4"], "did you mean int8?"),
        (["train", "--recipe", "fashion_mnits"], "did you mean fashion_mnist?"),
        (["train", "--recipe", "tiny", "--train.distillation", "alfa"], "did you mean alpha?"),
        (["sample", "--checkpoint", "fashion_mnits"], "did you mean fashion_mnist?"),
        (["search", "--device", "pixel", "--strategy", "evolutoin"], "did you mean evolution?"),
        (["inspect", "ofa_mbv3_w1"], "did you mean ofa_mbv3_w1"),
        (
            ["specialize", "--device", "pixel", "--budget-ms", "fast"],
            "--budget-ms: Expected a number",
        ),
        (["specialize", "--device", "pixel", "--buget", "3"], "--buget"),
        (["train", "--recipe", "nowhere.yaml"], "give a YAML file, or one of cifar10, fashion_mn"),
        (
            ["train"],
            "no recipe; give --data.root FOLDER of images, or --recipe with a YAML file or",
        ),
        (["finetune", "--subnet", "x", "--epochs", "0"], "--epochs"),
        (["finetune", "--subnet", "x", "--learning-rate", "0"], "--learning-rate"),
        (["finetune", "--subnet", "x", "--threads", "-1"], "--threads"),
        (["finetune", "--subnet", "x", "--augment", "flip"], "write a field and its value, as in"),
        (["train", "--recipe", "recipes/tiny.yaml", "--train.batch_sise", "3"], "batch_sise"),
    ],
)
def test_a_misspelt_command_line_is_refused_in_one_line(argv, message, capsys):
    assert message in fails(capsys, *argv)


@pytest.mark.parametrize("name", ["RANK", "LOCAL_RANK", "SLURM_PROCID"])
def test_of_several_ranks_the_first_tells_the_result(name, capsys, monkeypatch):
    words = ["train", "--recipe", "tiny", "--data.root", "IMAGES", "--print_config"]
    monkeypatch.setenv(name, "1")
    assert main(words) == 0
    assert not capsys.readouterr().out

    monkeypatch.setenv(name, "0")
    assert main(words) == 0
    assert capsys.readouterr().out


def test_the_recipe_that_would_run_is_printed_as_one_to_start_from(capsys, tmp_path):
    words = ["--recipe", "image_folder", "--data.root", "IMAGES", "--train.batch_size", "16"]

    assert main(["train", *words, "--print_config"]) == 0

    printed = tmp_path / "mine.yaml"
    printed.write_text(capsys.readouterr().out)
    found, given = (
        artifacts.parse(Recipe, artifacts.read_yaml(path), where=str(path))
        for path in (printed, ROOT / "recipes" / "image_folder.yaml")
    )
    assert found == replace(
        given,
        data=replace(given.data, root="IMAGES"),
        train=replace(given.train, batch_size=16),
    )


def test_the_example_of_a_sweep_needs_no_images_of_ones_own():
    words = shlex.split(COMMANDS["sweep"].example)[1:]
    options = build_parser(COMMANDS, flags_of=["sweep"]).parse_args(
        ["sweep", *with_whole_recipe(words[1:])]
    )

    assert recipe(options["sweep"]).data.name == "fashion_mnist"


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
    completed = with_whole_recipe(["--data.root", "IMAGES"])

    assert completed[0] == "--recipe"
    assert completed[1].endswith("image_folder.yaml")
    assert completed[2:] == ["--data.root", "IMAGES"]
    own = [f"--recipe={ROOT / 'recipes/tiny.yaml'}", "--data.root", "IMAGES"]
    assert with_whole_recipe(own) == ["--recipe", str(ROOT / "recipes/tiny.yaml"), *own[1:]]


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
        (["--max", "macs=nan"], "max macs: nan is not a finite number"),
        (["--max", "flops=3M"], "max flops: is not one of macs"),
    ],
)
def test_a_comparison_that_cannot_be_made_is_refused_in_one_line(words, mend, capsys):
    assert mend in fails(capsys, "search", "--device", "pixel", "--compare", *words)


@pytest.mark.parametrize("flags", [["--seed", "-1"], ["--num", "0"]])
def test_counts_and_seeds_below_what_they_can_be_are_refused(flags, capsys):
    assert flags[0] in fails(capsys, "sample", *flags)


def test_a_front_to_compare_with_is_not_the_one_that_is_replaced(fitted, capsys, tmp_path):
    own = tmp_path / "fronts" / "pixel1.json"
    own.parent.mkdir()
    words = ["search", "--checkpoint", str(fitted), "--device", "pixel", "--out", str(tmp_path)]

    assert "cannot be read" in fails(capsys, *words, "--against", str(own))
    assert main(words) == 0
    before = own.read_bytes()
    capsys.readouterr()
    assert "would replace it; copy it first" in fails(capsys, *words, "--against", str(own))
    assert own.read_bytes() == before


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["--device", "pixel", "--budgets", "5,10"], "--budgets: is not read in the search of one"),
        (["--device", "pixel", "--max-models", "3"], "--max-models: is not read"),
        (["--device", "pixel", "--strategies", "random"], "--strategies: is not read"),
        (
            ["--device", "pixel", "--compare", "--rounds", "3"],
            "--rounds: is not read in the search",
        ),
        (["--devices", "pixel", "--budgets", "5", "--strategy", "nsga2"], "of a fleet; leave it"),
        (["--devices", "pixel", "--budgets", "5", "--compare"], "--compare: is not read in the"),
        (["--fleet", "fleet.yaml", "--budgets", "5"], "give one of: --device with --budget-ms"),
    ],
)
def test_a_flag_that_a_search_would_pass_over_is_refused(words, problem, capsys, tmp_path):
    assert problem in fails(capsys, "search", *words, "--out", str(tmp_path))


def test_a_gpu_that_is_not_there_is_told(capsys, monkeypatch):
    monkeypatch.setattr("torch.cuda.device_count", lambda: 0)
    line = fails(capsys, "sample", "--accelerator", "gpu")
    assert "--accelerator cpu" in line


def test_a_device_that_a_sample_would_pass_over_is_refused(capsys):
    assert "--device: is read by --draw latency" in fails(capsys, "sample", "--device", "pixel")


def test_a_flag_that_an_import_would_pass_over_is_refused(capsys, tmp_path):
    words = ["import", "net", "--kind", "subnet", "--out", str(tmp_path)]

    assert "--images: a subnet takes none" in fails(capsys, *words, "--images", str(tmp_path))


def test_a_field_that_recipes_lack_is_refused_with_the_nearest(capsys, tmp_path):
    recipe = tmp_path / "mine.yaml"
    recipe.write_text("train: {batch_sise: 3}\n")

    line = fails(capsys, "train", "--recipe", str(recipe))

    assert "no field 'batch_sise'; did you mean batch_size?" in line


def test_a_flag_counts_on_either_side_of_the_recipe(capsys):
    seed = ["--train.seed", "7"]
    for words in (["--recipe", "tiny", *seed], [*seed, "--recipe=tiny"]):
        assert main(["train", *words, "--data.root", "IMAGES", "--print_config"]) == 0
        assert "seed: 7" in capsys.readouterr().out


def test_a_shipped_recipe_is_found_by_name_and_from_any_folder(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)

    for given in ("tiny", "recipes/tiny.yaml"):
        assert with_whole_recipe(["--recipe", given])[1].endswith("recipes/tiny.yaml")
    for path in (ROOT / "recipes").iterdir():
        assert with_whole_recipe(["--recipe", path.name.removesuffix(".yaml")])[1] == str(path)
    (tmp_path / "tiny").write_text("train: {seed: 1}\n")
    assert with_whole_recipe(["--recipe", "tiny"]) == ["--recipe", "tiny"]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("ofa sp", "specialize"),
        ("ofa specialize --device raspb", "raspberry-pi-4"),
        ("ofa train --recipe imagenet_s", "imagenet_sandwich"),
        ("ofa train --train.batch_", "--train.batch_size"),
        ("ofa search --strategy evol", "evolution"),
    ],
)
@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
def test_bash_completes_commands_options_and_names(words, expected, bash_completion):
    program = (
        f"source {bash_completion}; COMP_WORDS=({words}); COMP_CWORD={words.count(' ')}\n"
        "_shtab_ofa; echo ${COMPREPLY[@]}"
    )
    done = subprocess.run(["bash", "-c", program], capture_output=True, text=True, check=True)

    assert done.stdout.split() == [expected]


@pytest.fixture(scope="module")
def bash_completion(tmp_path_factory):
    from ofa.cli.completion import completion_of

    script = tmp_path_factory.mktemp("shell") / "ofa.bash"
    command = completion_of({name: c for name, c in COMMANDS.items() if name != "completion"})
    script.write_text(command.run(Namespace(shell="bash"), untracked))
    return script


def on_a_terminal(*argv, columns=80, **env):
    """What a command shows on a terminal, control codes and all."""
    parent, child = pty.openpty()
    fcntl.ioctl(child, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    shown = b""
    with subprocess.Popen(
        [sys.executable, "-m", "ofa", *argv], stdout=child, stderr=child, stdin=child,
        env={**os.environ, "TERM": "xterm-256color", **env},
    ):  # fmt: skip
        os.close(child)
        try:
            while chunk := os.read(parent, 65536):
                shown += chunk
        except OSError:  # Linux's way to say that the other end is closed
            pass
    os.close(parent)
    return shown.decode()


def test_colors_are_for_terminals_and_not_for_those_who_want_none():
    words = ["devices"]
    plain = subprocess.run(
        [sys.executable, "-m", "ofa", *words], capture_output=True, text=True, check=True
    )
    colors = re.compile(r"\x1b\[[\d;]*3\dm")

    assert "\x1b" not in plain.stdout + plain.stderr
    assert not colors.search(on_a_terminal(*words, NO_COLOR="1"))
