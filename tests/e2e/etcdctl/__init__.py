# SPDX-License-Identifier: Apache-2.0
"""etcdctl of three versions, run against tricord and a real etcd: what a person sees must be the same."""
