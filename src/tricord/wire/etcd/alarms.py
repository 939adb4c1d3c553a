# SPDX-License-Identifier: Apache-2.0
"""AlarmChange <-> etcd's AlarmRequest, DowngradeChange <-> DowngradeRequest: also their bodies in the log."""

from __future__ import annotations

from google.protobuf.message import DecodeError

from tricord.base.alarms import AlarmChange, AlarmKind
from tricord.base.downgrading import DowngradeChange
from tricord.base.errors import InvalidRequest, MalformedMessage
from tricord.base.levels import Level
from tricord.wire.schemas import maintenance

ACTIVATE = maintenance.AlarmRequest.ACTIVATE
DEACTIVATE = maintenance.AlarmRequest.DEACTIVATE


def alarm_message(request: AlarmChange) -> maintenance.AlarmRequest:
    """The message."""
    return maintenance.AlarmRequest(
        action=ACTIVATE if request.raised else DEACTIVATE, memberID=request.member, alarm=request.kind
    )


def alarm_change(message: maintenance.AlarmRequest) -> AlarmChange:
    """The change that the message asks for. Raises InvalidRequest where it asks for none, or for no alarm there is."""
    if message.action not in (ACTIVATE, DEACTIVATE):
        raise InvalidRequest(f"alarm action {message.action} is not known")
    try:
        kind = AlarmKind(message.alarm)
    except ValueError:
        raise InvalidRequest(f"alarm {message.alarm} is not known") from None
    return AlarmChange(message.memberID, kind, message.action == ACTIVATE)


def decode_alarm(data: bytes) -> tuple[AlarmChange, Level]:
    """An AlarmRequest that changes something. Raises MalformedMessage, InvalidRequest."""
    try:
        message = maintenance.AlarmRequest.FromString(data)
    except DecodeError as error:
        raise MalformedMessage(str(error)) from None
    return alarm_change(message), Level.LINEARIZABLE


def downgrade_message(request: DowngradeChange) -> maintenance.DowngradeRequest:
    """The message."""
    if not request.target:
        return maintenance.DowngradeRequest(action=maintenance.DowngradeRequest.CANCEL)
    return maintenance.DowngradeRequest(action=maintenance.DowngradeRequest.ENABLE, version=request.target)


def decode_downgrade(data: bytes) -> tuple[DowngradeChange, Level]:
    """A DowngradeRequest that changes something. Raises MalformedMessage, InvalidRequest."""
    try:
        message = maintenance.DowngradeRequest.FromString(data)
    except DecodeError as error:
        raise MalformedMessage(str(error)) from None
    if message.action == maintenance.DowngradeRequest.ENABLE and message.version:
        return DowngradeChange(message.version), Level.LINEARIZABLE
    if message.action == maintenance.DowngradeRequest.CANCEL:
        return DowngradeChange(""), Level.LINEARIZABLE
    raise InvalidRequest("no version to go back to is set or taken away")
