"""Every environment variable of Clarion: one that is not here stops the start.

A list by hand, for a service must know the settings of the others and may not import them. A test
holds it together with the settings classes and `.env.example`.
"""

from __future__ import annotations

PREFIX = "CLARION_"

FILE_SUFFIX = "_FILE"
SECRETS = frozenset(
    {
        "CLARION_AMQP_URL",
        "CLARION_API_KEY",
        "CLARION_DATABASE_DIRECT_URL",
        "CLARION_DATABASE_URL",
        "CLARION_EMAIL",
        "CLARION_SMS",
        "CLARION_TOKEN_SECRET",
        "CLARION_TOKEN_SECRET_PREVIOUS",
    }
)
"""Each may be given by a file too, whose name stands in the same variable with `FILE_SUFFIX`."""

ALL_NAMES = frozenset(
    {
        "CLARION_ACCESS_LOG",
        "CLARION_ALLOWED_ORIGINS",
        "CLARION_AMQP_FRAME_TAP",
        "CLARION_AMQP_OWN_USERS",
        "CLARION_AMQP_TENANTS",
        "CLARION_AMQP_URL",
        "CLARION_API_KEY",
        "CLARION_AUTH_TIMEOUT_S",
        "CLARION_CAPTURES_KEPT",
        "CLARION_DATABASE_DIRECT_URL",
        "CLARION_DATABASE_POOLER",
        "CLARION_DATABASE_POOL_SIZE",
        "CLARION_DATABASE_TIMEOUT_S",
        "CLARION_DATABASE_URL",
        "CLARION_DATA_DIR",
        "CLARION_EMAIL",
        "CLARION_CLOCK_JUMP_S",
        "CLARION_FAIL_POINT",
        "CLARION_HANDSHAKES_PER_S",
        "CLARION_HEARTBEAT_S",
        "CLARION_HOST",
        "CLARION_LIVE_SHARDS",
        "CLARION_LOG_FORMAT",
        "CLARION_LOG_LEVEL",
        "CLARION_MAX_BACKLOG_BYTES",
        "CLARION_MAX_BODY_BYTES",
        "CLARION_MAX_FRAMES_PER_MINUTE",
        "CLARION_MAX_FRAME_BYTES",
        "CLARION_MAX_PUBLISHES_PER_MINUTE",
        "CLARION_MAX_REQUESTS_PER_MINUTE",
        "CLARION_MAX_REQUESTS_PER_S",
        "CLARION_MAX_SESSIONS",
        "CLARION_MAX_SESSIONS_PER_ADDRESS",
        "CLARION_MAX_SESSIONS_PER_SUBSCRIBER",
        "CLARION_MAX_SESSIONS_PER_TENANT",
        "CLARION_MAX_SESSIONS_UNIX",
        "CLARION_MAX_SESSION_AGE_S",
        "CLARION_MAX_TENANT_REQUESTS_PER_S",
        "CLARION_PLAN_BATCH_SIZE",
        "CLARION_PLAN_WORKERS",
        "CLARION_PORT",
        "CLARION_PUBLISH_TIMEOUT_S",
        "CLARION_SEND_CONCURRENCY",
        "CLARION_SEND_TIMEOUT_S",
        "CLARION_SHUTDOWN_TIMEOUT_S",
        "CLARION_SMS",
        "CLARION_TOKEN_IN_QUERY",
        "CLARION_TOKEN_JWKS_URL",
        "CLARION_TOKEN_SECRET",
        "CLARION_TOKEN_SECRET_PREVIOUS",
        "CLARION_TOKEN_TTL_S",
        "CLARION_TRUSTED_PROXIES",
        "CLARION_URL",
    }
) | frozenset(name + FILE_SUFFIX for name in SECRETS)
