# SPDX-License-Identifier: Apache-2.0
"""Sockets of gossip: packets by UDP or, where UDP does not pass, by TCP; and streams of one request and one answer."""
