"""The rules that keep the rooms apart, checked on the syntax tree of every module."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import ofa
from ofa.runtime.bundle import MODULES as MODULES_ON_DEVICES

PACKAGE = Path(ofa.__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))
TREES = {path: ast.parse(path.read_text(), filename=str(path)) for path in MODULES}

# A room may import the rooms named beside it, and whatever those may import.
MAY_IMPORT = {
    "errors": (),
    "interrupts": (),
    "shipped": (),
    "style": (),
    "threads": (),
    "provenance": (),
    "plain_data": ("errors",),
    "space": ("errors",),
    "recipe": ("space",),
    "writing": ("errors",),
    "artifacts": ("provenance", "plain_data", "space", "recipe", "writing"),
    "checkpoint": ("artifacts",),
    "run_files": ("artifacts",),
    "fleet_files": ("run_files",),
    "nn": ("space",),
    "supernets": ("nn", "space"),
    "subnet": ("supernets", "space"),
    "data": ("artifacts", "threads"),
    "runtime": ("space", "artifacts"),
    "train": ("subnet", "data", "runtime", "style"),
    "evaluate": ("subnet", "data", "runtime", "checkpoint"),
    "predictor": ("space", "style"),
    "reference": ("subnet", "checkpoint", "run_files", "shipped"),
    "opened": ("evaluate", "predictor", "reference", "run_files", "shipped"),
    "latency": ("space", "runtime", "subnet", "artifacts"),
    "search": ("space",),
    "deploy": ("runtime", "latency", "evaluate", "fleet_files", "style"),
    "pipeline": ("reference", "train", "opened", "latency", "search", "deploy"),
    "cli": (
        "pipeline",
        "train",
        "shipped",
        "reference",
        "latency",
        "search",
        "deploy",
        "predictor",
        "recipe",
    ),
    "__main__": ("cli", "interrupts"),
}

# ``ofa --help`` and ``ofa devices`` answer at once because importing these loads no torch.
TORCH_FREE = (
    "ofa", "ofa.errors", "ofa.interrupts", "ofa.shipped", "ofa.writing", "ofa.space",
    "ofa.recipe", "ofa.artifacts", "ofa.checkpoint", "ofa.run_files", "ofa.fleet_files",
    "ofa.reference", "ofa.search", "ofa.latency", "ofa.opened", "ofa.pipeline", "ofa.cli",
)  # fmt: skip
HEAVY = ("torch", "torchvision", "pytorch_lightning", "lightning", "onnxruntime", "matplotlib")

# These run on devices as well, where nothing else of ofa is: they read and write files themselves.
ON_DEVICES = {PACKAGE / "runtime" / f"{module}.py" for module in MODULES_ON_DEVICES}

CLOCKS = {"time", "timeit"}
PICKLES = {"pickle", "dill", "cloudpickle", "joblib", "shelve"}
FILE_CALLS = {"open", "read_text", "read_bytes", "write_text", "write_bytes"}
FOREIGN_FORMATS = {"torch.load", "torch.save", "np.load", "np.save", "np.savez", "np.fromfile"}
GLOBAL_SEEDS = {"torch.manual_seed", "np.random.seed", "random.seed", "lightning.seed_everything"}
VAGUE_NAMES = {"utils", "util", "common", "helpers", "helper", "base", "misc"}
MAX_LINES = 400


def test_every_room_has_its_line_in_the_table_and_imports_only_upwards():
    assert {_room(path) for path in MODULES} - {""} <= set(MAY_IMPORT)

    order = list(MAY_IMPORT)
    for room, others in MAY_IMPORT.items():
        assert all(order.index(other) < order.index(room) for other in others), room


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_a_room_imports_only_what_the_table_allows(room):
    allowed = {room} | _closure(room)

    wrong = [
        f"{_at(path, node)} imports ofa.{name}"
        for path, tree in TREES.items()
        if _room(path) == room
        for node, module in _imports(tree)
        if module.startswith("ofa.") and (name := module.split(".")[1]) not in allowed
    ]

    assert not wrong, f"{room} may import only {sorted(allowed)}: " + "; ".join(wrong)


def test_imports_are_absolute_and_of_public_names():
    wrong = [
        f"{_at(path, node)} imports {module}"
        for path, tree in TREES.items()
        for node, module in _imports(tree)
        if module.startswith(".")
        or (module.startswith("ofa.") and any(part.startswith("_") for part in module.split(".")))
    ]

    assert not wrong, "; ".join(wrong)


def test_importing_the_command_line_loads_no_torch():
    program = (
        "import importlib, sys\n"
        f"for name in {TORCH_FREE!r}:\n"
        "    importlib.import_module(name)\n"
        f"    heavy = [name for name in {HEAVY!r} if name in sys.modules]\n"
        "    assert not heavy, f'{name} loads {heavy}'\n"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)

    assert done.returncode == 0, done.stderr


def test_only_timing_reads_the_clock():
    wrong = [
        f"{_at(path, node)} imports {module}"
        for path, tree in _outside("runtime/timing.py")
        for node, module in _imports(tree)
        if module.split(".")[0] in CLOCKS
    ] + [
        f"{_at(path, node)} waits for the device"
        for path, tree in _outside("train/place.py")  # timing runs on devices that have no torch
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr == "synchronize"
    ]

    assert not wrong, "take the time from ofa.runtime.timing: " + "; ".join(wrong)


def test_only_artifacts_touches_files_and_only_data_opens_images():
    wrong = []
    for path, tree in _outside("artifacts.py", "writing.py"):
        if path in ON_DEVICES:
            continue
        legal = {"open"} if _room(path) == "data" else set()
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and _file_call(node) in FILE_CALLS - legal:
                wrong.append(f"{_at(path, node)} calls {ast.unparse(node.func)}")

    assert not wrong, "read and write through ofa.artifacts: " + "; ".join(wrong)


def test_what_runs_on_devices_imports_numpy_and_its_own_kind_alone():
    own = {f"ofa.runtime.{module}" for module in MODULES_ON_DEVICES}

    wrong = [
        f"{_at(path, node)} imports {module}"
        for path in ON_DEVICES
        for node, module in _imports(TREES[path])
        if module.rpartition(".")[0] not in own
        and module.split(".")[0] not in {*sys.stdlib_module_names, "numpy", "onnxruntime"}
    ]

    assert not wrong, "; ".join(wrong)


def test_nothing_is_pickled_but_the_files_of_the_reference_and_no_other_format_is_used():
    # They read tensors and plain data alone: torch.load(weights_only=True).
    homes = "reference/weights.py", "train/checkpoints.py"
    wrong = [
        f"{_at(path, node)} imports {module}"
        for path, tree in _outside(*homes)
        for node, module in _imports(tree)
        if module.split(".")[0] in PICKLES
    ] + _uses(FOREIGN_FORMATS, *homes)

    assert not wrong, "tensors live in safetensors: " + "; ".join(wrong)


def test_only_the_pipeline_seeds_globally():
    wrong = _uses(GLOBAL_SEEDS, "pipeline/supernet.py")

    assert not wrong, "take a generator as an argument: " + "; ".join(wrong)


def test_no_handler_catches_every_error():
    wrong = [
        _at(path, node)
        for path, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.ExceptHandler)
        and (node.type is None or {"Exception", "BaseException"} & _names(node.type))
    ]

    assert not wrong, "name the errors: " + "; ".join(wrong)


def test_modules_are_named_after_their_idea():
    wrong = [str(path.relative_to(PACKAGE)) for path in MODULES if path.stem in VAGUE_NAMES]

    assert not wrong


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_module_has_a_docstring_and_a_readable_length(path):
    num_lines = len(path.read_text().splitlines())

    assert ast.get_docstring(TREES[path])
    assert num_lines <= MAX_LINES


@pytest.mark.parametrize(
    "path",
    [path for path in MODULES if path.name == "__init__.py"],
    ids=lambda path: str(path.relative_to(PACKAGE)),
)
def test_a_package_only_re_exports(path):
    _docstring, *body = TREES[path].body

    others = [
        node
        for node in body
        if not isinstance(node, ast.Import | ast.ImportFrom)
        and not (isinstance(node, ast.Assign) and _names(node) <= {"__all__", "__version__"})
    ]

    assert not others, f"{_at(path, others[0])}: move it to a module of its own"


def _room(path: Path) -> str:
    """First part of the module's name below ``ofa``; empty for ``ofa/__init__.py``."""
    first = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    return "" if first == "__init__" else first


