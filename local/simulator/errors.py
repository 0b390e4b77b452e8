"""The control plane's refusals, with the texts that it is known to use."""

from __future__ import annotations

from http import HTTPStatus

BAD_REQUEST = "Bad request. The request body included invalid request parameters."
NAME_RULE = (
    "{what} must be 1-45 characters long, start and end with an alphanumeric character, "
    "and consist only of lower case alphanumeric characters or '-'."
)
BACKUPS_NOT_IN_PLAN = (
    "Your organization's plan does not include backups. Upgrade your plan to create backups."
)
SCHEDULES_NOT_IN_PLAN = "Scheduled backups are not available for your plan"
CONVERSIONS_NOT_IN_PLAN = "Index conversion is not available for your plan"
BACKUP_QUOTA = "Increase your quota or upgrade to create more backups."
INDEX_QUOTA = "Increase your quota or upgrade to create more indexes."
PAST_DUE = "Request failed. Pay all past due invoices to lift restrictions on your account."
DELETION_PROTECTED = (
    "Deletion protection is enabled for this index. Disable deletion protection before retrying."
)
SCHEDULE_EXISTS = "This index already has an enabled backup schedule. Disable or delete it first."


class ApiError(Exception):
    """An answer other than success.

    Attributes:
        status: The HTTP status.
        code: Pinecone's error code, for example ``NOT_FOUND``.
        message: The text that the answer carries.
    """

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(status, code, message)
        self.status = status
        self.code = code
        self.message = message


def invalid(message: str = BAD_REQUEST) -> ApiError:
    """400: the request itself is wrong."""
    return ApiError(400, "INVALID_ARGUMENT", message)


def unauthenticated() -> ApiError:
    """401: no key, or a key that no project knows."""
    return ApiError(401, "UNAUTHENTICATED", "Invalid API key.")


def payment_required() -> ApiError:
    """402: unpaid invoices."""
    return ApiError(402, "PAYMENT_REQUIRED", PAST_DUE)


def permission_denied(message: str) -> ApiError:
    """403: the plan or the key's role does not allow it."""
    return ApiError(403, "PERMISSION_DENIED", message)


def forbidden(message: str, *, code: str = "FORBIDDEN") -> ApiError:
    """403: a quota or a protection stands in the way."""
    return ApiError(403, code, message)


def not_found(message: str) -> ApiError:
    """404."""
    return ApiError(404, "NOT_FOUND", message)


def index_not_found(name: str) -> ApiError:
    """404 for an index."""
    return not_found(f"Index {name} not found.")


def backup_not_found(backup_id: str) -> ApiError:
    """404 for a backup."""
    return not_found(f"Backup {backup_id} not found.")


def no_such_route(status: int, method: str) -> ApiError:
    """404 or 405: the path, or the method on it, is none of Pinecone's."""
    if status == HTTPStatus.NOT_FOUND:
        return not_found("Not found.")
    return ApiError(status, "INVALID_ARGUMENT", f"Method {method} is not allowed here.")


def already_exists(message: str = "Resource already exists.") -> ApiError:
    """409."""
    return ApiError(409, "ALREADY_EXISTS", message)


def failed_precondition(message: str) -> ApiError:
    """412."""
    return ApiError(412, "FAILED_PRECONDITION", message)


def unprocessable(detail: str) -> ApiError:
    """422: the body is no JSON, or not of the type that the operation expects."""
    return ApiError(
        422,
        "UNPROCESSABLE_ENTITY",
        f"Failed to deserialize the JSON body into the target type: {detail}",
    )
