"""The rules for Prometheus are those of docs/watching.md, and ask for nothing that no worker has."""

import re
from pathlib import Path

from worker.metrics import Metrics

WATCHING = Path("docs/watching.md").read_text(encoding="utf-8")
RULES = Path("docs/alarms.yaml").read_text(encoding="utf-8").split("- alert: ")[1:]
SELECTED = re.compile(r'([a-z_]+)\{job="partnership-worker"(?:,([a-z]+)="([a-z_]+)")?\}')
BY_PROMETHEUS = {"up"}


def expression(rule: str) -> str:
    """In one line, as the page has it."""
    (found,) = re.findall(r"expr: (?:>-\n)?(.*?)\n +(?:for|labels):", rule, re.DOTALL)
    return " ".join(found.split())


def test_each_rule_is_in_the_table_and_each_expression_of_the_table_in_a_rule() -> None:
    table = re.findall(r"\| `([^`]*\{job=[^`]*)`", WATCHING)
    assert sorted(map(expression, RULES)) == sorted(table)


def test_each_rule_waits_as_long_as_the_page_says() -> None:
    units = {"m": "min", "h": "h"}
    for rule in RULES:
        (row,) = [line for line in WATCHING.splitlines() if f"`{expression(rule)}`" in line]
        _, wait = row.split(f"`{expression(rule)}`")
        times = re.findall(r" for: (\d+)([mh])$", rule, re.MULTILINE)
        assert re.findall(r"for (\d+) (min|h)\b", wait) == [(number, units[unit]) for number, unit in times]


def test_each_metric_and_label_is_a_workers() -> None:
    metrics = Metrics()
    metrics.lanes.labels("open")  # it is there once the worker has joined the group
    samples = [sample for family in metrics.registry.collect() for sample in family.samples]
    asked = {match for rule in RULES for match in SELECTED.findall(expression(rule)) if match[0] not in BY_PROMETHEUS}
    assert len(asked) >= 5
    for name, label, value in asked:
        assert [each for each in samples if each.name == name and (not label or each.labels.get(label) == value)], name


def test_each_rule_says_where_the_page_says_what_to_do() -> None:
    headings = {"#" + title.lower().replace(" ", "-") for title in re.findall(r"^## (.*)$", WATCHING, re.MULTILINE)}
    for rule in RULES:
        (anchor, row) = re.findall(r'runbook: "docs/watching\.md(#[a-z-]+)(?:: (.*))?"', rule)[0]
        assert anchor in headings
        assert not row or f"\n| {row}" in WATCHING
