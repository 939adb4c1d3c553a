# SPDX-License-Identifier: Apache-2.0
"""Messages that did not parse, in grpc-go's words: the same at every door."""

from __future__ import annotations

from tricord.wire.grpc.status import GrpcError, Status


def malformed(error: Exception) -> GrpcError:
    """The request's bytes did not parse."""
    return GrpcError(Status.INTERNAL, f"grpc: error unmarshalling request: {error}")


def malformed_in_stream(error: Exception) -> GrpcError:
    """As ``malformed``, of a message of a stream."""
    return GrpcError(Status.INTERNAL, f"grpc: failed to unmarshal the received message: {error}")