def _closure(room: str) -> set[str]:
    direct = set(MAY_IMPORT[room])
    return direct.union(*(_closure(other) for other in direct if other != "pipeline"))


def _imports(tree: ast.AST) -> Iterator[tuple[ast.stmt, str]]:
    """Every import at any depth, by the full name of what it binds."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node, alias.name
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                yield node, f"{'.' * node.level}{node.module or ''}.{alias.name}"


def _outside(*homes: str) -> list[tuple[Path, ast.Module]]:
    legal = {PACKAGE / home for home in homes}
    return [(path, tree) for path, tree in TREES.items() if path not in legal]


def _uses(dotted: set[str], *homes: str) -> list[str]:
    return [
        f"{_at(path, node)} uses {name}"
        for path, tree in _outside(*homes)
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and (name := ast.unparse(node)) in dotted
    ]


def _file_call(call: ast.Call) -> str:
    """Name of the called function if it may touch a file.

    ``artifacts.read_bytes`` keeps the rule, and ``resources.files`` reads what the package brings.
    """
    if isinstance(call.func, ast.Name):
        return "open" if call.func.id == "open" else ""
    if isinstance(call.func, ast.Attribute):
        owner = ast.unparse(call.func.value)
        return "" if owner == "artifacts" or "files(" in owner else call.func.attr
    return ""


def _names(node: ast.AST) -> set[str]:
    return {child.id for child in ast.walk(node) if isinstance(child, ast.Name)}


def _at(path: Path, node: ast.AST) -> str:
    return f"{path.relative_to(PACKAGE.parent)}:{getattr(node, 'lineno', 1)}"
