# SPDX-License-Identifier: Apache-2.0
"""Whole members in one process with time that jumps: the same code on a simulated clock, network and disk."""
