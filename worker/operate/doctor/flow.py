"""Do commands get on: from the public topics to the lanes, through the lanes, and out to the topics?"""

import asyncio

from aiokafka import TopicPartition

from contracts.topics import COMMAND_TOPICS, TopicName
from worker.mongo.collections import LANES
from worker.operate.doctor.look import Group, Look, first_records, hidden, intake_group, lane_group, ranges
from worker.operate.doctor.look import lanes as lane_documents
from worker.operate.doctor.report import Finding, Says, Status, ago, count, some

LATE_SECONDS, VERY_LATE_SECONDS = 30, 300
"""So long a record may wait to be decided or taken in. Fewer seconds are a restart or a rebalance."""

LOOK_AGAIN_SECONDS = 3.5
"""A lane without work notes within two seconds what readers see of it. A producer's transaction takes less."""

START = (
    "Start one: partnership-worker run. If one runs, its log says what it waits for (a right?); if one ended, "
    "its last log line says why."
)
TOGETHER = (
    "MongoDB lost something (a restored backup?): start no worker, and bring the two together first "
    '(docs/operating.md, "MongoDB behind Kafka").'
)
GO_ON = 'say where to go on (docs/operating.md, "Records that expired unread").'
END_IT = 'Find out whose it is, and end it (docs/operating.md, "A transaction that stays open").'
READY = "See /ready and the log of the worker that has it; more workers help where many lanes are behind."


async def workers(look: Look, says: Says) -> list[Finding]:
    """Is somebody there for each lane, and for each command topic?"""
    there = await look.once(ranges)
    reading, intake = await look.once(lane_group), await look.once(intake_group)
    if not reading.members and not intake.members:
        return [says.problem(f"no worker is at work: the group {look.access.settings.group} has no members", START)]
    found = []
    for group, topics, what in ((reading, (TopicName.LANES,), "lanes"), (intake, COMMAND_TOPICS, "command partitions")):
        names = {look.name(topic) for topic in topics}
        all_of = sorted(partition for partition in there if partition.topic in names)
        free = [partition for partition in all_of if partition not in group.owners]
        if group.state != "Stable":
            text = f"the workers are dividing the {what} among themselves ({group.state})"
            found.append(
                says.warning(text, "Look again in a minute; if it goes on, workers are evicted: see their logs.")
            )
        elif free:
            which = some(
                [str(partition.partition) if what == "lanes" else _place(look, partition) for partition in free]
            )
            text = f"{len(free)} of {len(all_of)} {what} have no worker: {which}"
            found.append(says.problem(text, START))
    number = max(reading.members, intake.members)
    return found or [says.ok(f"{count(number, 'worker')} have all lanes and command topics", workers=number)]


async def logs(look: Look, says: Says) -> list[Finding]:
    """Do the logs still hold what is to be read next?"""
    # In this sequence, and not from what was seen before: workers go on meanwhile, and what is published has been
    # stored before, what is stored has been in the log before.
    reading, intake = await look.once(lane_group), await look.once(intake_group)
    documents = await lane_documents(look)
    there = await ranges(look)
    found = []
    for partition, held in sorted(there.items()):
        if partition.topic != look.name(TopicName.LANES):
            found += _gone(says, _place(look, partition), intake.committed.get(partition), held.start, held.end)
            continue
        stored = documents.get(partition.partition, {}).get("stored", -1)
        found += _gone(says, f"lane {partition.partition}", stored if stored >= 0 else None, held.start, held.end)
        if reading.committed.get(partition, 0) > stored >= 0:
            lane, published = partition.partition, reading.committed[partition]
            text = f"lane {lane}: Kafka has {published} as published, MongoDB has stored up to {stored}"
            found.append(says.problem(text, TOGETHER, lane=lane, published=published, stored=stored))
    return found or [says.ok(f"all {len(there)} logs reach back to the next record to read")]


def _gone(says: Says, whose: str, following: int | None, start: int, end: int) -> list[Finding]:
    if following is None or start <= following <= end:
        return []
    if following < start:
        gone = count(start - following, "record")
        text = f"{whose}: {gone} expired unread (next is {following}, the log starts at {start})"
        do = f"Find out what is missing (the producers know), then {GO_ON}"
    else:
        text = f"{whose}: the log ends at {end}, and the next record to read is {following}"
        do = f"The topic was made anew, or brokers lost records: find out, then {GO_ON}"
    return [says.problem(text, do, next=following, start=start, end=end)]


async def lanes(look: Look, says: Says) -> list[Finding]:
    """How much is undecided, and since when?"""
    there, documents = await look.once(ranges), await look.once(lane_documents)
    positions = {}
    for partition, held in there.items():
        if partition.topic == look.name(TopicName.LANES):
            stored = documents.get(partition.partition, {}).get("stored", -1)
            if held.end > max(stored, held.start):
                positions[partition] = max(stored, held.start)
    group = await look.once(lane_group)
    return await _behind(look, says, "to decide", positions, group)


