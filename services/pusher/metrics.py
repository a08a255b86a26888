"""What the pusher counts."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import REGISTRY, Counter, Gauge
from prometheus_client.metrics_core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector


class FrameCount(Collector):
    """A counter that costs an addition: it is counted for each frame, where a `Counter` with its
    lock costs a tenth of writing one."""

    def __init__(self) -> None:
        self.written = 0

    def collect(self) -> Iterator[Metric]:
        """As `Collector`."""
        yield CounterMetricFamily(
            "clarion_live_frames_total", "Frames written to sessions.", value=self.written
        )


FRAMES = FrameCount()
REGISTRY.register(FRAMES)

SESSIONS = Gauge("clarion_live_sessions", "Open sessions, authenticated or not.")
SHARDS = Gauge("clarion_live_shards_bound", "Shards that this process hears.")
HANDSHAKES = Counter(
    "clarion_live_handshakes_total", "WebSocket handshakes, by what became of them.", ["outcome"]
)
BAD_HANDSHAKES = Counter(
    "clarion_live_bad_handshakes_total",
    "Requests for the live feed that were no handshake, or whose origin or token was refused.",
)
CLOSES = Counter("clarion_live_closes_total", "Sessions that the server closed, by code.", ["code"])
LOST_RECEIPTS = Counter(
    "clarion_live_receipts_lost_total", "Receipts dropped because the database was away."
)
REPLAYS = Counter("clarion_live_replays_total", "Replays, by what asked for them.", ["cause"])
READS = Counter("clarion_live_reads_total", "Queries that read feeds, by kind.", ["kind"])
FEEDS_READ = Counter("clarion_live_feeds_read_total", "Feeds that those queries read.")
GAPS = Counter("clarion_live_gaps_total", "Gaps that were filled from the store.")
MISSED_ANNOUNCEMENTS = Counter(
    "clarion_live_unheard_total",
    "Feeds of which a comparison with the store found that an announcement had not been heard.",
)
EPOCHS = Counter(
    "clarion_live_epochs_total",
    "Times that the database held another history, and every session began anew.",
)
FOREIGN_ANNOUNCEMENTS = Counter(
    "clarion_live_not_allowed_total",
    "Announcements passed over, for it was not Clarion that published them.",
)
COMMANDS = Counter("clarion_inbox_commands_total", "State changes asked for, by kind.", ["command"])
REQUESTS_REFUSED = Counter(
    "clarion_inbox_requests_refused_total", "Calls of subscribers who ask too often."
)
PUBLISHED = Counter("clarion_live_published_total", "Frames that subscribers published to topics.")
LOST_ANNOUNCEMENTS = Counter(
    "clarion_live_announcements_lost_total",
    "Announcements of our own that the broker did not take; others find the change by themselves.",
)
