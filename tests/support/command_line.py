"""The command line in the test's own process, and the programs of docs/examples, in the environment of a deployment."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from typer.testing import CliRunner

from tests.support.deployment import ROOT, Deployment
from worker.cli.app import app


@dataclass(frozen=True)
class Told:
    """What a command ended with and said."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> list[Any]:
        """Its lines, where they are JSON."""
        return [json.loads(line) for line in self.out.splitlines()]


@contextmanager
def environment(values: dict[str, str]) -> Iterator[None]:
    """Nothing but these variables."""
    before = dict(os.environ)
    os.environ.clear()
    os.environ.update(values)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def tell(deployment: Deployment, *arguments: str, typed: str | bytes | None = None, **overrides: str) -> Told:
    """`partnership-worker ARGUMENTS` on this deployment, in a terminal of 80 columns."""
    with environment({**deployment.environment(**overrides), "COLUMNS": "80"}):
        result = CliRunner().invoke(app, list(arguments), input=typed, catch_exceptions=False)
    return Told(result.exit_code, result.stdout, result.stderr)


def run_example(deployment: Deployment, program: str, *arguments: str, **overrides: str) -> Told:
    """A program of docs/examples on this deployment."""
    done = subprocess.run(
        [sys.executable, str(ROOT / "docs" / "examples" / program), *arguments],
        env=deployment.environment(**overrides),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return Told(done.returncode, done.stdout, done.stderr)