async def intake(look: Look, says: Says) -> list[Finding]:
    """How much of the command topics is not in the lane log yet, and since when? Can it be read?"""
    there, group = await look.once(ranges), await look.once(intake_group)
    positions = {}
    for partition, held in there.items():
        if partition.topic != look.name(TopicName.LANES):
            following = max(group.committed.get(partition, held.start), held.start)
            if held.end > following:
                positions[partition] = following
    behind, unseen = await asyncio.gather(_behind(look, says, "to take in", positions, group), _hidden(look, says))
    return unseen + [finding for finding in behind if not unseen or finding.status is not Status.OK]


async def _hidden(look: Look, says: Says) -> list[Finding]:
    """What the worker cannot read of the command topics: it waits behind the first record of an open transaction."""
    there = await hidden(look, LOOK_AGAIN_SECONDS)
    if not there:
        return []
    numbers = {_place(look, partition): held.end - held.start for partition, held in sorted(there.items())}
    oldest_ms = [held.since_ms for held in there.values() if held.since_ms is not None]
    seconds = max([LOOK_AGAIN_SECONDS, *(look.now.timestamp() - since / 1000 for since in oldest_ms)])
    text = f"at most {count(sum(numbers.values()), 'record')} hidden by a transaction that stays open, the oldest for "
    text += f"{ago(seconds)}: {some([f'{_place(look, at)} from offset {there[at].start}' for at in sorted(there)])}"
    starts = {f"start of {_place(look, at)}": held.start for at, held in sorted(there.items())}
    return [says.problem(text, END_IT, **numbers, **starts, oldest_seconds=round(seconds))]


async def _behind(
    look: Look, says: Says, todo: str, positions: dict[TopicPartition, int], group: Group
) -> list[Finding]:
    """What waits behind these positions. Marks of transactions stand in the logs too: a number is the most there is."""
    there = await look.once(ranges)
    found = await first_records(look, positions)
    silent = sorted(positions.keys() - found.keys())
    waiting = {partition: record for partition, record in found.items() if record is not None}
    number = sum(there[partition].end - positions[partition] for partition in waiting)
    numbers = {_place(look, partition): there[partition].end - positions[partition] for partition in sorted(waiting)}
    if silent:
        names = some([_place(look, partition) for partition in silent])
        return [says.unknown(f"could not read {names} in time", "Look again; is a transaction open there for long?")]
    if not waiting:
        return [says.ok(f"nothing is left {todo}")]
    oldest = min(waiting, key=lambda partition: waiting[partition].timestamp)
    seconds = look.now.timestamp() - waiting[oldest].timestamp / 1000
    most = max(waiting, key=lambda partition: there[partition].end - positions[partition])
    text = f"at most {count(number, 'record')} {todo}, the oldest for {ago(seconds)} ({_place(look, oldest)})"
    text += f"; most in {_place(look, most)}" if most != oldest else ""
    alone = [partition for partition in waiting if partition not in group.owners]
    numbers |= {"oldest_seconds": round(seconds)}
    if alone:
        return [says.problem(text, START, **numbers)]
    if seconds >= VERY_LATE_SECONDS:
        return [says.problem(text, READY, **numbers)]
    if seconds >= LATE_SECONDS:
        return [says.warning(text, READY, **numbers)]
    return [says.ok(text, **numbers)]


async def publishing(look: Look, says: Says) -> list[Finding]:
    """Is anything decided and not published, and does it stay so?"""
    first = await look.once(lane_documents)
    if any(lane["published"] < lane["stored"] for lane in first.values()):
        await asyncio.sleep(LOOK_AGAIN_SECONDS)
    now = {lane["_id"]: lane async for lane in look.access.db[LANES].find()}
    stuck = {
        number: lane["stored"] - lane["published"]
        for number, lane in now.items()
        if number in first and first[number]["published"] == lane["published"] < first[number]["stored"]
    }
    again = [str(number) for number, lane in now.items() if number in first and first[number]["epoch"] < lane["epoch"]]
    found = []
    if stuck:
        which = some([str(number) for number in sorted(stuck)])
        text = f"{sum(stuck.values()):,} decided and not published in {count(len(stuck), 'lane')}: {which}"
        do = "A worker publishes it when it opens the lane. Does one run? Its log says what it waits for."
        found.append(says.problem(text, do, **{f"lane {number}": behind for number, behind in stuck.items()}))
    if again:
        text = f"lane {some(again)} was opened anew while this looked"
        found.append(says.warning(text, "Look again; if it goes on, the worker's log says why (`lane starts again`)."))
    epochs = {f"epoch of lane {number}": lane["epoch"] for number, lane in sorted(now.items())}
    return found or [says.ok(f"all that {count(len(now), 'lane')} decided is published", **epochs)]


def _place(look: Look, partition: TopicPartition) -> str:
    """`lane 3`, or `partnership.facts[0]`."""
    prefix = look.access.settings.topic_prefix
    if partition.topic == look.name(TopicName.LANES):
        return f"lane {partition.partition}"
    return f"{partition.topic.removeprefix(prefix)}[{partition.partition}]"
