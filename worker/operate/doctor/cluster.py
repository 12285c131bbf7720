"""Kafka: are the topics there, do they keep what must be kept, and who may write to them?"""

from typing import Any

from aiokafka.errors import for_code
from aiokafka.protocol.admin import DescribeAclsRequest

from contracts.topics import COMMAND_TOPICS, DAY_MS, TOPICS, TopicName
from worker.operate.doctor.look import INTERNAL_TOPICS, Look, configs, topics, topology
from worker.operate.doctor.report import Finding, Says, count, some
from worker.policy_file import load_policy
from worker.topics import broken_promises

REPLICAS_MIN, IN_SYNC_MIN = 3, 2
UNREAD_DAYS_MIN = 3
"""A weekend: so long workers may be down before commands that nobody has read expire."""

FOR_EVER = -1
TOPIC, ANY, MATCH = 2, 1, 2
"""In Kafka's protocol: a topic as a resource; any operation or permission; all patterns that fit a name."""

WRITING = {2, 4}
"""ACL operations with which one can append: ALL, WRITE."""

ALLOW = 3
NO_AUTHORIZER, NOT_ALLOWED = 54, 31


async def brokers(look: Look, says: Says) -> list[Finding]:
    """Does Kafka answer?"""
    if look.kafka_down is not None:
        if "kafka_bootstrap" in look.access.settings.missing:
            return [says.unknown("KAFKA_BOOTSTRAP is not set", "Set it as the worker has it.")]
        do = "Is it up, and are KAFKA_BOOTSTRAP and PARTNERSHIP_KAFKA_... right? Workers wait for it meanwhile."
        return [says.problem(look.kafka_down, do)]
    admin: Any = look.admin
    cluster = await admin.describe_cluster()
    return [says.ok(f"{count(len(cluster['brokers']), 'broker')} there", brokers=len(cluster["brokers"]))]


async def promises(look: Look, says: Says) -> list[Finding]:
    """Are all topics there, and as they must be?"""
    there, settings = await look.once(topics), await look.once(configs)
    known = None if look.mongo_down else await look.once(topology)
    missing = [look.name(topic) for topic in TOPICS if look.name(topic) not in there]
    found = []
    if missing:
        do = "A worker makes them at its start, unless PARTNERSHIP_TOPIC_PREFIX is another one there."
        found.append(says.problem(f"{count(len(missing), 'topic')} not there: {some(missing)}", do))
    for topic in TOPICS.values():
        name = look.name(topic.name)
        if name in there:
            lanes = (known or {}).get(topic.name.replace(".", "-"), look.access.settings.lanes)
            for broken in broken_promises(topic, name, len(there[name]["partitions"]), settings[name], lanes):
                what, _, do = broken.partition(": ")
                found.append(says.problem(what, do[:1].upper() + do[1:]))
    numbers = {name: len(topic["partitions"]) for name, topic in there.items() if name not in INTERNAL_TOPICS}
    return found or [says.ok(f"{len(numbers)} topics are there, with the settings that promises need", **numbers)]


async def retention(look: Look, says: Says) -> list[Finding]:
    """Are records kept until they are read, and personal data no longer than the documents?"""
    settings = await look.once(configs)
    kept = {
        topic: int(settings[name].get("retention.ms", FOR_EVER))
        for topic in TOPICS
        if (name := look.name(topic)) in settings
    }
    data_days = load_policy(look.access.settings.policy_file).retention_days
    found = []
    for topic, milliseconds in kept.items():
        name, days = look.name(topic), milliseconds / DAY_MS
        goes_days = days + int(settings[name].get("segment.ms", 7 * DAY_MS)) / DAY_MS  # by whole segments
        if topic in (TopicName.LANES, *COMMAND_TOPICS):
            found += _unread(says, name, days, milliseconds, int(settings[name].get("retention.bytes", FOR_EVER)))
        if topic is TopicName.NOTICE_EVENTS and (milliseconds == FOR_EVER or goes_days >= data_days):
            told = "for ever" if milliseconds == FOR_EVER else f"{goes_days:.1f} days"
            found.append(
                says.problem(
                    f"{name} keeps notices {told}; the documents' personal data goes {data_days} days after an end",
                    f"Set its retention.ms and segment.ms together below {data_days * DAY_MS}: a purge does not reach "
                    "topics (R98).",
                )
            )
    numbers = {look.name(topic): milliseconds for topic, milliseconds in kept.items()}
    return found or [says.ok(f"commands are kept until read, notices shorter than the data ({data_days} d)", **numbers)]


