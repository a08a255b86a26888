"""The metrics of the pusher."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import REGISTRY, Counter, Gauge
from prometheus_client.metrics_core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector


class FrameCount(Collector):
    """A counter without a lock: a `Counter` would cost a tenth of writing the frame it counts."""

    def __init__(self) -> None:
        self.written = 0

    def collect(self) -> Iterator[Metric]:
        """As `Collector`."""
        yield CounterMetricFamily(
            "clarion_live_frames_total", "Frames written to sessions.", value=self.written
        )


FRAMES = FrameCount()
REGISTRY.register(FRAMES)

SESSIONS = Gauge("clarion_live_sessions", "Open sessions, whether authenticated or not.")
SHARDS = Gauge("clarion_live_shards_bound", "Shards that this process is subscribed to.")
HANDSHAKES = Counter(
    "clarion_live_handshakes_total", "WebSocket handshakes, by outcome.", ["outcome"]
)
BAD_HANDSHAKES = Counter(
    "clarion_live_bad_handshakes_total",
    "Requests for the live feed that were malformed, or whose origin or token was refused.",
)
CLOSES = Counter(
    "clarion_live_closes_total", "Sessions closed by the server, by close code.", ["code"]
)
LOST_RECEIPTS = Counter(
    "clarion_live_receipts_lost_total", "Receipts dropped because the database was unavailable."
)
REPLAYS = Counter("clarion_live_replays_total", "Replays, by cause.", ["cause"])
READS = Counter("clarion_live_reads_total", "Queries that read feeds, by kind.", ["kind"])
FEEDS_READ = Counter("clarion_live_feeds_read_total", "Feeds read by these queries.")
GAPS = Counter("clarion_live_gaps_total", "Gaps filled from the store.")
MISSED_ANNOUNCEMENTS = Counter(
    "clarion_live_unheard_total",
    "Feeds with a missed announcement, found by comparison with the store.",
)
EPOCHS = Counter(
    "clarion_live_epochs_total",
    "Changes of the epoch (the database holds another history), each a replay of every session.",
)
FOREIGN_ANNOUNCEMENTS = Counter(
    "clarion_live_not_allowed_total",
    "Announcements ignored because a foreign user published them.",
)
COMMANDS = Counter("clarion_inbox_commands_total", "Commands on inbox items, by kind.", ["command"])
REQUESTS_REFUSED = Counter(
    "clarion_inbox_requests_refused_total", "REST calls refused by the rate limit of a subscriber."
)
PUBLISHED = Counter("clarion_live_published_total", "Frames published to topics by subscribers.")
LOST_ANNOUNCEMENTS = Counter(
    "clarion_live_announcements_lost_total",
    "Announcements not accepted by the broker; other pushers find the change by comparison.",
)
