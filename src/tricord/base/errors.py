# SPDX-License-Identifier: Apache-2.0
"""Every error of tricord: one tree, each with a stable code, whether a retry can help, and what to do.

```
TricordError
|-- InvalidRequest          the caller must change the request
|   |-- KeyNotProvided, KeyAbsent, ValueProvided, LeaseProvided, DuplicateKey, TooManyOperations,
|   |   InvalidSortOption, RequestTooLarge, MalformedMessage
|   |-- LeaseExists, KeyspaceExists
|   |-- MalformedEncoding   bytes of a vector, a context, a delta or a value:  UnknownType
|   |-- ReadContextDamaged
|   |-- InvalidToken        TokenDamaged, TokenOfAnotherCluster, TokenOfAnotherHistory, TokenTooLarge
|   |-- TypeMismatch        a key holds another type than the write is for
|   |-- NestedTooDeep, CounterOverflow
|   |-- NotOfThisModel      the keyspace's model cannot promise what was asked for: nothing was done
|   |-- ChangedMeanwhile    a key is not as the writer had read it: nothing was written
|   |-- EdgeOfAnotherCluster
|   |-- OutOfRange          RevisionCompacted, RevisionInFuture, LeaseTimeToLiveTooLarge
|   `-- NotFound            LeaseNotFound, KeyspaceNotFound
|-- PermissionDenied
|-- ResourceExhausted       NoSpace, TooManyRequests, ResponseTooLarge, SiblingLimit, KeyTooLarge, TooManyEdges
|-- MembershipRefused       a change of the members that the cluster's state forbids; nothing was done
|-- NotForLearners
|-- CorruptCluster          an alarm says that members differ: nothing is written
|-- WrongMember             this data directory is not, or no longer, one of the cluster's
|   `-- MemberRemoved       the others say that its time there is over
|-- Unavailable             NoLeader, Stopping, ConnectionFailed, TokenAhead, BoundNotMet, ReplicaCatchingUp,
|                           EdgeInUse
|-- ReplicaRetired          the others take nothing from it any more
|-- DeadlineExceeded        the outcome is known: nothing was done (reads, or a write never sent)
|-- TooFewReplicas          of an eventual keyspace: a write stands where it was made, and fewer have it than asked for
|-- Cancelled
|-- OutcomeUnknown          a write may or may not have happened
|-- LeaseLost               what was held is not, or will soon not be:  LockLost, LeadershipLost
|-- GuardFailed             the lock that was to guard a write is not held any more: nothing was written
|-- Unimplemented
|-- ServerFault             the peer answered something else; its text is kept
|-- ConfigurationError
`-- StorageError            DataDirectoryInUse, CorruptData, NewerFormat, DiskFull, DiskFault, EntriesLost,
                            MalformedCommand, ApplyFailed
```
"""

from __future__ import annotations

from typing import ClassVar


class TricordError(Exception):
    """The root. ``str(error)`` says what happened; ``hint`` says what to do; ``code`` never changes."""

    code: ClassVar[str] = "error"
    retryable: ClassVar[bool] = False
    summary: ClassVar[str] = "something went wrong"
    hint: ClassVar[str] = "read the message; report it if it makes no sense"

    def __init__(self, text: str = "") -> None:
        super().__init__(text or self.summary)


class InvalidRequest(TricordError):
    code = "invalid_request"
    summary = "the request is not valid"
    hint = "change the request as the message says"


class KeyNotProvided(InvalidRequest):
    code = "key_not_provided"
    summary = "key is not provided"
    hint = "give a key that is not empty"


class KeyAbsent(InvalidRequest):
    code = "key_absent"
    summary = "key not found"
    hint = "ignore_value and ignore_lease need a key that exists: put it first"


class ValueProvided(InvalidRequest):
    code = "value_provided"
    summary = "value is provided"
    hint = "leave the value out when ignore_value is set"


class LeaseProvided(InvalidRequest):
    code = "lease_provided"
    summary = "lease is provided"
    hint = "leave the lease out when ignore_lease is set"


class DuplicateKey(InvalidRequest):
    code = "duplicate_key"
    summary = "duplicate key given in txn request"
    hint = "write each key at most once in a branch of a transaction"


class TooManyOperations(InvalidRequest):
    code = "too_many_operations"
    summary = "too many operations in txn request"
    hint = "split the transaction, or raise max_txn_operations on the member"