def _unread(says: Says, name: str, days: float, milliseconds: int, size: int) -> list[Finding]:
    found = []
    if milliseconds != FOR_EVER and days < UNREAD_DAYS_MIN:
        found.append(
            says.warning(
                f"{name} keeps records for {days:.1f} days; if workers are down for longer, commands expire unread",
                f"Set its retention.ms to {7 * DAY_MS} or more.",
            )
        )
    if size != FOR_EVER:
        found.append(
            says.warning(
                f"{name} has retention.bytes={size}: a burst of commands can push out what nobody has read",
                "Set it to -1, and bound the topic by retention.ms alone.",
            )
        )
    return found


async def durability(look: Look, says: Says) -> list[Finding]:
    """What is lost with a broker?"""
    there, settings = await look.once(topics), await look.once(configs)
    thin, in_sync, unclean, behind, leaderless = [], [], [], [], []
    for name, topic in sorted(there.items()):
        partitions, config = topic["partitions"], settings.get(name, {})
        if min(len(partition["replicas"]) for partition in partitions) < REPLICAS_MIN:
            thin.append(name)
        elif int(config.get("min.insync.replicas", IN_SYNC_MIN)) < IN_SYNC_MIN:
            in_sync.append(name)
        if config.get("unclean.leader.election.enable") == "true":
            unclean.append(name)
        behind += [name] * any(len(p["isr"]) < len(p["replicas"]) for p in partitions)
        leaderless += [name] * any(p["leader"] < 0 for p in partitions)
    found = [
        says.problem(f"no leader for {some(leaderless)}", "Bring its brokers back; until then its records wait.")
    ] * bool(leaderless)
    found += [
        says.warning(f"replicas are behind or gone: {some(behind)}", "Is a broker down? One more, and writes stop.")
    ] * bool(behind)
    found += [
        says.warning(
            f"fewer than {REPLICAS_MIN} replicas on {count(len(thin), 'topic')}: {some(thin)}",
            "With one replica a lost disk loses events: reassign to 3 (kafka-reassign-partitions.sh).",
            topics=thin,
        )
    ] * bool(thin)
    found += [
        says.warning(
            f"min.insync.replicas below {IN_SYNC_MIN} on {count(len(in_sync), 'topic')}: {some(in_sync)}",
            "Set it to 2: with 1, what is acknowledged may be on one disk only.",
            topics=in_sync,
        )
    ] * bool(in_sync)
    found += [
        says.warning(
            f"unclean leader election is on for {some(unclean)}",
            "Set unclean.leader.election.enable=false: a replica that is behind could lead, and lose records.",
            topics=unclean,
        )
    ] * bool(unclean)
    return found or [says.ok(f"{len(there)} topics with {REPLICAS_MIN} replicas or more, all in sync")]


async def access(look: Look, says: Says) -> list[Finding]:
    """Who may append to the lane log and to the events?"""
    name = look.name(TopicName.LANES)
    admin: Any = look.admin
    request = DescribeAclsRequest(TOPIC, name, MATCH, None, None, ANY, ANY)
    answer = await admin._send_request(request)  # noqa: SLF001 - aiokafka has the request, and no method for it
    if answer.error_code == NO_AUTHORIZER:
        return [
            says.warning(
                f"Kafka has no authorizer: whoever reaches it can append to {name}",
                "Turn ACLs on. Forged orders of the worker are seen by their seal; commands in others' names are not.",
            )
        ]
    if answer.error_code == NOT_ALLOWED:
        return [says.unknown("this user may not see ACLs", f"Look yourself who may WRITE to {name}.")]
    if answer.error_code:
        raise for_code(answer.error_code)(name)
    return _writers(says, name, answer.resources)


def _writers(says: Says, name: str, resources: Any) -> list[Finding]:
    writers = {
        principal
        for _, _, _, acls in resources
        for principal, _, operation, permission in acls
        if operation in WRITING and permission == ALLOW
    }
    if "User:*" in writers:
        do = "Let the workers' and operators' users alone write there (kafka-acls.sh --remove)."
        return [says.problem(f"everybody may append to {name} (User:*)", do, writers=sorted(writers))]
    if not writers:
        do = f"Are they super users? Else allow the workers' user to WRITE to {name}."
        return [says.warning(f"no ACL lets anybody append to {name}", do)]
    return [says.ok(f"{name} takes records of {some(sorted(writers))} only", writers=sorted(writers))]
