"""What an order would do to each letter now: decided by the lane's own code on the documents of now, storing nothing.

`worker.letters.carrying.carry_out_orders`, which a lane runs in its transaction, runs here on a store that reads from a
snapshot of MongoDB and keeps its writes to itself (foreseen.py). So everything that the lane looks at is looked at:
what stands before a letter, the loop guard, the documents, the rules, the policy, the encoding of what goes out.

How effects carry over: the letters of one partner are decided one after the other, each on what the ones before it
would have stored, with all that waits behind them and would be let go. Nothing carries over from partner to partner:
memory holds what the letters of one partner change. Partners meet in few places only, at a customer who goes from one
to another; there a plan can be wrong, and so can it where commands arrive between the plan and the run.
"""

from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, NamedTuple

import orjson
from aiokafka import ConsumerRecord

from contracts.commands.operating import ContinueParked, Order
from contracts.message import Actor, CommandMessage, Party, Role
from contracts.topics import COMMAND_TOPICS, TopicName
from handlers.decision import Context
from handlers.documents import Documents
from handlers.outcome import Outcome as Decided
from handlers.outcome import outcome as decide_by_the_rules
from worker.batch import Rules
from worker.clock import monotonic_seconds
from worker.decode import Item, Readable, decode
from worker.failures import FailureLimit, StopWorker
from worker.letters.carrying import carry_out_orders
from worker.mongo.client import awaited
from worker.mongo.collections import LANES, TOPOLOGY
from worker.mongo.letters import Letter
from worker.mongo.store import LaneDocument
from worker.operate.access import Access
from worker.operate.errors import CannotOperate
from worker.operate.letters.find import AT_ONCE
from worker.operate.letters.foreseen import PLANNED, Foreseen, Happened
from worker.operate.letters.job import Chosen, Job, command_ids
from worker.operate.letters.later import Later, later_commands
from worker.operate.letters.outcomes import Outcome, of_answer, of_text
from worker.operate.orders import Place
from worker.policy_file import load_policy
from worker.records import Outgoing

CONTINUATIONS_MAX = 10
"""So often what waits behind one letter is followed, a hundred letters each time."""

SNAPSHOT_SECONDS = 60.0
"""MongoDB keeps a snapshot for five minutes."""

Decide = Callable[[Documents, CommandMessage, Context], Decided]
PLANNER = Actor(kind=Party.PLATFORM, party_id="platform", user_id="plan", role=Role.ADMIN)


@dataclass(frozen=True, slots=True)
class Planned:
    """What would become of one letter."""

    letter: Chosen
    command_id: str | None
    type: str | None
    outcome: Outcome
    code: str = ""
    """Of the refusal or the failure; or the id of the letter that comes first."""
    events: tuple[str, ...] = ()
    """Wire types of what would be published."""
    error: str = ""
    behind: str | None = None
    """The command that it waits behind: it goes through with that one, or that one comes first."""
    let_go: Counter[Outcome] = field(default_factory=Counter)
    """What waits behind it, was not chosen, and would be decided with it."""
    replays: int = 0
    later: Later | None = None
    """A command of the same partnership that came after it and was decided meanwhile."""

    @property
    def name(self) -> str:
        """What people know it by: its command's id, where it has one."""
        return self.command_id or self.letter.id


class _Step(NamedTuple):
    outcome: Outcome
    code: str
    events: tuple[str, ...]
    error: str


async def rules_of(access: Access, decide: Decide = decide_by_the_rules) -> Rules:
    """What the worker decides by, if it has the settings of this process: policy, secret, lanes, partitions.

    Raises:
        CannotOperate: no worker ever started on this database.
        NeedsSettings: the secret is missing; codes and the worker's own commands are checked with it.
    """
    topology = await access.db[TOPOLOGY].find_one({"_id": "topology"})
    if topology is None:
        raise CannotOperate("No worker ever started on this database: is PARTNERSHIP_MONGO_DATABASE right?")
    counts = topology["partitions"]
    partitions = {
        topic: counts.get(topic.value.replace(".", "-"), 1) for topic in TopicName if topic not in COMMAND_TOPICS
    }
    return Rules(
        load_policy(access.settings.policy_file), access.secrets, partitions[TopicName.LANES], partitions, decide
    )


async def foresee(
    access: Access, job: Job, chosen: Sequence[Chosen], decide: Decide = decide_by_the_rules
) -> AsyncIterator[Planned]:
    """What the job would do to each of these letters, in their sequence, which `choose` has made.

    Raises what `rules_of` raises.
    """
    dry = _DryRun(access, job, await rules_of(access, decide))
    try:
        for _, letters in groupby(chosen, lambda one: (one.lane, one.partner)):
            async for planned in dry.of_one_partner(list(letters)):
                yield planned
    finally:
        await dry.close()


