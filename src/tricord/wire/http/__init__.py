# SPDX-License-Identifier: Apache-2.0
"""Plain HTTP without IO: requests, responses, the routing table and the HTTP/1.1 connection."""
