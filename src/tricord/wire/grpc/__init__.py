# SPDX-License-Identifier: Apache-2.0
"""gRPC over HTTP/2 without IO: messages, metadata, deadlines, statuses, and calls as small state machines."""
