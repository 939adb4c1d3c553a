// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/concurrency"
	"go.etcd.io/etcd/client/v3/leasing"
)

// tellLeasing lets two caches own keys in turn: each sees at once what the other writes.
func tellLeasing(s *story) error {
	first, closeFirst, err := leasing.NewKV(s.client, s.key("owners/"), concurrency.WithTTL(10))
	if err != nil {
		return err
	}
	defer closeFirst()
	second, closeSecond, err := leasing.NewKV(s.client, s.key("owners/"), concurrency.WithTTL(10))
	if err != nil {
		return err
	}
	defer closeSecond()
	if _, err := s.put("a", "1"); err != nil {
		return err
	}
	for i, step := range []func() error{
		func() error { return tellCached(s, "first", first, "a") },
		func() error { return tellCached(s, "first", first, "a") },
		func() error { return write(s, second, "a", "2") },
		func() error { return tellCached(s, "first", first, "a") },
		func() error { return write(s, first, "a", "3") },
		func() error { return tellCached(s, "second", second, "a") },
		func() error { return tellCached(s, "second", second, "absent") },
		func() error { return write(s, first, "absent", "here") },
		func() error { return tellCached(s, "second", second, "absent") },
		func() error { return tellLeasingTxn(s, first, second) },
		func() error { return tellLeasingDelete(s, first, second) },
	} {
		if err := step(); err != nil {
			return fmt.Errorf("step %d: %w", i, err)
		}
	}
	return nil
}

func write(s *story, kv clientv3.KV, name, value string) error {
	_, err := kv.Put(s.ctx, s.key(name), value)
	return err
}

// tellCached reads through a cache, twice.
func tellCached(s *story, who string, kv clientv3.KV, name string) error {
	for range 2 {
		answer, err := kv.Get(s.ctx, s.key(name))
		if err != nil {
			return err
		}
		value := "nothing"
		if len(answer.Kvs) > 0 {
			value = fmt.Sprintf("%s, version %d", answer.Kvs[0].Value, answer.Kvs[0].Version)
		}
		say("%s reads %s: %s", who, name, value)
	}
	owners, err := s.list(s.client, s.key("owners/"))
	if err != nil {
		return err
	}
	say("owned: %s", owners)
	return nil
}

// tellLeasingTxn compares and writes what the other cache owns.
func tellLeasingTxn(s *story, first, second clientv3.KV) error {
	answer, err := first.Txn(s.ctx).
		If(clientv3.Compare(clientv3.Value(s.key("absent")), "=", "here")).
		Then(clientv3.OpPut(s.key("absent"), "moved"), clientv3.OpGet(s.key("a"))).
		Else(clientv3.OpPut(s.key("a"), "wrong")).
		Commit()
	if err != nil {
		return err
	}
	say("txn: %t, %s", answer.Succeeded, answer.Responses[1].GetResponseRange().Kvs[0].Value)
	return tellCached(s, "second", second, "absent")
}

// tellLeasingDelete removes a range whose keys both own.
func tellLeasingDelete(s *story, first, second clientv3.KV) error {
	answer, err := first.Delete(s.ctx, s.key("a"), clientv3.WithRange(s.key("b")))
	if err != nil {
		return err
	}
	say("deleted %d", answer.Deleted)
	if err := tellCached(s, "second", second, "a"); err != nil {
		return err
	}
	return tellCached(s, "first", first, "a")
}
