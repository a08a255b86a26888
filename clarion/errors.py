"""Every error Clarion names, as a tree; each class carries data and builds its own sentence.

    ClarionError
    ├── ConfigurationError          a setting is missing, unknown or impossible
    ├── Broken                      only a new process may fix it
    ├── Refused                     the caller must change something (HTTP 4xx)
    │   ├── BadRequest  400         malformed: no field can be named
    │   ├── Unauthorized  401       no credential, or one that does not hold
    │   ├── Forbidden  403          the credential does not allow it
    │   ├── NotFound  404           not there, or another tenant's
    │   ├── Conflict  409           the thing is in a state that does not allow it
    │   ├── TooSlow  408            it did not arrive in time
    │   ├── TooLarge  413           past a documented bound
    │   ├── UnsupportedMedia  415   a content type we do not read
    │   ├── TooMany  429            more than one may have, or more often
    │   └── Invalid  422            fields that are wrong, each named
    └── Unavailable  503            our side cannot do it now; the same call may go through later
        ├── BusUnavailable          no broker, or it blocks publishers
        │   ├── PublishRefused      the broker said no: a queue is full
        │   ├── PublishUnknown      no confirm in time; it may have been stored
        │   └── Unroutable          no queue is bound: the topology is damaged
        └── StoreUnavailable        no database, or no connection free in time

A refused call says in `code` what was wrong: the code is permanent, the sentence is not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar


class ClarionError(Exception):
    """The root; never raised itself."""


class ConfigurationError(ClarionError):
    """Stops the start with a sentence that names the setting and the remedy."""


class Broken(ClarionError):
    """Ends a process that cannot do its work any more, for a supervisor to start it again."""


@dataclass(frozen=True, slots=True)
class FieldError:
    """One wrong field. `field` is a path such as `to[1].id`; the value is never repeated."""

    field: str
    message: str


class Problem(ClarionError):
    """An error with an HTTP meaning (RFC 9457)."""

    status: ClassVar[int] = 500
    title: ClassVar[str] = "Internal error"
    default_code: ClassVar[str] = "internal_error"

    def __init__(
        self,
        detail: str,
        *,
        code: str | None = None,
        errors: Sequence[FieldError] = (),
        retry_after_s: int | None = None,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.code = code or self.default_code
        self.errors = tuple(errors)
        self.retry_after_s = retry_after_s


class Refused(Problem):
    """The caller must change something."""


class BadRequest(Refused):
    status = 400
    title = "Bad request"
    default_code = "bad_request"


class Unauthorized(Refused):
    status = 401
    title = "Unauthorized"
    default_code = "unauthorized"


class Forbidden(Refused):
    status = 403
    title = "Forbidden"
    default_code = "forbidden"


class NotFound(Refused):
    status = 404
    title = "Not found"
    default_code = "not_found"


class Conflict(Refused):
    status = 409
    title = "Conflict"
    default_code = "conflict"


class TooSlow(Refused):
    status = 408
    title = "Request timeout"
    default_code = "body_timeout"


class TooLarge(Refused):
    status = 413
    title = "Content too large"
    default_code = "too_large"


class UnsupportedMedia(Refused):
    status = 415
    title = "Unsupported media type"
    default_code = "unsupported_media_type"


class TooMany(Refused):
    status = 429
    title = "Too many requests"
    default_code = "too_many_requests"


class Invalid(Refused):
    status = 422
    title = "Validation failed"
    default_code = "invalid"


class Unavailable(Problem):
    """Nothing was wrong with the call; `retry_after_s` says when to come back."""

    status = 503
    title = "Service unavailable"
    default_code = "unavailable"

    def __init__(self, detail: str, *, code: str | None = None, retry_after_s: int = 2) -> None:
        super().__init__(detail, code=code, retry_after_s=retry_after_s)


class BusUnavailable(Unavailable):
    default_code = "broker_unavailable"


class PublishRefused(BusUnavailable):
    default_code = "queue_full"


class PublishUnknown(BusUnavailable):
    default_code = "publish_unconfirmed"


class Unroutable(BusUnavailable):
    default_code = "unroutable"


class StoreUnavailable(Unavailable):
    default_code = "database_unavailable"
