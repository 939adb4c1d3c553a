// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/mirror"
)

// mirrored is more than the syncer reads at a time.
const mirrored = 1200

// tellMirror copies a prefix, and follows what happens after.
func tellMirror(s *story) error {
	for begin := 0; begin < mirrored; begin += 100 {
		puts := make([]clientv3.Op, 100)
		for i := range puts {
			puts[i] = clientv3.OpPut(s.key(fmt.Sprintf("%05d", begin+i)), fmt.Sprint(begin+i))
		}
		if _, err := s.client.Txn(s.ctx).Then(puts...).Commit(); err != nil {
			return err
		}
	}
	syncer := mirror.NewSyncer(s.client, s.prefix, 0)
	pages, failed := syncer.SyncBase(s.ctx)
	count, ordered, last := 0, true, ""
	for page := range pages {
		for _, pair := range page.Kvs {
			ordered = ordered && last < string(pair.Key)
			last = string(pair.Key)
		}
		count += len(page.Kvs)
		say("a page of %d", len(page.Kvs))
	}
	if err := <-failed; err != nil {
		return err
	}
	say("%d keys, in order: %t", count, ordered)
	base, err := s.put("after", "1")
	if err != nil {
		return err
	}
	if _, err := s.client.Delete(s.ctx, s.key("00000"), clientv3.WithRange(s.key("00003"))); err != nil {
		return err
	}
	updates := syncer.SyncUpdates(s.ctx)
	if _, err := s.put("after", "2"); err != nil {
		return err
	}
	return s.events("updates", updates, base-1, 5)
}
