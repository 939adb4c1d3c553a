# SPDX-License-Identifier: Apache-2.0
"""Runs the scripts of ``cases`` against one endpoint, by grpcio and plain HTTP, and tells what it answered.

What may differ between two servers that behave alike is masked here, in one table, each entry with its reason.
"""

from __future__ import annotations

import json
import re
import ssl
from http.client import HTTPConnection, HTTPSConnection
from typing import Any

import grpc
from google.protobuf import json_format
from google.protobuf.message import Message

from tests.e2e.etcd.cases import At, Step, Steps, delete
from tricord.wire.schemas import cluster, health, kv, maintenance

SECONDS = 60.0

MESSAGES: dict[str, tuple[type[Message], type[Message]]] = {
    "Range": (kv.RangeRequest, kv.RangeResponse),
    "Put": (kv.PutRequest, kv.PutResponse),
    "DeleteRange": (kv.DeleteRangeRequest, kv.DeleteRangeResponse),
    "Txn": (kv.TxnRequest, kv.TxnResponse),
    "Compact": (kv.CompactionRequest, kv.CompactionResponse),
}
RAW: dict[str, type[Message]] = {
    **{f"/etcdserverpb.KV/{method}": response for method, (_, response) in MESSAGES.items()},
    "/etcdserverpb.Cluster/MemberList": cluster.MemberListResponse,
    "/etcdserverpb.Maintenance/Status": maintenance.StatusResponse,
    "/etcdserverpb.Maintenance/Alarm": maintenance.AlarmResponse,
    "/grpc.health.v1.Health/Check": health.HealthCheckResponse,
}

# Field -> why two servers may differ in it.
MASKED = {
    "cluster_id": "each cluster has its own",
    "member_id": "each member has its own",
    "raft_term": "elections before the script",
    "ID": "each member has its own",
    "leader": "each member has its own",
    "raftIndex": "what else the log holds is the server's affair",
    "raftAppliedIndex": "as raftIndex",
    "raftTerm": "elections before the script",
    "dbSize": "another storage engine",
    "dbSizeInUse": "another storage engine",
    "dbSizeQuota": "a setting",
    "name": "a setting",
    "peerURLs": "a port of its own",
    "clientURLs": "a port of its own",
}
REVISIONS = ("revision", "create_revision", "mod_revision")

# Texts of the parsers of protobuf and JSON: they are the library's, and grpc-gateway varies its own between builds.
PARSER_TEXTS = re.compile(
    r"^(grpc: (?:error unmarshalling request|failed to unmarshal the received message): ).*"
    r"|^(?:proto:|unexpected EOF|invalid ).*",
    re.DOTALL,
)


class Speaker:
    """Speaks to one server."""

    def __init__(
        self, endpoint: str, credentials: grpc.ChannelCredentials | None = None, tls: ssl.SSLContext | None = None
    ) -> None:
        """``credentials`` for gRPC and ``tls`` for HTTP, to a server that speaks TLS."""
        self.endpoint = endpoint
        self.tls = tls
        self.base = 0
        options = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
        if credentials is None:
            self.channel = grpc.insecure_channel(endpoint, options=options)
        else:
            self.channel = grpc.secure_channel(endpoint, credentials, options=options)

    def close(self) -> None:
        self.channel.close()

    def run(self, steps: Steps) -> list[Any]:
        """Each step's answer, on an empty key space."""
        self.base = 0
        cleared = self.call(delete(b"\0", b"\0"))
        self.base = int(cleared[1]["header"]["revision"])
        return [self.call(step) for step in steps]

    def call(self, step: Step) -> Any:
        """One step's answer: ("ok", fields), ("error", code, text) or (HTTP status, fields)."""
        method, request = step
        if method in MESSAGES:
            kind, response = MESSAGES[method]
            data = kind(**self.absolute(request)).SerializeToString()
            return self.rpc(f"/etcdserverpb.KV/{method}", data, response)
        path, body = request
        if method == "raw":
            return self.rpc(path, body, RAW.get(path))
        return self.http(method, path, body)

    def rpc(self, path: str, data: bytes, response: type[Message] | None) -> Any:
        try:
            answer = self.channel.unary_unary(path)(data, timeout=SECONDS)
        except grpc.RpcError as error:
            assert isinstance(error, grpc.Call)
            return "error", error.code().name, self.text(error.details() or "")
        assert response is not None, f"{path} was not expected to answer"
        fields = json_format.MessageToDict(response.FromString(answer), preserving_proto_field_name=True)
        return "ok", self.relative(fields)

    def http(self, method: str, path: str, body: Any) -> Any:
        data = body if isinstance(body, bytes) else json.dumps(self.absolute(body)).encode()
        connection = self.connection()
        try:
            connection.request(method, path, data, {"content-type": "application/json"})
            response = connection.getresponse()
            answer = json.loads(response.read())
            return response.status, response.getheader("content-type"), self.relative(answer)
        finally:
            connection.close()

    def connection(self) -> HTTPConnection:
        """A new connection for plain HTTP requests."""
        if self.tls is None:
            return HTTPConnection(self.endpoint, timeout=SECONDS)
        return HTTPSConnection(self.endpoint, timeout=SECONDS, context=self.tls)

    def absolute(self, value: Any) -> Any:
        """The request with revisions as this server counts them."""
        if isinstance(value, At):
            return self.base + value.offset
        if isinstance(value, dict):
            return {name: self.absolute(item) for name, item in value.items()}
        if isinstance(value, list):
            return [self.absolute(item) for item in value]
        return value

    def relative(self, value: Any) -> Any:
        """The answer with revisions counted from the script's start, and masked where servers may differ."""
        if isinstance(value, list):
            return [self.relative(item) for item in value]
        if not isinstance(value, dict):
            return value
        result: dict[str, Any] = {}
        for name, item in value.items():
            if name in MASKED:
                result[name] = "masked"  # there, or not: that must agree
            elif name in REVISIONS:
                result[name] = str(int(item) - self.base)
            elif name == "message":
                result[name] = self.text(item)
            else:
                result[name] = self.relative(item)
        return result

    @staticmethod
    def text(text: str) -> str:
        match = PARSER_TEXTS.match(text)
        return text if match is None else f"{match[1] or ''}<the parser's words>"