class _DryRun:
    """Orders about one partner's letters after another's, on a store that forgets between them."""

    def __init__(self, access: Access, job: Job, rules: Rules) -> None:
        self._access = access
        self._job = job
        self._rules = rules
        self._log = access.settings.topic(TopicName.LANES)
        self._store = Foreseen(access.client, access.settings.mongo_database)
        self._session: Any = None
        self._until = 0.0
        self._now_ms = 0
        self._orders = 0

    async def of_one_partner(self, letters: list[Chosen]) -> AsyncIterator[Planned]:
        self._store.forget()
        by_id = {one.id: one for one in letters}
        went: dict[str, tuple[_Step, str]] = {}
        before: str | None
        cut_short = False
        lane = await self._lane(letters[0].lane)
        for first in range(0, len(letters), AT_ONCE):
            page = letters[first : first + AT_ONCE]
            session = await self._current_session()
            await self._store.look_ahead(session, [one.id for one in page], self._rules.secrets, self._log)
            later = await later_commands(self._access, session, map(self._store.letters.peek, (one.id for one in page)))
            for one in page:
                letter = self._store.letters.peek(one.id)
                command_id, type_ = (letter["command_id"], letter["type"]) if letter else (None, None)
                type_ = (self._job.body or {}).get("type", type_)
                replays = letter.get("replays", 0) if letter else 0
                if one.id in went:
                    step, before = went.pop(one.id)
                    yield Planned(one, command_id, type_, *step, before, replays=replays, later=later.get(one.id))
                    continue
                lane, planned, steps, more = await self._decide(session, lane, one, letter)
                let_go: Counter[Outcome] = Counter()
                for letter_id, step in steps.items():
                    if letter_id in by_id and letter_id not in went:
                        went[letter_id] = step, command_id or one.id
                    else:
                        let_go[step.outcome] += 1
                cut_short = cut_short or more
                before = None
                if planned.outcome is Outcome.WAITS:
                    before = (await command_ids(self._access, [planned.code])).get(planned.code, planned.code)
                    if cut_short:
                        planned = planned._replace(outcome=Outcome.NOT_FORESEEN)
                yield Planned(one, command_id, type_, *planned, before, let_go, replays, later.get(one.id))

    async def _decide(
        self, session: Any, lane: LaneDocument, one: Chosen, letter: Letter | None
    ) -> tuple[LaneDocument, _Step, dict[str, _Step], bool]:
        """One order and what it lets go: the lane then, the letter's own step, the others', and whether more wait."""
        place = Place.of(letter) if letter else Place(lane.lane)
        item = self._item(lane, self._job.order(PLANNER, one.id), place)
        steps: dict[str, _Step] = {}
        answer: dict[str, Any] = {}
        waiting: list[Item] = [item]
        for _ in range(CONTINUATIONS_MAX):
            try:
                result = await carry_out_orders(self._store, self._rules, self._limit(), session, lane, [waiting.pop()])
            except StopWorker:
                self._store.take()
                return lane, _Step(Outcome.STOPS_WORKER, "", (), ""), {}, False
            lane = result.lane
            entries, happened = self._store.take()
            answer = answer or next((entry for entry in entries if "result" in entry), {})
            steps |= {text.letter_id: _step(text, entries) for text in happened}
            waiting = list(self._continuations(lane, result.records))
            if not waiting:
                break
        outcome, code = of_answer(self._job.action, answer.get("code"), answer.get("result", {}))
        own = steps.pop(one.id, None)
        planned = _Step(outcome, code, own.events if own else (), own.error if own else "")
        return lane, planned, steps, bool(waiting)

    def _limit(self) -> FailureLimit:
        """As the worker has it, when nothing has failed yet."""
        settings = self._access.settings
        return FailureLimit(
            settings.failing_partnerships_max, settings.failing_share_max, settings.failing_window_seconds
        )

    def _item(self, lane: LaneDocument, order: Order, place: Place) -> Item:
        """An order as the lane would read it next."""
        self._orders += 1
        message = CommandMessage(f"{PLANNED}{self._orders}", place.subject, place.partner, order)
        record = self._record(lane, place.partner.encode(), b"", ())
        return Item.of(record, Readable(message, b"", internal=True))

    def _continuations(self, lane: LaneDocument, records: Sequence[Outgoing]) -> Iterator[Item]:
        """What the lane tells itself: to go on with what waits."""
        for outgoing in records:
            if outgoing.topic is TopicName.LANES:
                record = self._record(lane, outgoing.key, outgoing.value, outgoing.headers)
                item = decode(record, self._rules.secrets)
                if isinstance(item.decoded, Readable) and isinstance(item.decoded.message.data, ContinueParked):
                    yield item

    def _record(self, lane: LaneDocument, key: bytes | None, value: bytes | None, headers: Any) -> ConsumerRecord:
        """What the lane would read next, from its log."""
        return ConsumerRecord(
            topic=self._log,
            partition=lane.lane,
            offset=lane.stored,
            timestamp=self._now_ms,
            timestamp_type=1,
            key=key,
            value=value,
            checksum=None,
            serialized_key_size=-1,
            serialized_value_size=-1,
            headers=headers,
        )

    async def _lane(self, number: int) -> LaneDocument:
        found = await self._access.db[LANES].find_one({"_id": number}) or {}
        names = ("epoch", "stored", "published", "now_ms", "marks", "blocking")
        return LaneDocument(number, *(found.get(name, {} if name == "marks" else 0) for name in names))

    async def _current_session(self) -> Any:
        """A snapshot that is young enough, and MongoDB's time, by which the lane's next decision will go."""
        if self._session is None or monotonic_seconds() > self._until:
            await self.close()
            hello = await self._access.client.admin.command("hello")
            self._now_ms = int(hello["localTime"].timestamp() * 1000)
            self._session = await awaited(self._access.client.start_session(snapshot=True))
            self._until = monotonic_seconds() + SNAPSHOT_SECONDS
        return self._session

    async def close(self) -> None:
        if self._session is not None:
            await self._session.end_session()
            self._session = None


def _step(happened: Happened, entries: Sequence[dict[str, Any]]) -> _Step:
    outcome, code = of_text(happened.text)
    mine = (entry for entry in entries if happened.letter_id in {entry.get("replay_of"), entry.get("edited_from")})
    entry = next(mine, None) if outcome is not Outcome.STILL_FAILING else None
    error = happened.error if outcome is Outcome.STILL_FAILING else ""
    return _Step(outcome, code, tuple(_types(entry)) if entry else (), error)


def _types(entry: dict[str, Any]) -> Iterator[str]:
    for record in entry["records"]:
        if record["topic"] != TopicName.LANES:
            yield orjson.loads(record["value"])["type"]
