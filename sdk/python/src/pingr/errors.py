"""The errors that this package raises on purpose."""


class PingrError(Exception):
    """The base of every error of this package.

    ``message`` is for people, ``code`` (such as ``webhook_error``) for programs.
    """

    def __init__(self, message: str, code: str = "unknown_error") -> None:
        super().__init__(message)
        self.message = message
        self.code = code


class PingrWebhookError(PingrError):
    """A webhook was not accepted.

    The message says why, and holds nothing of the body or the secret, so it may be logged.
    """

    def __init__(self, message: str) -> None:
        super().__init__(message, "webhook_error")
