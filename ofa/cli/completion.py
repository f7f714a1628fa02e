"""``ofa completion``: what a shell needs to complete commands, options, devices and recipes.

The script holds every name as it is today: it answers without starting Python.
"""

from collections.abc import Mapping
from pathlib import Path

from jsonargparse import ArgumentParser, Namespace

from ofa import pipeline
from ofa.cli.command import Command
from ofa.cli.near_misses import recipes
from ofa.cli.parsing import build_parser, options_of
from ofa.shipped import shipped

_SHELLS = ("bash", "zsh", "tcsh")
_PATHS = (Path, Path | None)


def completion_of(commands: Mapping[str, Command]) -> Command:
    """The command that prints a completion script for ``commands``."""

    def run(options: Namespace, track: pipeline.Track) -> str:
        return _script(commands, options.shell)

    return Command(
        help="print a script that completes commands in a shell",
        example="ofa completion bash > ~/.local/share/bash-completion/completions/ofa",
        add_flags=_add_flags,
        run=run,
        details=(
            "Devices, recipes and checkpoints are completed by name. For zsh, write it to a file "
            "_ofa in a folder of $fpath; for tcsh, source it."
        ),
    )


def _add_flags(parser: ArgumentParser) -> None:
    parser.add_argument("shell", choices=_SHELLS, help="bash, zsh or tcsh")


def _script(commands: Mapping[str, Command], shell: str) -> str:
    import shtab

    from ofa.search import STRATEGIES

    parser = build_parser(commands, flags_of=commands, list_recipe_fields=True)
    names = {
        "device": [name for device in pipeline.devices() for name in device.names],
        "recipe": recipes(),
        "checkpoint": sorted(path.name for path in shipped("checkpoints").iterdir()),
        "strategy": list(STRATEGIES),
    }
    names["devices"] = names["device"]
    for name in commands:
        for action in options_of(parser, name).values():
            if action.dest in names:
                action.choices = names[action.dest]
            elif action.type is Path or getattr(action, "_typehint", None) in _PATHS:
                action.complete = shtab.FILE  # type: ignore[attr-defined]  # shtab's own way
    return shtab.complete(parser, shell)
