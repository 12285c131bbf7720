"""What all tests share. The servers start when the first test asks for them, and once."""

import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.support.deployment import Deployment
from worker.servers import Servers, ServersUnavailableError, start_servers


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


@pytest.fixture
def deploy(servers: Servers) -> Iterator[Callable[..., Deployment]]:
    """Makes deployments: topics, group and database of their own, gone with the test."""
    made: list[Deployment] = []

    def make(**options: Any) -> Deployment:
        made.append(Deployment(servers, **options))
        return made[-1]

    yield make
    for deployment in made:
        deployment.close()
