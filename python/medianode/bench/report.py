"""Figures as a table for a person and as a plot. Owns the words; computes nothing."""

from html import escape

from medianode.bench.measure import Figures


def table(figures: Figures) -> str:
    """Renders the figures of one run."""
    rows = [
        ("packets", f"{figures.packets:,} in {figures.seconds:.1f} s = {figures.packets_per_second:,.0f} /s"),
        ("clients", f"{figures.connected} of {figures.asked} connected"),
        ("integrity errors", f"{figures.integrity_errors}"),
        ("lost, reordered", f"{figures.lost}, {figures.reordered}"),
        ("sequence errors", f"{figures.sequence_errors}"),
        (
            "CPU per packet",
            _cost(figures),
        ),
        ("run length", _optional(figures.run_length, "{:.2f} packets per send")),
        ("system calls", _optional(figures.syscalls_per_packet, "{:.3f} per packet")),
        ("forwarding delay", f"p50 {figures.delay_p50_us:,.0f}, p99 {figures.delay_p99_us:,.0f} us"),
        ("join to first packet", _joins(figures)),
        ("memory", f"{figures.memory_per_subscriber_kib:,.0f} KiB per subscriber"),
        ("machine's floor", _floor(figures)),
        (
            "machine",
            f"{figures.machine['cpu']}, {figures.machine['cores']} cores, Linux {figures.machine['kernel']}",
        ),
    ]
    lines = [f"scenario {figures.scenario}", *(f"  {name:<22}{text}" for name, text in rows)]
    return "\n".join([*lines, *(f"  error: {error}" for error in figures.errors[:5])])


def _cost(figures: Figures) -> str:
    split = f"user {figures.user_ns_per_packet:,.0f}, system {figures.system_ns_per_packet:,.0f}"
    return f"{figures.cpu_ns_per_packet:,.0f} ns ({split}); {figures.cores_used:.3f} cores"


def _optional(value: float | None, text: str) -> str:
    return text.format(value) if value is not None else "not told by this server"


def _joins(figures: Figures) -> str:
    if figures.join_p50_ms is None or figures.join_p95_ms is None:
        return "no media arrived"
    return f"p50 {figures.join_p50_ms:.0f}, p95 {figures.join_p95_ms:.0f} ms"


def _floor(figures: Figures) -> str:
    if figures.floor_seal_ns is None or figures.floor_send_ns is None or figures.ratio_to_floor is None:
        return "not measured for this server"
    parts = f"seal {figures.floor_seal_ns:.0f} + send {figures.floor_send_ns:.0f} ns"
    paced = f"seal {figures.paced_floor_seal_ns:.0f} + send {figures.paced_floor_send_ns:.0f} ns"
    ratios = f"the node costs {figures.ratio_to_floor:.2f} and {figures.ratio_to_paced_floor:.2f} times that"
    return f"tight loop {parts}, in this rhythm {paced}; {ratios}"


def plot(results: list[Figures]) -> str:
    """Draws CPU per packet, user and system apart, one bar a run, as SVG."""
    width, bar, left = 720, 34, 150
    most = max(max(figures.cpu_ns_per_packet, _floor_sum(figures)) for figures in results) * 1.1
    scale = (width - left - 120) / most
    height = 70 + len(results) * (bar + 22)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" font-family="sans-serif" font-size="13">',
        '<rect width="100%" height="100%" fill="#fff"/>',
        '<text x="16" y="26" font-size="16" font-weight="bold">CPU nanoseconds per forwarded packet</text>',
        f'<text x="16" y="44" fill="#666">{escape(_legend(results[0]))}</text>',
    ]
    for index, figures in enumerate(results):
        y = 60 + index * (bar + 22)
        user, system = figures.user_ns_per_packet * scale, figures.system_ns_per_packet * scale
        floor = left + _floor_sum(figures) * scale
        parts += [
            f'<text x="16" y="{y + 22}">{escape(figures.scenario)}</text>',
            f'<rect x="{left}" y="{y}" width="{user:.1f}" height="{bar}" fill="#27548a"/>',
            f'<rect x="{left + user:.1f}" y="{y}" width="{system:.1f}" height="{bar}" fill="#a8c5e8"/>',
            f'<text x="{left + user + system + 8:.1f}" y="{y + 22}">{figures.cpu_ns_per_packet:,.0f} ns</text>',
        ]
        if _floor_sum(figures):
            parts.append(f'<path d="M{floor:.1f} {y - 4}v{bar + 8}" stroke="#c0392b" stroke-width="2"/>')
    return "\n".join([*parts, "</svg>", ""])


def _legend(figures: Figures) -> str:
    return (
        f"{figures.machine['cpu']}, Linux {figures.machine['kernel']}; dark: user, light: system, line: floor"
    )


def _floor_sum(figures: Figures) -> float:
    return (figures.floor_seal_ns or 0.0) + (figures.floor_send_ns or 0.0)
