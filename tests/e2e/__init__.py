# SPDX-License-Identifier: Apache-2.0
"""Real processes: members, real etcd, and the clients that people use."""