class InvalidSortOption(InvalidRequest):
    code = "invalid_sort_option"
    summary = "invalid sort option"
    hint = "use a sort order and target of the API"


class RequestTooLarge(InvalidRequest):
    code = "request_too_large"
    summary = "request is too large"
    hint = "split it, or raise max_request_bytes on the member"


class MalformedMessage(InvalidRequest):
    """The bytes are not a message of the expected type."""

    code = "malformed_message"
    summary = "the message is not valid protobuf"
    hint = "check the client library: it sent bytes that do not parse"


class MalformedEncoding(InvalidRequest):
    """Bytes of tricord's own formats that no tricord of this version writes: damaged, hostile, or of a newer one."""

    code = "malformed_encoding"
    summary = "the bytes are not what this version writes"
    hint = "send the bytes as they were received; if a newer version wrote them, run that version"


class UnknownType(MalformedEncoding):
    code = "unknown_type"
    summary = "the data has a type that this version does not know"
    hint = "run the version that wrote it, or a newer one; what was written is kept"


class ReadContextDamaged(InvalidRequest):
    code = "read_context_damaged"
    summary = "the context of the read is damaged"
    hint = "read the key again, and give its context back as it came"


class InvalidToken(InvalidRequest):
    code = "invalid_token"
    summary = "the token is not valid"
    hint = "go on without the token, or with one from an answer of this cluster; the request was not carried out"


class TokenDamaged(InvalidToken):
    code = "token_damaged"
    summary = "the token is damaged"


class TokenOfAnotherCluster(InvalidToken):
    code = "token_of_another_cluster"
    summary = "the token is of another cluster"


class TokenOfAnotherHistory(InvalidToken):
    code = "token_of_another_history"
    summary = "the token is older than the restore of the cluster"
    hint = "what the token speaks of may be gone: start a new session and read again"


class TokenTooLarge(InvalidToken):
    code = "token_too_large"
    summary = "the token is too large"


class TypeMismatch(InvalidRequest):
    code = "type_mismatch"
    summary = "the key holds another type"
    hint = "use the type that the key has, or remove the key first"


class NestedTooDeep(InvalidRequest):
    code = "nested_too_deep"
    summary = "maps are nested too deeply"
    hint = "use fewer levels of maps in maps"


class NotOfThisModel(InvalidRequest):
    """Never a weaker answer: a level, a transaction, a revision... that the keyspace's model does not have."""

    code = "not_of_this_model"
    summary = "the keyspace's model cannot promise this"
    hint = "use what the message names, or a keyspace of the model that promises it; nothing was done"


class ChangedMeanwhile(InvalidRequest):
    """Of a strong keyspace, whose writes are one after the other; elsewhere both values are kept."""

    code = "changed_meanwhile"
    summary = "the key was changed since it was read"
    hint = "nothing was written: read the key again, and decide anew"


class CounterOverflow(InvalidRequest):
    code = "counter_overflow"
    summary = "what one replica added to a counter does not fit 64 bits"
    hint = "remove the key to start at 0 again, or add less"


class OutOfRange(InvalidRequest):
    code = "out_of_range"
    summary = "a revision is out of range"
    hint = "read at a revision that exists"


class RevisionCompacted(OutOfRange):
    """``compacted`` is the oldest revision that is still there, where the store says so (a watch's end does)."""

    code = "revision_compacted"
    summary = "required revision has been compacted"
    hint = "name a newer revision, or none"

    def __init__(self, text: str = "", *, compacted: int = 0) -> None:
        super().__init__(text)
        self.compacted = compacted


class RevisionInFuture(OutOfRange):
    code = "revision_in_future"
    summary = "required revision is a future revision"
    hint = "name a revision that was already written"


class NotFound(InvalidRequest):
    code = "not_found"
    summary = "not found"
    hint = "check the name"


class LeaseNotFound(NotFound):
    code = "lease_not_found"
    summary = "requested lease not found"
    hint = "the lease ended or never was: grant a new one"


class KeyspaceNotFound(NotFound):
    code = "keyspace_not_found"
    summary = "no such keyspace"
    hint = "check the name: `tricord keyspace list` shows all"


class KeyspaceExists(InvalidRequest):
    code = "keyspace_exists"
    summary = "a keyspace of that name exists already"
    hint = "use it as it is, take another name, or drop it first"


