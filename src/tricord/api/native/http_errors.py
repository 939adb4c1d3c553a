# SPDX-License-Identifier: Apache-2.0
"""Errors of the HTTP API: ``{"code": ..., "message": ..., "hint": ..., "retryable": ...}`` with a status that fits."""

from __future__ import annotations

from tricord.api.native.json_text import write
from tricord.base import errors
from tricord.base.errors import TricordError
from tricord.wire.http.routes import HttpResponse

JSON: tuple[bytes, bytes] = (b"content-type", b"application/json")

HTTP_STATUS: dict[type[TricordError], int] = {
    errors.TricordError: 500,
    errors.InvalidRequest: 400,
    errors.RequestTooLarge: 413,
    errors.KeyspaceExists: 409,
    errors.TypeMismatch: 409,
    errors.UnknownType: 409,
    errors.NotOfThisModel: 409,
    errors.TokenOfAnotherCluster: 409,
    errors.TokenOfAnotherHistory: 409,
    errors.ChangedMeanwhile: 412,
    errors.NotFound: 404,
    errors.PermissionDenied: 403,
    errors.ResourceExhausted: 429,
    errors.NoSpace: 507,
    errors.SiblingLimit: 409,
    errors.KeyTooLarge: 409,
    errors.ResponseTooLarge: 400,
    errors.MembershipRefused: 409,
    errors.NotForLearners: 503,
    errors.WrongMember: 503,
    errors.DiskFull: 507,
    errors.Unavailable: 503,
    errors.ReplicaRetired: 503,
    errors.DeadlineExceeded: 504,
    errors.TooFewReplicas: 504,
    errors.OutcomeUnknown: 504,
    errors.Unimplemented: 501,
    errors.StorageError: 503,
}
"""An error's nearest ancestor speaks for it."""


def error_to_json(error: TricordError) -> dict[str, object]:
    """The error as an object."""
    return {"code": error.code, "message": str(error), "hint": error.hint, "retryable": error.retryable}


def status_of(error: TricordError) -> int:
    """The HTTP status of an error."""
    return next(HTTP_STATUS[ancestor] for ancestor in type(error).__mro__ if ancestor in HTTP_STATUS)


def refusal(error: TricordError) -> HttpResponse:
    """The answer that says it."""
    return HttpResponse(status_of(error), [JSON], write(error_to_json(error)))


def not_allowed(allowed: list[str]) -> HttpResponse:
    """The path is there, and not for this method."""
    methods = ", ".join(allowed)
    told = {
        "code": "method_not_allowed",
        "message": f"the path takes {methods}",
        "hint": "see /tricord/v1/openapi.json",
        "retryable": False,
    }
    return HttpResponse(405, [JSON, (b"allow", methods.encode())], write(told))
