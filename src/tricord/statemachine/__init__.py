# SPDX-License-Identifier: Apache-2.0
"""Commands, and what they do: a pure function of the log.

A command is an envelope and a request's bytes. ``StateMachine.apply`` decodes it, lets the operation's applier decide
on the store as it is, and then records the effects, which cannot fail. No clock, no randomness, no size of a disk takes
part, so members that applied the same entries hold the same data.
"""
