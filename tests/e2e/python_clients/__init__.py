# SPDX-License-Identifier: Apache-2.0
"""Programs on etcd's other Python clients. Each is run as a file, so that it may have its own versions of packages."""
