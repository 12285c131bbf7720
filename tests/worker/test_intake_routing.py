"""Which lane a record goes to, and in which order: the partner in the body decides, whatever a producer did."""

import json

import pytest
from aiokafka import ConsumerRecord
from hypothesis import given
from hypothesis import strategies as st

from contracts.topics import RECORD_BYTES_MAX
from worker.intake import carried, in_order_of_time, lane_for
from worker.partitioning import lane_of
from worker.records import HEADERS_MAX, SOURCE_HEADER, TOO_LARGE_HEADER, Headers, Source, header

LANES = 1000
BY_PLACE = lane_of("facts:3", LANES)

JAVA_MURMUR2 = {
    "21": -973932308,
    "foobar": -790332482,
    "a-little-bit-long-string": -985981536,
    "a-little-bit-longer-string": -1486304829,
    "lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
    "abc": 479470107,
}
"""org.apache.kafka.common.utils.UtilsTest, testMurmur2."""


def record(
    value: bytes | None = None,
    *,
    partition: int = 3,
    offset: int = 0,
    timestamp: int = 0,
    key: bytes | None = None,
    headers: Headers = (),
) -> ConsumerRecord:
    return ConsumerRecord("facts", partition, offset, timestamp, 1, key, value, None, 0, 0, headers)


def about(partner: object) -> bytes:
    return json.dumps({"partitionkey": partner, "id": "x"}).encode()


@pytest.mark.parametrize(("partner", "hashed"), JAVA_MURMUR2.items())
def test_a_lane_is_the_partition_that_java_would_choose(partner: str, hashed: int) -> None:
    assert lane_of(partner, LANES) == (hashed & 0x7FFFFFFF) % LANES


def test_the_partner_in_the_body_decides_and_neither_key_nor_partition() -> None:
    lanes = {lane_for(record(about("foobar"), partition=n, key=b"%d" % n), LANES) for n in range(5)}

    assert lanes == {lane_of("foobar", LANES)}


NO_PARTNER: list[bytes | None] = [None, b"", b"no json", b"[]", b'"partitionkey"', b"7", b"null", b"{}", b"[" * 100_000]
ODD_PARTNER = [*map(about, (None, 7, ["p"], {"$gt": ""}, "", "p" * 129)), b'{"partitionkey":"\xff"}']
TOO_LARGE = about("p") + b" " * 300_000


@pytest.mark.parametrize("value", [*NO_PARTNER, *ODD_PARTNER, TOO_LARGE])
def test_a_record_with_no_partner_to_read_goes_by_its_place(value: bytes | None) -> None:
    assert lane_for(record(value), LANES) == BY_PLACE


def test_a_partner_of_the_longest_id_has_a_lane() -> None:
    partner = "\U0001f600" * 128

    assert lane_for(record(about(partner)), LANES) == lane_of(partner, LANES)


@given(st.binary(max_size=200) | st.text(max_size=50).map(about))
def test_every_record_has_a_lane(value: bytes) -> None:
    assert 0 <= lane_for(record(value), 7) < 7


def test_records_of_several_partitions_are_sorted_by_append_time() -> None:
    records = [record(partition=0, timestamp=t) for t in (5, 9)] + [record(partition=1, timestamp=t) for t in (1, 7)]

    assert [r.timestamp for r in in_order_of_time(records)] == [1, 5, 7, 9]


def test_a_clock_that_went_back_does_not_turn_a_partition_around() -> None:
    """A broker's clock was set back, or the leader changed: offsets say the order, times only mix partitions."""
    records = [record(partition=0, offset=n, timestamp=t) for n, t in enumerate((50, 10, 60))]
    records += [record(partition=1, offset=9, timestamp=55)]

    assert [(r.partition, r.offset) for r in in_order_of_time(records)] == [(0, 0), (0, 1), (1, 9), (0, 2)]


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(-5, 30)), max_size=40))
def test_no_record_overtakes_another_of_its_partition(drawn: list[tuple[int, int]]) -> None:
    records = [record(partition=p, offset=n, timestamp=t) for n, (p, t) in enumerate(drawn)]

    sorted_records = in_order_of_time(records)

    assert sorted(r.offset for r in sorted_records) == list(range(len(records)))
    for partition in range(4):
        offsets = [r.offset for r in sorted_records if r.partition == partition]
        assert offsets == sorted(offsets)


def test_the_source_of_a_record_survives_the_lane_log() -> None:
    source = Source("a.topic-with_all.9", 3, 10**18 - 1, 1_700_000_000_123)
    moved = ConsumerRecord("lanes", 0, 5, 9, 1, None, b"v", None, 0, 0, (source.to_header(),))

    assert Source.of(moved) == source


def test_only_the_last_source_is_intakes() -> None:
    forged, ours = (SOURCE_HEADER, b"x:0:1:2"), Source("facts", 1, 2, 3).to_header()
    moved = ConsumerRecord("lanes", 0, 5, 9, 1, None, b"v", None, 0, 0, (forged, ours))

    assert Source.of(moved) == Source("facts", 1, 2, 3)


def test_a_record_without_a_source_is_its_own() -> None:
    own = ConsumerRecord("lanes", 4, 5, 9, 1, None, b"v", None, 0, 0, ())

    assert Source.of(own) == Source("lanes", 4, 5, 9)


@pytest.mark.parametrize(
    "value", [b"", b"x", b"a:b:c:d", b"\xff:1:2:3", b"t:1:2", b"t:1:2:9e9", b"t:1:2:-3", b"t:1:2:" + b"9" * 30, None]
)
def test_a_source_that_nobody_could_have_written_is_no_source(value: bytes | None) -> None:
    """Who writes straight into the lane log can write this; it must not stop the lane."""
    own = ConsumerRecord("lanes", 4, 5, 9, 1, None, b"v", None, 0, 0, ((SOURCE_HEADER, value),))

    assert Source.of(own) == Source("lanes", 4, 5, 9)


def test_the_last_header_of_a_name_counts() -> None:
    headers = (("a", b"1"), ("b", None), ("a", b"2"))

    assert (header(headers, "a"), header(headers, "b"), header(headers, "c")) == (b"2", None, None)


def test_records_at_the_same_place_of_another_topic_life_have_other_ids() -> None:
    source = Source("facts", 0, 0, 0)

    assert source.position_id(b"one") != source.position_id(b"two")
    assert source.position_id(None) == source.position_id(b"")


# ------------------------------------------------------------------------------------------------------- what is moved

FULL = b"x" * RECORD_BYTES_MAX


@pytest.mark.parametrize(
    ("moved", "size"),
    [
        (record(FULL), None),
        (record(FULL, key=b"k"), RECORD_BYTES_MAX + 1),
        (record(FULL[:-4], headers=(("name", None),)), None),
        (record(FULL[:-4], headers=(("name", b"v"),)), RECORD_BYTES_MAX + 1),
        (record(b"", headers=(("\\xff" * 300_000, b""),)), 1_200_000),
        (record(b"v", headers=(("", b""),) * HEADERS_MAX), None),
        (record(b"v", headers=(("", b""),) * (HEADERS_MAX + 1)), 1),
    ],
    ids=["fits", "key", "header fits", "header", "name", "headers fit", "headers"],
)
def test_in_place_of_what_the_lane_log_would_not_take_goes_its_size(moved: ConsumerRecord, size: int | None) -> None:
    mark = ((TOO_LARGE_HEADER, b"%d" % (size or 0)),)

    assert carried(moved) == ((moved.key, moved.value, moved.headers) if size is None else (None, None, mark))
