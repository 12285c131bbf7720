"""The command line's frame: what starts, what is imported for it, errors on one line, exit codes."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.core import TyperGroup
from typer.testing import CliRunner

from worker.cli.app import COMMANDS, app
from worker.cli.exits import MEANINGS, Exit
from worker.cli.lazy import command_of

ROOT = Path(__file__).parents[2]
NOBODY = {
    "KAFKA_BOOTSTRAP": "127.0.0.1:9",
    "MONGO_URL": "mongodb://127.0.0.1:9/?replicaSet=rs0",
    "PARTNERSHIP_REQUEST_TIMEOUT_SECONDS": "1",
}


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {key: value for key, value in os.environ.items() if key not in NOBODY and not key.startswith("PARTNERSHIP_")}
    return subprocess.run(
        [sys.executable, "-m", "worker", *arguments],
        env={**kept, **environment, "COLUMNS": "80", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_has_help_that_fits_80_columns_and_all_can_speak_json(name: str) -> None:
    command = command_of(name, COMMANDS[name])
    leaves = [([name], command)]
    if isinstance(command, TyperGroup):
        nobody: Any = None
        leaves = [([name, key], command.get_command(nobody, key)) for key in command.list_commands(nobody)]

    for path, leaf in leaves:
        told = CliRunner().invoke(app, [*path, "--help"], env={"COLUMNS": "80"})
        assert told.exit_code == 0
        assert max(map(len, told.stdout.splitlines())) <= 80
        assert name == "run" or any("--json" in option.opts for option in leaf.params), f"{path} has no --json"


def test_the_help_names_every_command_and_every_exit_code() -> None:
    told = CliRunner().invoke(app, ["--help"], env={"COLUMNS": "80"}).stdout

    assert [name for name in COMMANDS if f" {name} " not in told] == []
    assert [code for code in MEANINGS if f"{code.value} " not in told] == []
    assert set(MEANINGS) == set(Exit)


def test_what_operators_use_does_not_import_the_worker() -> None:
    """An operator waits for each import: FastStream alone would be half a second."""
    script = "import sys, worker.__main__, worker.cli.letters.list; print('faststream' in sys.modules)"

    told = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True).stdout

    assert told == "False\n"


def test_run_does_not_import_what_operators_use() -> None:
    script = "import sys, worker.__main__, worker.cli.run; print([m for m in sys.modules if m.startswith('worker.')])"

    told = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True).stdout

    others = [module.partition(":")[0] for name, module in COMMANDS.items() if name != "run"]
    assert "worker.cli.run" in told
    assert [module for module in others if f"'{module}'" in told] == []


def test_wrong_usage_is_one_line_with_what_to_do() -> None:
    told = run("verfy")

    assert (told.returncode, told.stderr.count("\n")) == (Exit.USAGE, 1)
    assert "No such command 'verfy'" in told.stderr
    assert "--help` says more" in told.stderr
