"""The policy comes from a file: what is wrong with it is said before anything starts, and what is right decides."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from handlers.policy import Policy
from tests.support import messages
from tests.support.deployment import Deployment
from tests.support.past import Past
from worker.policy_file import load_policy
from worker.settings import SettingsError


def written(directory: Path, text: str) -> Path:
    path = directory / "policy.json"
    path.write_text(text, encoding="utf-8")
    return path


def test_without_a_file_the_defaults_decide() -> None:
    assert load_policy(None) == Policy()


def test_what_a_file_does_not_name_keeps_its_default_also_in_maps(tmp_path: Path) -> None:
    given: dict[str, Any] = {"version": "2", "notice_days": 14, "checks": {"referral": {"partner": []}}}
    policy = load_policy(written(tmp_path, json.dumps(given)))

    checks = {**Policy().checks, "referral": {**Policy().checks["referral"], "partner": ()}}
    assert policy == Policy().but(version="2", notice_days=14, checks=checks)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "is not JSON: Expecting property name enclosed in double quotes at line 1, column 2"),
        ("[]", "must hold one JSON object"),
        ("{}", "version: is missing"),
        ('{"version": "1"}', "version: 1 is the defaults' own"),
        ('{"version": "defaults-2"}', "version: defaults-2 is the defaults' own"),
        ('{"version": "2", "notice_day": 3}', "notice_day: there is no such field; did you mean notice_days?"),
        ('{"version": "2", "notice_days": -1}', "notice_days: Input should be greater than or equal to 0"),
        ('{"version": "2", "silence": {"partner": "shrugs"}}', "silence.partner: Input should be 'approves'"),
        ('{"version": "2", "code_of": 5}', "code_of: Input should be a valid dictionary"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(SettingsError) as error:
        load_policy(written(tmp_path, text))
    assert f"PARTNERSHIP_POLICY_FILE: {tmp_path / 'policy.json'}" in str(error.value)
    assert said in str(error.value)


def test_a_worker_decides_by_its_file_and_does_not_start_with_a_wrong_one(
    deploy: Callable[..., Deployment], tmp_path: Path
) -> None:
    deployment = deploy()
    deployment.make_topics()
    past = Past(deployment)
    partner = {**messages.PARTNER_USER, "party_id": "acme"}
    again = messages.command("ResendInvitation", "again", "offer", "acme", partner)
    past.say(past.begun, messages.register_partner("acme"), messages.invite("offer", "acme"), again)

    wrong = deployment.start_worker(policy_file=str(written(tmp_path, '{"version": "2", "resend_max": 0}')))
    assert wrong.process.wait(60) == 2
    assert "did you mean resends_max?" in wrong.log

    deployment.start_worker(policy_file=str(written(tmp_path, '{"version": "2026-07", "resends_max": 0}')))
    deployment.wait_decided(["again"])
    decided = deployment.db.journal.find_one({"_id": "again"})
    assert decided is not None
    assert decided.get("code") == "RESEND_LIMIT"
    offer = deployment.db.partnerships.find_one({"_id": "offer"})
    assert offer is not None
    assert offer["state"]["rules"]["policy_version"] == "2026-07"
