"""What all tests share. The servers start when the first test asks for them, and once."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.deployment import Deployment
from worker.servers import Servers, ServersUnavailableError, start_servers
from worker.servers.running import local_servers


@pytest.fixture(scope="session")
def servers(pytestconfig: pytest.Config) -> Iterator[Servers]:
    """Real Kafka and real MongoDB. Tests share them: name topics, groups and databases so that none meets another's."""
    reporter = pytestconfig.pluginmanager.get_plugin("terminalreporter")

    def progress(line: str) -> None:
        if reporter is None:
            sys.stderr.write(f"{line}\n")
        else:
            reporter.ensure_newline()
            reporter.write_line(f"servers: {line}")

    try:
        with start_servers(progress=progress) as running:
            yield running
    except ServersUnavailableError as error:
        pytest.exit(f"no servers: {error}", returncode=1)


@pytest.fixture(scope="session")
def own_servers() -> Iterator[Servers]:
    """Another pair, as processes of this machine whatever else there is: for tests that kill them."""
    with local_servers() as running:
        yield running


@pytest.fixture
def deploy(servers: Servers, tmp_path: Path) -> Iterator[Callable[..., Deployment]]:
    """Makes deployments: topics, group and database of their own, gone with the test."""
    with _deployments(servers, tmp_path) as make:
        yield make


@pytest.fixture
def deploy_own(own_servers: Servers, tmp_path: Path) -> Iterator[Callable[..., Deployment]]:
    """The same on servers that the test may kill."""
    with _deployments(own_servers, tmp_path) as make:
        yield make


@contextmanager
def _deployments(servers: Servers, directory: Path) -> Iterator[Callable[..., Deployment]]:
    made: list[Deployment] = []

    def make(**options: Any) -> Deployment:
        made.append(Deployment(servers, directory=directory / str(len(made)), **options))
        made[-1].directory.mkdir()
        return made[-1]

    yield make
    for deployment in made:
        deployment.close()
