"""Every error this product raises, as one tree.

::

    BackupError
    ├── ConfigurationError            the deployment or its documents are not usable
    │   ├── SettingsInvalid           an environment variable is missing or malformed
    │   ├── SecretNotSet              a secret exists without a value, or not at all
    │   ├── SecretMalformed           a secret's value is not what its reader expects
    │   ├── PolicyMissing             no policy document has been stored yet
    │   └── PolicyInvalid             the policy document does not validate (all errors listed)
    ├── RequestRejected               what the caller asked for cannot be done as asked
    │   ├── EventMalformed            an event has not the shape of any trigger
    │   ├── Superseded                the trigger's time is too old, too new or overtaken (rule T1)
    │   ├── SubjectUnknown            the named project, index, backup, hold ... does not exist here
    │   ├── PolicyConflict            somebody else changed the policy since it was read
    │   ├── RuleForbids               a rule (hold, floor, marker ...) forbids the operation
    │   └── ApprovalRefused           the approval does not fit the plan any more (rule D4)
    ├── PineconeError                 Pinecone answered with an error, or not at all
    │   ├── KeyRejected               401, also after the secret was read again
    │   ├── PaymentRequired           402
    │   ├── Forbidden                 403 of unknown meaning
    │   │   ├── PlanExcludes          403: the organisation's plan lacks the feature
    │   │   ├── QuotaReached          403: the project's quota is used up
    │   │   ├── PermissionMissing     403: the API key's role lacks the permission
    │   │   └── DeletionProtected     403: the index has deletion protection
    │   ├── NotFound                  404
    │   ├── Conflict                  409
    │   ├── PreconditionFailed        412: a restore is pending, or a backup is not complete
    │   ├── RequestInvalid            400, 413 and 422
    │   ├── RateLimited               429 after all retries
    │   ├── Unavailable               5xx, refused connection or timeout; nothing took effect
    │   ├── OutcomeUnknown            a write may have taken effect: look before asking again
    │   └── AnswerMalformed           the answer is not what the API promises
    ├── ListingIncomplete             a listing could not be trusted to its end (rule N2)
    ├── LedgerError                   the ledger could not be read or written
    │   ├── LedgerUnavailable         DynamoDB did not answer, or refused
    │   ├── LedgerConflict            a conditional write lost against another writer
    │   ├── ItemUnreadable            one item cannot be read (rule U2)
    │   └── LeaseHeld                 another run holds the lease
    ├── EvidenceBroken                what is stored as evidence does not continue the chain
    ├── StoreUnavailable              S3, EventBridge, SQS or Secrets Manager did not answer
    ├── RunFailed                     one or more projects of a run failed (details in the ledger)
    └── DeliveryError                 a webhook message was not delivered
        ├── DeliveryDeferred          try again later (with the delay, where the provider gave one)
        └── DeliveryRefused           never try this message again
            └── TargetGone            410: the target wants no message any more

An error's text says what happened, to what, and what the operator can do next. It never
carries a secret, a webhook URL or an upstream response body.
"""

from __future__ import annotations


class BackupError(Exception):
    """Base of all our errors.

    Attributes:
        problem: What happened, to what; one sentence without a trailing period.
        next_step: What the operator can do about it; empty when nothing is needed.
    """

    def __init__(self, problem: str, *, next_step: str = "") -> None:
        super().__init__(problem, next_step)
        self.problem = problem
        self.next_step = next_step

    def __str__(self) -> str:
        return f"{self.problem}. {self.next_step}".strip() if self.next_step else self.problem


class ConfigurationError(BackupError):
    """The deployment or one of its documents is not usable."""


class SettingsInvalid(ConfigurationError):
    """An environment variable is missing or malformed."""


class SecretNotSet(ConfigurationError):
    """A secret has no value yet, or does not exist."""


class SecretMalformed(ConfigurationError):
    """A secret's value is not what its reader expects."""


class PolicyMissing(ConfigurationError):
    """No policy document has been stored yet: nothing is created and nothing is deleted."""


class PolicyInvalid(ConfigurationError):
    """The policy document does not validate.

    Attributes:
        errors: Every error found, as ``(path in the document, what is wrong)``.
    """

    def __init__(self, errors: list[tuple[str, str]], *, policy_version: str = "") -> None:
        listed = "; ".join(f"{path or 'document'}: {reason}" for path, reason in errors)
        suffix = f" (version {policy_version})" if policy_version else ""
        super().__init__(
            f"The policy document{suffix} is invalid: {listed}",
            next_step="Correct the document and store it again; until then nothing is created "
            "or deleted.",
        )
        self.errors = errors


