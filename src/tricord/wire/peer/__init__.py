# SPDX-License-Identifier: Apache-2.0
"""Member to member: a preface, a hello with proofs both ways, then frames. Bytes in, events and bytes out.

```
dialler                                acceptor
preface, HELLO (who, to whom, lane) -->
                                   <-- CHALLENGE (protocol, who answers, nonce)      or REFUSED
PROOF (knows the secret)           -->
                                   <-- OPENED (knows it too)                         or REFUSED
MESSAGES, PING, ...                -->
                                   <-- PONG, ...
```

What messages a frame carries is known above, in ``transport.peer``: this package knows no Raft.
"""
