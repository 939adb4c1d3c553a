# SPDX-License-Identifier: Apache-2.0
"""The applier of AlarmChange."""

from __future__ import annotations

from tricord.base.alarms import AlarmChange, AlarmChangeResult
from tricord.base.errors import ResourceExhausted
from tricord.statemachine.alarms import ALARMS_MAX, Alarms
from tricord.statemachine.validation import check_alarm


def apply_alarm(alarms: Alarms, request: AlarmChange) -> tuple[Alarms, AlarmChangeResult]:
    """The alarms after the change. Raises InvalidRequest; ResourceExhausted where there are too many.

    What a measure clears is only what a measure raised: an alarm that a person raised stays until a person clears it.
    """
    check_alarm(request)
    name = request.member, request.kind
    raised = name in alarms
    if request.raised == raised or (not request.raised and request.automatic and not alarms[name]):
        return alarms, AlarmChangeResult(False)
    after = dict(alarms)
    if request.raised:
        if len(alarms) >= ALARMS_MAX:
            raise ResourceExhausted(f"{ALARMS_MAX} alarms are raised already: clear some first")
        after[name] = request.automatic
    else:
        del after[name]
    return after, AlarmChangeResult(True)