class LeaseExists(InvalidRequest):
    code = "lease_exists"
    summary = "lease already exists"
    hint = "leave the id out: the member chooses one that is free"


class LeaseTimeToLiveTooLarge(OutOfRange):
    code = "lease_time_to_live_too_large"
    summary = "too large lease TTL"
    hint = "ask for at most 9,000,000,000 seconds, or use no lease"


class PermissionDenied(TricordError):
    code = "permission_denied"
    summary = "permission denied"
    hint = "ask for a role that grants this"


class MembershipRefused(TricordError):
    """``reason`` is the name of a ``raft.output.Refusal`` in lower case, or one of the server's own."""

    code = "membership_refused"
    summary = "the change of the members is refused"
    hint = "see the message; nothing was changed"

    def __init__(self, text: str = "", *, reason: str = "") -> None:
        super().__init__(text)
        self.reason = reason


class NotForLearners(TricordError):
    code = "not_for_learners"
    summary = "a learner does not answer this"
    hint = "ask a member that votes, or read at the level any"


class WrongMember(TricordError):
    """Raised at a start, or when the others say so: this member must not go on."""

    code = "wrong_member"
    summary = "this member does not belong to the cluster"
    hint = "a member whose data is gone, or that was removed, comes back under a new id: `tricord member add`"


class MemberRemoved(WrongMember):
    """Raised where the others say so: this member's time in the cluster is over."""

    code = "member_removed"
    summary = "this member was removed from the cluster"


class ResourceExhausted(TricordError):
    code = "resource_exhausted"
    summary = "a limit was reached"
    hint = "slow down, or raise the limit named in the message"


class NoSpace(ResourceExhausted):
    code = "no_space"
    summary = "database space exceeded"
    hint = "delete and compact, raise the quota, or make room on the member's disk; reads and deletes still work"


class TooManyRequests(ResourceExhausted):
    code = "too_many_requests"
    retryable = True
    summary = "too many requests"
    hint = "retry after a pause: the member's queue of uncommitted requests is full"


class ResponseTooLarge(ResourceExhausted):
    code = "response_too_large"
    summary = "the answer is larger than the limit"
    hint = "read in pages with limit"


class SiblingLimit(ResourceExhausted):
    code = "sibling_limit"
    summary = "the key has too many concurrent values"
    hint = "read the key, and write with the context of what was read: that replaces all of it"


class KeyTooLarge(ResourceExhausted):
    code = "key_too_large"
    summary = "the key holds too much"
    hint = "take some of it away, or spread it over several keys with a common prefix"


class TooManyEdges(ResourceExhausted):
    code = "too_many_edges"
    summary = "the keyspace has as many edges as it can have"
    hint = "retire edges that are not used any more; what this one writes is kept, and goes out when there is room"


class CorruptCluster(TricordError):
    code = "corrupt_cluster"
    summary = "corrupt cluster"
    hint = "see which member's alarm is raised, replace that member, and clear the alarm"


class Unavailable(TricordError):
    code = "unavailable"
    retryable = True
    summary = "the service is not available"
    hint = "retry after a pause, or against another endpoint"


class TokenAhead(Unavailable):
    code = "token_ahead"
    summary = "this member does not have what the token has seen, and did not get it in time"
    hint = "retry, with a longer timeout or against another endpoint; if all say so, those writes are lost"


class BoundNotMet(Unavailable):
    code = "bound_not_met"
    summary = "no answer is fresh enough for the bound that was asked for"
    hint = "a majority of the members must be reachable; retry, or ask for a wider bound"


class NoLeader(Unavailable):
    code = "no_leader"
    summary = "no leader"
    hint = "a majority of the members must be reachable; retry"


class Stopping(Unavailable):
    code = "stopping"
    summary = "server stopped"
    hint = "the member is shutting down: use another endpoint"


class ConnectionFailed(Unavailable):
    code = "connection_failed"
    summary = "could not connect"
    hint = "check the endpoint and that a member listens there"


class ReplicaCatchingUp(Unavailable):
    code = "replica_catching_up"
    summary = "the replica is taking over the state of another one"
    hint = "retry after a pause, or at another replica"


class EdgeInUse(Unavailable):
    code = "edge_in_use"
    summary = "another process is connected as this edge"
    hint = (
        "a copy of an edge's directory is the same edge: close the other process, or open an empty directory here;"
        " after a crash wait some seconds"
    )


