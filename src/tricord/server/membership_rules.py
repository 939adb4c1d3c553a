# SPDX-License-Identifier: Apache-2.0
"""Which changes of the members would endanger the cluster, and are refused before the core is asked.

As etcd's strict reconfiguration check: of the voters after a change, those whose process once joined must be a quorum,
and those that are steady as well: heard of lately, and connected for as long as the configuration asks. Unlike etcd's,
a learner may be added where one voter of three is down: it costs no quorum, and may be what is to replace that one.
What is impossible altogether (an unknown member, the last voter, two changes at once) the core refuses.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from urllib.parse import urlsplit

from tricord.base.errors import MembershipRefused
from tricord.base.members import MemberInfo, MemberRecord, decode_member_info
from tricord.base.membership import Configuration

IsActive = Callable[[int], bool]
IsSteady = Callable[[int], bool]


def member_info(configuration: Configuration, member: int) -> MemberInfo:
    """What the configuration keeps about the member; nothing when it keeps nothing."""
    data = configuration.info.get(member)
    return decode_member_info(data) if data else MemberInfo("", [], [])


def records(configuration: Configuration) -> list[MemberRecord]:
    """The members, ascending by id."""
    found = []
    for member in configuration.members():
        info = member_info(configuration, member)
        learner = configuration.is_learner(member)
        found.append(MemberRecord(member, info.name, list(info.peer_urls), list(info.client_urls), learner))
    return found


def check_known(configuration: Configuration, member: int) -> None:
    """Raises MembershipRefused where there is no such member."""
    if member not in configuration.members():
        raise MembershipRefused("no such member", reason="unknown_member")


def check_urls(configuration: Configuration, peer_urls: list[str], *, but: int = 0) -> None:
    """Peers must be able to dial them, and they must be nobody else's. ``but`` is the member that may have them."""
    if not peer_urls:
        raise MembershipRefused("a member needs the URL of its peer port", reason="bad_urls")
    for url in peer_urls:
        parts = urlsplit(url)
        try:
            fits = parts.scheme in ("http", "https") and bool(parts.hostname) and bool(parts.port)
        except ValueError:
            fits = False
        if not fits or parts.path not in ("", "/") or parts.query or parts.fragment or parts.username:
            raise MembershipRefused(f"{url!r} is no URL of a peer: write http://HOST:PORT", reason="bad_urls")
    for member in configuration.members():
        taken = set(member_info(configuration, member).peer_urls) & set(peer_urls)
        if taken and member != but:
            raise MembershipRefused(f"{min(taken)} belongs to another member", reason="peer_url_exists")


def check_room_for_learner(configuration: Configuration, learners_max: int) -> None:
    """There is room for one more."""
    count = len(configuration.learners) + len(configuration.learners_next)
    if count >= learners_max:
        raise MembershipRefused(
            f"there are {count} learners, and at most {learners_max} may be: promote or remove one first",
            reason="too_many_learners",
        )


def check_add_learner(configuration: Configuration, is_steady: IsSteady) -> None:
    """The cluster is not just finding itself."""
    _check_steady(configuration, configuration.voters, len(configuration.voters), is_steady)


def check_add_voter(configuration: Configuration, is_steady: IsSteady) -> None:
    """The new one counts at once, and lives only later."""
    voters = configuration.voters
    started = [voter for voter in voters if _has_started(configuration, voter)]
    if len(voters) == 1 and len(started) == 1:
        return
    _check_started(len(started), len(voters) + 1)
    _check_steady(configuration, voters, len(voters) + 1, is_steady)


def check_is_learner(configuration: Configuration, member: int) -> None:
    """It can be promoted."""
    check_known(configuration, member)
    if not configuration.is_learner(member):
        raise MembershipRefused("the member is no learner", reason="not_a_learner")


def check_promote(configuration: Configuration, member: int) -> None:
    """The learner becomes one of the voters, and lives."""
    check_is_learner(configuration, member)
    if not _has_started(configuration, member):
        raise MembershipRefused("the learner has not started yet: it holds nothing", reason="learner_behind")
    started = [voter for voter in configuration.voters if _has_started(configuration, voter)]
    _check_started(len(started) + 1, len(configuration.voters) + 1)


def check_is_not_last(configuration: Configuration, member: int) -> None:
    """Somebody who votes stays."""
    check_known(configuration, member)
    if configuration.voters == (member,):
        raise MembershipRefused("a cluster needs a voter", reason="last_voter")


def check_remove(configuration: Configuration, member: int, is_active: IsActive, is_steady: IsSteady) -> None:
    """Those who stay must be a quorum of themselves without it; nobody is none."""
    check_known(configuration, member)
    if member not in configuration.voters:
        return
    staying = [voter for voter in configuration.voters if voter != member]
    _check_started(sum(_has_started(configuration, voter) for voter in staying), len(staying))
    if is_active(member):
        _check_steady(configuration, staying, len(staying), is_steady)


def check_replace(configuration: Configuration, old: int, new: int, is_active: IsActive) -> None:
    """Throughout the joint change one failure must leave a quorum of both sets; where the old member is silent, that is
    the one. One or two voters never survive a failure: there all must be heard."""
    check_known(configuration, old)
    check_known(configuration, new)
    if not configuration.is_learner(new):
        raise MembershipRefused("the new member must be a learner first", reason="not_a_learner")
    if old not in configuration.voters:
        raise MembershipRefused("the old member has no vote: remove it, and promote the new one", reason="not_a_voter")
    staying = [voter for voter in configuration.voters if voter != old]
    after = [*staying, new]
    _check_started(sum(_has_started(configuration, voter) for voter in after), len(after))
    silent = [member for member in (*configuration.voters, new) if not is_active(member)]
    both = (configuration.voters, after)
    spare = min(sum(map(is_active, voters)) - (len(voters) // 2 + 1) for voters in both)
    needed = 1 if is_active(old) and len(after) > 2 else 0
    if not is_active(new) or spare < needed:
        raise MembershipRefused(
            f"{_names(configuration, silent)} was not heard of lately: one more failure could cost the quorum",
            reason="unhealthy",
        )


def _has_started(configuration: Configuration, member: int) -> bool:
    """Whether a data directory ever claimed the member."""
    return member_info(configuration, member).incarnation != 0


def _check_started(started: int, voters: int) -> None:
    quorum = voters // 2 + 1
    if started < quorum:
        raise MembershipRefused(
            f"of {voters} voters {started} have started, and a quorum is {quorum}", reason="not_enough_started"
        )


def _check_steady(configuration: Configuration, voters: Sequence[int], size: int, is_steady: IsSteady) -> None:
    """Of a cluster of ``size``, in which these are, a quorum is steady."""
    unsteady = [voter for voter in voters if not is_steady(voter)]
    if len(voters) - len(unsteady) < size // 2 + 1:
        raise MembershipRefused(
            f"{_names(configuration, unsteady)} was not heard of lately, or not for long: too few could be left",
            reason="unhealthy",
        )


def _names(configuration: Configuration, members: Sequence[int]) -> str:
    return ", ".join(member_info(configuration, member).name or f"{member:x}" for member in members)
