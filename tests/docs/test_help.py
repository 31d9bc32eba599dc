"""Help texts: every argument is explained, every command has an example, and `avsal --help` says where to begin."""

import argparse

import pytest

from avsal_bench.cli import app


def leaves(parser, words=("avsal",)):
    """Every command, as it is typed, with its parser."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, below in action.choices.items():
                yield from leaves(below, (*words, name))
            return
    yield " ".join(words), parser


COMMANDS = dict(leaves(app._parser()))


@pytest.mark.parametrize("command", COMMANDS)
def test_every_argument_is_explained(command):
    for action in COMMANDS[command]._actions:
        assert action.help, f"{command}: {action.dest}"
        assert action.help == argparse.SUPPRESS or action.help[-1] != ".", f"{command}: {action.help}"


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_an_example(command):
    text = COMMANDS[command].format_help().split("\n\n", 1)[1]
    assert f"\n  {command}" in text or command in {"avsal list"}, "an indented line at the end shows how it is typed"


@pytest.mark.parametrize("command", COMMANDS)
def test_examples_can_be_typed(command):
    """Those of the help text itself, with their comments cut off where two blanks begin them."""
    known = {option for action in COMMANDS[command]._actions for option in action.option_strings}
    for line in COMMANDS[command].format_help().splitlines():
        if line.startswith(f"  {command} "):
            words = line[2:].split("   ")[0].split()
            assert not [w for w in words if w.startswith("--") and w.split("=")[0] not in known], line


def test_the_first_help_says_where_to_begin():
    text = " ".join(app._parser().format_help().split())
    for words in ("avsal evaluate --pred", "avsal predict", "avsal bench avrsp", "avsal leaderboard", "Exit codes"):
        assert words in text