class ReplicaRetired(TricordError):
    code = "replica_retired"
    summary = "the replica was retired or has left, and its id is not used again"
    hint = "join under a new id: what was written and not sent yet is kept and sent then"


class EdgeOfAnotherCluster(InvalidRequest):
    code = "edge_of_another_cluster"
    summary = "the edge's data is of another cluster, or of another history of this one"
    hint = "name the endpoints of its own cluster; or open another directory, and write again what was unsent"


class DeadlineExceeded(TricordError):
    code = "deadline_exceeded"
    retryable = True
    summary = "deadline exceeded"
    hint = "nothing was changed: retry, perhaps with a longer timeout"


class TooFewReplicas(TricordError):
    """Of an eventual keyspace: fewer replicas than asked for answered in time. A write stands where it was made."""

    code = "too_few_replicas"
    retryable = False
    summary = "fewer replicas than asked for answered in time"
    hint = "ask for fewer, or wait until more can be reached; a write stands all the same, and will reach the others"


class Cancelled(TricordError):
    code = "cancelled"
    summary = "the call was cancelled"
    hint = "the caller gave up"


class OutcomeUnknown(TricordError):
    code = "outcome_unknown"
    summary = "the write may or may not have happened"
    hint = "read the key to find out before writing again"


class LeaseLost(TricordError):
    """Told before the lease ends, by this process's own clock: it cannot be sure any more that it is renewed."""

    code = "lease_lost"
    summary = "the lease is lost"
    hint = "stop what relied on it; a new lease can be had"


class LockLost(LeaseLost):
    code = "lock_lost"
    summary = "the lock is lost"
    hint = "stop what it protected; what is written with guarded_by= is refused once another has it"


class LeadershipLost(LeaseLost):
    code = "leadership_lost"
    summary = "this candidate does not lead"
    hint = "stop what only a leader does; campaign again"


class GuardFailed(TricordError):
    code = "guard_failed"
    summary = "the guard does not hold: the lock's key is gone, or was made anew by another"
    hint = "nothing was written; stop, and acquire the lock again"


class Unimplemented(TricordError):
    code = "unimplemented"
    summary = "not implemented"
    hint = "this member does not offer the call"


class ServerFault(TricordError):
    code = "server_fault"
    summary = "the server failed"
    hint = "see the server's log"


class ConfigurationError(TricordError):
    code = "configuration"
    summary = "the configuration is not valid"
    hint = "correct the setting that the message names"


class StorageError(TricordError):
    code = "storage"
    summary = "the data directory cannot be used"
    hint = "see the message; the data was left as it was"


class DataDirectoryInUse(StorageError):
    code = "data_directory_in_use"
    summary = "another process uses the data directory"
    hint = "stop that process, or choose another directory"


class CorruptData(StorageError):
    """Data that was durable reads differently now. ``path`` and ``offset`` (bytes) say where."""

    code = "corrupt_data"
    summary = "stored data is damaged"
    hint = "restore the member from a snapshot or from its peers; nothing was served from the damaged file"

    def __init__(self, path: str, offset: int, text: str) -> None:
        super().__init__(f"{path}: damaged at offset {offset}: {text}")
        self.path = path
        self.offset = offset


class NewerFormat(StorageError):
    code = "newer_format"
    summary = "the data was written by a newer version"
    hint = "run the version that wrote it, or a newer one"


class DiskFull(StorageError):
    code = "disk_full"
    summary = "no space left on the disk"
    hint = "free some space; the member answers reads and resumes writes when there is room"


class DiskFault(StorageError):
    code = "disk_fault"
    summary = "the disk failed"
    hint = "the member stopped rather than lose a write: check the disk and start it again"


class EntriesLost(StorageError):
    """The leader knows of log entries that this member acknowledged and has no more."""

    code = "entries_lost"
    summary = "log entries that this member had acknowledged are gone"
    hint = (
        "its disk is an older copy, or lost what was synced: replace the member, and do not start it on that data again"
    )


class MalformedCommand(StorageError):
    code = "malformed_command"
    summary = "a logged command cannot be read"
    hint = "the log is damaged, or a newer version wrote it: run that version"


class ApplyFailed(StorageError):
    code = "apply_failed"
    summary = "a log entry could not be applied"
    hint = "the member stopped before the entry had any effect: report it with the message, or run a newer version"
