// SPDX-License-Identifier: Apache-2.0

package main

import (
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/namespace"
)

// tellNamespace writes, reads, watches and leases below a prefix that the callers do not see.
func tellNamespace(s *story) error {
	kv := namespace.NewKV(s.client.KV, s.key("room/"))
	watcher := namespace.NewWatcher(s.client.Watcher, s.key("room/"))
	defer watcher.Close()
	lease := namespace.NewLease(s.client.Lease, s.key("room/"))
	watch := watcher.Watch(s.ctx, "", clientv3.WithPrefix(), clientv3.WithCreatedNotify(), clientv3.WithPrevKV())
	if _, err := wait(s, watch); err != nil {
		return err
	}
	granted, err := lease.Grant(s.ctx, 30)
	if err != nil {
		return err
	}
	if _, err := s.put("outside", "0"); err != nil {
		return err
	}
	first, err := kv.Put(s.ctx, "a", "1", clientv3.WithLease(granted.ID))
	if err != nil {
		return err
	}
	answer, err := kv.Txn(s.ctx).If(clientv3.Compare(clientv3.Value("a"), "=", "1")).
		Then(clientv3.OpPut("b", "2", clientv3.WithLease(granted.ID)), clientv3.OpGet("", clientv3.WithPrefix())).Commit()
	if err != nil {
		return err
	}
	for _, pair := range answer.Responses[1].GetResponseRange().Kvs {
		say("in the transaction: %s=%s", pair.Key, pair.Value)
	}
	for _, view := range []struct {
		name, prefix string
		kv           clientv3.KV
	}{{"inside", "", kv}, {"outside", s.prefix, s.client}} {
		seen, err := s.list(view.kv, view.prefix)
		if err != nil {
			return err
		}
		say("%s: %s", view.name, seen)
	}
	left, err := lease.TimeToLive(s.ctx, granted.ID, clientv3.WithAttachedKeys())
	if err != nil {
		return err
	}
	say("attached: %s", s.attached(left))
	if _, err := lease.Revoke(s.ctx, granted.ID); err != nil {
		return err
	}
	inside := &story{ctx: s.ctx, client: s.client}
	return inside.events("watched", watch, first.Header.Revision-1, 4)
}