class RequestRejected(BackupError):
    """What the caller asked for cannot be done as asked."""


class EventMalformed(RequestRejected):
    """An event has not the shape of any trigger."""


class Superseded(RequestRejected):
    """A trigger's time is too old, too far ahead, or overtaken by a later run (rule T1)."""


class SubjectUnknown(RequestRejected):
    """The project, index, backup, hold, plan ... that was named does not exist here."""


class PolicyConflict(RequestRejected):
    """The policy in force is not the version that the caller read; nothing was stored."""


class RuleForbids(RequestRejected):
    """A rule forbids the operation.

    Attributes:
        rule: The rule's short name, for example ``held`` or ``newest good``.
    """

    def __init__(self, problem: str, *, rule: str, next_step: str) -> None:
        super().__init__(problem, next_step=next_step)
        self.rule = rule


class ApprovalRefused(RequestRejected):
    """The approval does not fit the plan any more (rule D4)."""


class PineconeError(BackupError):
    """Pinecone answered with an error, or not at all.

    Attributes:
        operation: Which operation, for example ``create_backup``.
        status: The HTTP status, or None when there was no answer.
        request_id: Pinecone's request id, where it sent one.
    """

    def __init__(
        self,
        problem: str,
        *,
        next_step: str = "",
        operation: str = "",
        status: int | None = None,
        request_id: str | None = None,
    ) -> None:
        super().__init__(problem, next_step=next_step)
        self.operation = operation
        self.status = status
        self.request_id = request_id


class KeyRejected(PineconeError):
    """401, also after the secret was read once more."""


class PaymentRequired(PineconeError):
    """402: the account has unpaid invoices."""


class Forbidden(PineconeError):
    """403 of unknown meaning."""


class PlanExcludes(Forbidden):
    """403: the organisation's plan does not include the feature."""


class QuotaReached(Forbidden):
    """403: the project's quota is used up."""


class PermissionMissing(Forbidden):
    """403: the API key's role lacks the permission."""


class DeletionProtected(Forbidden):
    """403: the index has deletion protection."""


class NotFound(PineconeError):
    """404: the thing does not exist (any more)."""


class Conflict(PineconeError):
    """409: the name is taken, or another schedule is enabled."""


class PreconditionFailed(PineconeError):
    """412: a restore job is pending for the backup, or the backup is not complete."""


class RequestInvalid(PineconeError):
    """400, 413 or 422: asking again in the same way is useless."""


class RateLimited(PineconeError):
    """429, also after all retries."""


class Unavailable(PineconeError):
    """5xx, no connection or a timeout on a call that had no effect."""


class OutcomeUnknown(PineconeError):
    """A write may or may not have taken effect: look before asking again (rule C3)."""


class AnswerMalformed(PineconeError):
    """The answer is not what the API promises."""


class ListingIncomplete(BackupError):
    """A listing could not be read to its end, or two walks disagreed (rule N2)."""


class LedgerError(BackupError):
    """The ledger could not be read or written."""


class LedgerUnavailable(LedgerError):
    """DynamoDB did not answer, or refused."""


class LedgerConflict(LedgerError):
    """A conditional write lost against another writer."""


class ItemUnreadable(LedgerError):
    """One item of the ledger is not what this version of the product writes (rule U2)."""


class LeaseHeld(LedgerError):
    """Another run holds the lease of this project."""


class EvidenceBroken(BackupError):
    """What is stored as evidence does not continue the chain: it was changed."""


class StoreUnavailable(BackupError):
    """S3, EventBridge, SQS, KMS or Secrets Manager did not answer, or refused."""


class RunFailed(BackupError):
    """One or more projects of a run failed; each one's reason is in its run record."""


class DeliveryError(BackupError):
    """A webhook message was not delivered."""


class DeliveryDeferred(DeliveryError):
    """Try the message again later.

    Attributes:
        retry_after: Seconds the provider asked us to wait, or None.
    """

    def __init__(
        self, problem: str, *, next_step: str = "", retry_after: float | None = None
    ) -> None:
        super().__init__(problem, next_step=next_step)
        self.retry_after = retry_after


class DeliveryRefused(DeliveryError):
    """The target will never take this message."""


class TargetGone(DeliveryRefused):
    """410: the target wants no message any more, until its definition changes."""
