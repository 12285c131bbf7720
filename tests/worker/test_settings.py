"""Each wrong setting says which one it is and why, before anything starts; and no secret is ever in a text."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from worker.settings import Settings, SettingsError, load_settings

ROOT = Path(__file__).parents[2]
SECRET = "0123456789abcdef0123456789abcdef"  # noqa: S105 - worth nothing
RIGHT = {
    "KAFKA_BOOTSTRAP": "127.0.0.1:9092",
    "MONGO_URL": "mongodb://user:hunter2-mongo@127.0.0.1:27017/?replicaSet=rs0",
    "PARTNERSHIP_SECRET": SECRET,
}
SASL = {"PARTNERSHIP_KAFKA_SECURITY_PROTOCOL": "SASL_SSL", "PARTNERSHIP_KAFKA_USERNAME": "worker"}


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Nothing but what is right."""
    for name in list(os.environ):
        if name.startswith("PARTNERSHIP_") or name in RIGHT:
            monkeypatch.delenv(name)
    for name, value in RIGHT.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


def problem(environment: pytest.MonkeyPatch, **wrong: str) -> str:
    """What is said about these settings."""
    for name, value in wrong.items():
        environment.setenv(name, value)
    with pytest.raises(SettingsError) as error:
        load_settings()
    return str(error.value)


def test_what_is_right_is_read(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("PARTNERSHIP_LANES", "7")

    settings = load_settings()

    assert (settings.kafka_bootstrap, settings.lanes) == ("127.0.0.1:9092", 7)


def test_the_two_urls_may_have_the_prefix_too(environment: pytest.MonkeyPatch) -> None:
    environment.delenv("KAFKA_BOOTSTRAP")
    environment.setenv("PARTNERSHIP_KAFKA_BOOTSTRAP", "broker:1,broker:2")

    assert load_settings().kafka_bootstrap == "broker:1,broker:2"


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("KAFKA_BOOTSTRAP", "no port", "pattern"),
        ("KAFKA_BOOTSTRAP", "a:1,,b:2", "pattern"),
        ("KAFKA_BOOTSTRAP", "", "at least 3 characters"),
        ("PARTNERSHIP_LANES", "0", "greater than or equal to 1"),
        ("PARTNERSHIP_LANES", "many", "valid integer"),
        ("PARTNERSHIP_LANES", "1025", "less than or equal to 1024"),
        ("PARTNERSHIP_MONGO_DATABASE", "with space", "pattern"),
        ("PARTNERSHIP_GROUP", "", "at least 1 character"),
        ("PARTNERSHIP_GROUP", "a b", "pattern"),
        ("PARTNERSHIP_TOPIC_PREFIX", "a/b", "pattern"),
        ("PARTNERSHIP_BATCH_BYTES_MAX", "1000", "greater than or equal to 2097152"),
        ("PARTNERSHIP_SESSION_TIMEOUT_SECONDS", "nan", "than or equal"),
        ("PARTNERSHIP_FAILING_SHARE_MAX", "0", "greater than 0"),
        ("PARTNERSHIP_KAFKA_SECURITY_PROTOCOL", "TLS", "'SSL'"),
        ("PARTNERSHIP_KAFKA_SASL_MECHANISM", "GSSAPI", "'SCRAM-SHA-512'"),
        ("PARTNERSHIP_LOG_LEVEL", "loud", "'debug'"),
        ("PARTNERSHIP_HEALTH_PORT", "70000", "less than or equal to 65535"),
    ],
)
def test_a_wrong_setting_is_named_with_the_reason(
    environment: pytest.MonkeyPatch, name: str, value: str, why: str
) -> None:
    said = problem(environment, **{name: value})

    assert said.startswith(f"{name}: ")
    assert why in said


@pytest.mark.parametrize("name", RIGHT)
def test_a_setting_that_is_needed_is_named_when_it_is_missing(environment: pytest.MonkeyPatch, name: str) -> None:
    environment.delenv(name)

    said = problem(environment)

    assert said.startswith(f"{name}: ")
    assert "set it in the environment" in said


def test_all_that_is_wrong_is_said_at_once(environment: pytest.MonkeyPatch) -> None:
    said = problem(environment, PARTNERSHIP_LANES="0", PARTNERSHIP_HEALTH_PORT="x", KAFKA_BOOTSTRAP="x")

    assert len(said.splitlines()) == 3


def test_a_short_secret_is_refused_with_what_makes_a_better_one(environment: pytest.MonkeyPatch) -> None:
    said = problem(environment, PARTNERSHIP_SECRET="too-short-by-far")  # noqa: S106 - worth nothing

    assert "openssl rand" in said
    assert "too-short-by-far" not in said


def test_a_second_secret_is_another_one_and_long(environment: pytest.MonkeyPatch) -> None:
    assert "PARTNERSHIP_SECOND_SECRET: at least 32" in problem(environment, PARTNERSHIP_SECOND_SECRET="short")  # noqa: S106
    same = problem(environment, PARTNERSHIP_SECRET="x" * 32, PARTNERSHIP_SECOND_SECRET="x" * 32)
    assert same.startswith("PARTNERSHIP_SECOND_SECRET is the same")


