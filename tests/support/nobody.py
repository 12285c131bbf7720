"""The command line where no server answers: what it says then, and to whoever asks for what makes no sense."""

import sys
from typing import Any

import pytest

from tests.support.command_line import Told, environment
from worker.__main__ import main

NOBODY = {
    "KAFKA_BOOTSTRAP": "127.0.0.1:9",
    "MONGO_URL": "mongodb://127.0.0.1:9/?replicaSet=rs0&serverSelectionTimeoutMS=100",
    "PARTNERSHIP_REQUEST_TIMEOUT_SECONDS": "1",
    "PATH": "/usr/bin:/bin",
    "USER": "olga",
    "COLUMNS": "80",
}


@pytest.fixture(name="tell")
def telling(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """`partnership-worker ARGUMENTS` where nobody answers."""

    def tell(*arguments: str, **settings: str) -> Told:
        monkeypatch.setattr(sys, "argv", ["partnership-worker", *arguments])
        with environment({**NOBODY, **settings}), pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        return Told(int(ended.value.code or 0), said.out, said.err)

    return tell
