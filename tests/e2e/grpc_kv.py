# SPDX-License-Identifier: Apache-2.0
"""etcd's KV by grpcio: a client that shares no transport with tricord, to judge it from outside."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Self

import grpc

from tricord.wire.schemas import kv

ANSWER_SECONDS = 60.0
"""A bound on a hang, not on a busy machine."""


def code(error: grpc.RpcError) -> grpc.StatusCode:
    """The status of a failed call."""
    status: grpc.StatusCode = error.code()
    return status


class GrpcKv:
    """``with GrpcKv("127.0.0.1:2379") as store: store.put(kv.PutRequest(...))``. Failures are grpc.RpcError."""

    def __init__(self, endpoint: str, **options: int) -> None:
        settings = [(f"grpc.{name}", value) for name, value in {"use_local_subchannel_pool": 1, **options}.items()]
        self.channel = grpc.insecure_channel(endpoint, options=settings)
        self._range = self._method("Range", kv.RangeResponse)
        self._put = self._method("Put", kv.PutResponse)
        self._delete_range = self._method("DeleteRange", kv.DeleteRangeResponse)
        self._txn = self._method("Txn", kv.TxnResponse)
        self._compact = self._method("Compact", kv.CompactionResponse)

    def _method(self, name: str, response: Any) -> Any:
        return self.channel.unary_unary(
            f"/etcdserverpb.KV/{name}",
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=response.FromString,
        )

    def range(self, request: kv.RangeRequest) -> kv.RangeResponse:
        return self._range(request, timeout=ANSWER_SECONDS)  # type: ignore[no-any-return]

    def put(self, request: kv.PutRequest, timeout: float = ANSWER_SECONDS) -> kv.PutResponse:
        return self._put(request, timeout=timeout)  # type: ignore[no-any-return]

    def delete_range(self, request: kv.DeleteRangeRequest) -> kv.DeleteRangeResponse:
        return self._delete_range(request, timeout=ANSWER_SECONDS)  # type: ignore[no-any-return]

    def txn(self, request: kv.TxnRequest) -> kv.TxnResponse:
        return self._txn(request, timeout=ANSWER_SECONDS)  # type: ignore[no-any-return]

    def compact(self, request: kv.CompactionRequest) -> kv.CompactionResponse:
        return self._compact(request, timeout=ANSWER_SECONDS)  # type: ignore[no-any-return]

    def raw(self, path: str, message: bytes) -> bytes:
        """Send bytes as they are to any method."""
        return self.channel.unary_unary(path)(message, timeout=ANSWER_SECONDS)  # type: ignore[no-any-return]

    def close(self) -> None:
        self.channel.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
