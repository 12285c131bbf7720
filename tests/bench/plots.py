"""`make plots`: the pictures of docs/performance.md, from what `make sweeps` wrote into build/."""

import json
from typing import Any

import pygal
from pygal.style import Style

from tests.support.deployment import ROOT

BUILD, DOCS = ROOT / "build", ROOT / "docs"
STYLE = Style(
    background="white",
    plot_background="white",
    font_family="sans-serif",
    colors=("#1f6fb4", "#d1495b"),
    label_font_size=13,
    major_label_font_size=13,
    legend_font_size=13,
    title_font_size=16,
)


def line(title: str, x_title: str, y_title: str, **options: Any) -> pygal.Line:
    # Without scripts, which a picture in a page may not run, and without an id of chance, so that it can be compared.
    chart = pygal.Line(
        title=title,
        x_title=x_title,
        y_title=y_title,
        style=STYLE,
        js=[],
        width=760,
        height=420,
        legend_at_bottom=True,
        pretty_print=True,
        disable_xml_declaration=False,
        **options,
    )
    chart.uuid = "chart"
    return chart


def throughput(points: list[dict[str, float]]) -> pygal.Line:
    chart = line("Throughput against batch size", "records in a batch, at most", "commands a second", show_legend=False)
    chart.x_labels = [f"{point['batch_records_max']:.0f}" for point in points]
    chart.add("one worker", [round(point["commands_per_second"]) for point in points])
    return chart


def latency(points: list[dict[str, float]]) -> pygal.Line:
    chart = line("Latency against load", "share of the top speed", "ms, logarithmic", logarithmic=True)
    chart.x_labels = [f"{point['share_of_top_speed']:.0%}" for point in points]
    for name, title in (("latency_ms_p50", "median"), ("latency_ms_p99", "99th percentile")):
        chart.add(title, [round(point[name], 1) for point in points])
    return chart


def main() -> None:
    for name, draw in (("batch", throughput), ("load", latency)):
        source = BUILD / f"bench-{name}.json"
        if not source.exists():
            raise SystemExit(f"{source} is not there: make sweeps ARGS={name}")
        target = DOCS / f"performance-{name}.svg"
        target.write_bytes(draw(json.loads(source.read_text())).render())
        print(f"plots: {target.relative_to(ROOT)}")  # noqa: T201 - a program for people


if __name__ == "__main__":
    main()
