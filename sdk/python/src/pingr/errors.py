"""The errors that this package raises on purpose."""

from __future__ import annotations


class PingrError(Exception):
    """The base of every error of this package.

    ``message`` is for people. ``code`` is for programs: the ``error`` of the API's answer, such as ``plan_limit``, or
    one of ours, such as ``network_error``. ``status`` is the HTTP status and ``request_id`` the ``X-Request-Id`` of
    the answer; both are ``None`` if no answer came. ``retry_after`` is in seconds. None of them contains an API key, a
    token or a secret.
    """

    def __init__(
        self,
        message: str,
        code: str = "unknown_error",
        status: int | None = None,
        retry_after: int | None = None,
        request_id: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.status = status
        self.retry_after = retry_after
        self.request_id = request_id

    def __repr__(self) -> str:
        """Show the message and the code."""
        return f"{type(self).__name__}(message={self.message!r}, code={self.code!r})"


class PingrAuthError(PingrError):
    """The API key or login is missing, unknown, revoked or has ended (401). ``code`` is ``auth_error``."""

    def __init__(self, message: str = "Invalid or inactive API key", request_id: str | None = None) -> None:
        super().__init__(message, "auth_error", 401, request_id=request_id)


class PingrRateLimitError(PingrError):
    """A cooldown, the month's quota or another limit is reached (429).

    ``code`` is ``rate_limit`` or ``quota_exceeded``; ``retry_after`` is the number of seconds to wait.
    """

    def __init__(
        self,
        message: str,
        code: str = "rate_limit",
        retry_after: int | None = None,
        request_id: str | None = None,
    ) -> None:
        super().__init__(message, code, 429, retry_after, request_id)


class PingrValidationError(PingrError):
    """A parameter is missing or malformed; the message names it (422). ``code`` is ``validation_error``."""

    def __init__(self, message: str, request_id: str | None = None) -> None:
        super().__init__(message, "validation_error", 422, request_id=request_id)


class PingrWebhookError(PingrError):
    """A webhook was not accepted.

    The message gives the reason. It holds nothing of the body or the secret, so it may be logged.
    """

    def __init__(self, message: str) -> None:
        super().__init__(message, "webhook_error")
