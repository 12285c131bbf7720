"""What all tests share. The servers start when the first test asks for them, and once."""

import sys
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.deployment import Deployment
from worker.servers import Servers, ServersUnavailableError, start_servers
from worker.servers.running import local_servers

LOG_CHARACTERS_MAX = 6000
"""Of each worker's log, its end, in the report of a test that failed."""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A failed test tells what its workers said: what fails once in a while must be understood from that once."""
    report = yield
    directory = getattr(item, "funcargs", {}).get("tmp_path")
    if report.failed and directory is not None:
        for log in sorted(directory.glob("*/worker-*.log")):
            text = log.read_text(errors="replace")[-LOG_CHARACTERS_MAX:]
            report.sections.append((f"{log.parent.name}/{log.name}", text))
    return report


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The files that take longest first: whoever shares the tests is not left alone with one of them at the end."""
    slow = {"own_servers": 0, "deploy_own": 0, "servers": 1, "deploy": 1}
    ranks: dict[Path, int] = {}
    for item in items:
        rank = 0 if "chaos" in item.path.parts else min((slow.get(name, 2) for name in _fixtures(item)), default=2)
        ranks[item.path] = min(rank, ranks.get(item.path, 2))
    items.sort(key=lambda item: ranks[item.path])


def _fixtures(item: pytest.Item) -> list[str]:
    return list(getattr(item, "fixturenames", ()))


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
        with start_servers(progress=progress, brief=True) as running:
            yield running
    except ServersUnavailableError as error:
        pytest.exit(f"no servers: {error}", returncode=1)


@pytest.fixture(scope="session")
def own_servers() -> Iterator[Servers]:
    """Another pair, as processes of this machine whatever else there is: for tests that kill them."""
    with local_servers(brief=True) as running:
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
