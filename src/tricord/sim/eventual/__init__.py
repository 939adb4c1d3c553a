# SPDX-License-Identifier: Apache-2.0
"""Replicas of an eventual keyspace in virtual time, with faults, and what has to hold afterwards."""
