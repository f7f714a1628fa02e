"""The parsers of the commands: short usage, help that fits a screen, and only what a line needs.

Building the flags of every command takes longer than most answers, so those of the command at
hand alone are built. Flags for the fields of a recipe are parsed and not listed: there are dozens,
and ``docs/reference/recipes.md`` explains each.
"""

import argparse
import re
import textwrap
from collections.abc import Iterable, Mapping

from jsonargparse import ArgumentParser, DefaultHelpFormatter

import ofa
from ofa.cli import flags
from ofa.cli.command import Command

RECIPE_FIELDS = ("data", "space", "train")


class _HelpFormatter(DefaultHelpFormatter):
    """Help that tells a default where there is one, and no Python types.

    argparse offers no other way to change these than to override them.
    """

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        """Paragraphs, filled; those that begin with blanks or an example keep their lines."""
        return "\n\n".join(
            part
            if part.startswith("  ")
            else _folded(part, width)
            if part.startswith("example: ")
            else textwrap.fill(part, width)
            for part in text.split("\n\n")
        )

    def _get_help_string(self, action: argparse.Action) -> str:
        told = action.help or ""
        if action.required and action.option_strings:
            return f"{told} (required)"
        speaks = action.default not in (None, False, argparse.SUPPRESS) and action.option_strings
        return f"{told} (default: %(default)s)" if speaks and "default" not in told else told


def build_parser(
    commands: Mapping[str, Command], *, flags_of: Iterable[str], list_recipe_fields: bool = False
) -> ArgumentParser:
    """The parser of the command line, with the flags of the commands in ``flags_of`` alone."""
    flags_of = set(flags_of)
    parser = ArgumentParser(
        prog="ofa",
        exit_on_error=False,
        version=ofa.__version__,
        formatter_class=_HelpFormatter,
        parser_mode=flags.PLAIN,
    )
    subcommands = parser.add_subcommands(required=False, dest="command", metavar="COMMAND")
    for name, command in commands.items():
        details = f"{command.help[0].upper()}{command.help[1:]}.\n\n{command.details}".strip()
        subparser = ArgumentParser(
            description=details,
            epilog=f"example: {command.example}",
            exit_on_error=False,
            parser_mode=flags.PLAIN,
            print_config=None,  # cannot write the stages of a space; ``ofa train`` has its own
        )
        if name in flags_of:
            command.add_flags(subparser)
            if not list_recipe_fields:
                _hide_recipe_fields(subparser)
            subparser.add_argument("--json", action="store_true", help="print the result as JSON")
            subparser.add_argument("--quiet", action="store_true", help="print errors only")
            subparser.usage = f"ofa {name} {_needed(subparser)}[options]"
        subcommands.add_subcommand(name, subparser, help=command.help)
    return parser


def help_of(parser: ArgumentParser, command: str) -> str:
    """The help of one command."""
    return _subparser(parser, command).format_help()


def options_of(parser: ArgumentParser, command: str) -> dict[str, argparse.Action]:
    """The arguments of one command by name, those of a recipe's fields included."""
    return {
        name: action
        for action in _subparser(parser, command)._actions
        for name in action.option_strings or [action.dest]
    }


def _subparser(parser: ArgumentParser, command: str) -> ArgumentParser:
    assert parser._subcommands_action and parser._subcommands_action.choices
    return parser._subcommands_action.choices[command]


def _hide_recipe_fields(parser: ArgumentParser) -> None:
    for action in parser._actions:
        if action.dest.split(".")[0] in RECIPE_FIELDS:
            action.help = argparse.SUPPRESS


def _folded(example: str, width: int) -> str:
    """A command line over several lines, as a shell takes it."""
    if len(example) <= width:
        return example
    lines = [""]
    for flag in re.split(r" (?=--)", example):
        if len(lines[-1]) + len(flag) > width - 7:
            lines.append("")
        lines[-1] = f"{lines[-1]} {flag}".lstrip()
    return " \\\n    ".join(lines)


def _needed(parser: ArgumentParser) -> str:
    """What a command line cannot do without."""
    words = []
    for action in parser._actions:
        if action.help == argparse.SUPPRESS:
            continue
        name = action.metavar or action.dest.upper()
        if not action.option_strings:
            words.append(f"[{name}]" if action.nargs == "?" else str(name))
        elif action.required:
            words.append(f"{action.option_strings[0]} {name}")
    return "".join(f"{word} " for word in words)