def test_a_lane_may_not_take_longer_to_close_than_a_session(environment: pytest.MonkeyPatch) -> None:
    said = problem(environment, PARTNERSHIP_SESSION_TIMEOUT_SECONDS="5", PARTNERSHIP_LANE_CLOSE_SECONDS="5")

    assert said.startswith("PARTNERSHIP_LANE_CLOSE_SECONDS must be below PARTNERSHIP_SESSION_TIMEOUT_SECONDS")


def test_a_session_may_not_last_longer_than_standing_still_is_borne(environment: pytest.MonkeyPatch) -> None:
    said = problem(environment, PARTNERSHIP_SESSION_TIMEOUT_SECONDS="61")

    assert said.startswith("PARTNERSHIP_SESSION_TIMEOUT_SECONDS must not be above PARTNERSHIP_STALL_SECONDS")


def test_sasl_without_a_password_is_refused(environment: pytest.MonkeyPatch) -> None:
    assert "PARTNERSHIP_KAFKA_PASSWORD" in problem(environment, **SASL)


def test_a_misspelled_setting_is_refused(environment: pytest.MonkeyPatch) -> None:
    """Without this, PARTNERSHIP_LANE=24 starts twelve lanes, for life."""
    assert "PARTNERSHIP_LANE:" in problem(environment, PARTNERSHIP_LANE="24")


def test_a_file_that_is_not_there_is_said_at_once(environment: pytest.MonkeyPatch) -> None:
    """Later it would look like a Kafka that is away, and the worker would wait for it."""
    said = problem(environment, PARTNERSHIP_KAFKA_CA_FILE="/no/such/file", PARTNERSHIP_KAFKA_SECURITY_PROTOCOL="SSL")

    assert said.startswith("PARTNERSHIP_KAFKA_CA_FILE: ")


def test_no_secret_is_in_what_settings_look_like(environment: pytest.MonkeyPatch) -> None:
    for name, value in {**SASL, "PARTNERSHIP_KAFKA_PASSWORD": "hunter2-kafka"}.items():
        environment.setenv(name, value)

    settings = load_settings()
    looks = f"{settings} {settings!r} {settings.model_dump()} {settings.model_dump_json()}"

    assert SECRET not in looks
    assert "hunter2" not in looks


def test_no_secret_is_in_what_is_said_about_other_settings(environment: pytest.MonkeyPatch) -> None:
    said = problem(environment, PARTNERSHIP_LANES="0", PARTNERSHIP_LANE_CLOSE_SECONDS="500")

    assert SECRET not in said
    assert "hunter2" not in said


def test_settings_cannot_change_while_it_runs(environment: pytest.MonkeyPatch) -> None:
    settings = load_settings()

    with pytest.raises(ValueError, match="frozen"):
        settings.lanes = 5  # type: ignore[misc] # that is the point


def run(**wrong: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PARTNERSHIP_")}
    return subprocess.run(
        [sys.executable, "-m", "worker", "run"],
        env={**kept, **RIGHT, "PARTNERSHIP_HEALTH_PORT": "0", **wrong},
        cwd=ROOT, capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip


def test_the_worker_ends_with_exit_code_2_and_one_line_for_each_wrong_setting() -> None:
    ended = run(PARTNERSHIP_LANES="0", PARTNERSHIP_SECRET="short-secret")  # noqa: S106 - worth nothing

    assert ended.returncode == 2
    assert "PARTNERSHIP_LANES: " in ended.stderr
    assert "Traceback" not in ended.stderr
    assert "short-secret" not in ended.stderr


def test_a_second_worker_on_the_same_port_is_told_to_take_another() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        ended = run(PARTNERSHIP_HEALTH_PORT=str(other.getsockname()[1]))

    assert ended.returncode == 2, ended.stderr
    assert "PARTNERSHIP_HEALTH_PORT=" in ended.stderr
    assert "a port of its own" in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1", "mongodb://user:hunter2@@127.0.0.1", "mongodb://127.0.0.1:hunter2"]
)
def test_a_url_that_is_no_mongodb_url_is_a_wrong_setting(url: str) -> None:
    ended = run(MONGO_URL=url)

    assert ended.returncode == 2, ended.stderr
    assert "MONGO_URL: " in ended.stderr
    assert "hunter2" not in ended.stderr


def test_every_setting_with_a_time_or_a_size_says_its_unit() -> None:
    numbers = [name for name, field in Settings.model_fields.items() if field.annotation in (int, float)]
    units = ("_seconds", "_ms", "_bytes_max", "_records_max", "_share_max", "_partnerships_max")
    counts = {"lanes", "topic_partitions", "replication_factor", "health_port"}

    assert [name for name in numbers if not name.endswith(units) and name not in counts] == []


@pytest.mark.parametrize(("session", "heartbeat"), [("7", 2.0), ("10", 10 / 3.5), ("60", 3.0), ("300", 3.0)])
def test_a_rebalance_is_heard_of_soon_however_long_a_session_is(
    environment: pytest.MonkeyPatch, session: str, heartbeat: float
) -> None:
    """A worker that comes waits for the others' next heartbeat; three fit into a session."""
    environment.setenv("PARTNERSHIP_SESSION_TIMEOUT_SECONDS", session)
    environment.setenv("PARTNERSHIP_STALL_SECONDS", "300")
    assert load_settings().heartbeat_seconds == pytest.approx(heartbeat)
