"""What a newcomer runs first does what it says, and leaves nothing on servers that are not its own."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

from confluent_kafka.admin import AdminClient
from pymongo import MongoClient

from contracts.registry import EVENTS
from worker.demo.words import says
from worker.servers import Servers

ROOT = Path(__file__).parents[2]
SUM = r"commands \d+ · events \d+ · refusals 2 · repeats 1 · dead letters 3 · lost 0"


def test_the_demo_tells_its_story_loses_nothing_and_leaves_nothing(servers: Servers) -> None:
    addresses = {"KAFKA_BOOTSTRAP": servers.kafka_bootstrap, "MONGO_URL": servers.mongo_url}

    done = subprocess.run(
        [sys.executable, "-m", "worker.demo", "--fast"],
        env={**os.environ, **addresses, "COLUMNS": "80"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )

    lines = done.stdout.splitlines()
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.fullmatch(SUM, lines[-1]), lines[-1]
    assert max(map(len, lines)) <= 80
    assert "\x1b" not in done.stdout
    name = re.search(r"demo-\d+-\d+", done.stdout)
    assert name is not None
    with MongoClient[dict[str, object]](servers.mongo_url) as client:
        assert name[0] not in client.list_database_names()
    topics = AdminClient({"bootstrap.servers": servers.kafka_bootstrap, "log_level": 0}).list_topics(timeout=10).topics
    assert not [topic for topic in topics if topic.startswith(name[0])]


def test_the_demo_has_words_for_every_event() -> None:
    silent = []
    for kind in EVENTS.values():
        examples = list((ROOT / "contracts" / "examples" / kind.__name__).rglob("*.json"))
        events = [kind.model_validate(json.loads(example.read_bytes())["data"]) for example in examples]
        if not events or not all(map(says, events)):
            silent.append(kind.__name__)

    assert silent == []
