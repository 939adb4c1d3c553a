// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"sync/atomic"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/ordering"
)

const orderedReads = 50

// tellOrdering reads serializably from members in turn: none may answer with an older state than seen before, or the
// reader is told and asks the next one.
func tellOrdering(s *story) error {
	var violations atomic.Int64
	change := ordering.NewOrderViolationSwitchEndpointClosure(s.client)
	ordered := ordering.NewKV(s.client.KV, func(op clientv3.Op, response clientv3.OpResponse, least int64) error {
		violations.Add(1)
		if err := change(op, response, least); !errors.Is(err, ordering.ErrNoGreaterRev) {
			return err
		}
		return nil // the members are level soon: ask again
	})
	last := ""
	for number := range orderedReads {
		value := fmt.Sprintf("%03d", number)
		if _, err := s.put("a", value); err != nil {
			return err
		}
		if number%2 == 0 { // a linearizable read is the newest, and no later one may be older
			if _, err := ordered.Get(s.ctx, s.key("a")); err != nil {
				return err
			}
			last = value
		}
		answer, err := ordered.Get(s.ctx, s.key("a"), clientv3.WithSerializable())
		if err != nil {
			return err
		}
		if len(answer.Kvs) == 0 || string(answer.Kvs[0].Value) < last {
			return fmt.Errorf("after %s came %v", last, answer.Kvs)
		}
		last = string(answer.Kvs[0].Value)
	}
	txn, err := ordered.Txn(s.ctx).Then(clientv3.OpGet(s.key("a"))).Commit()
	if err != nil {
		return err
	}
	say("in order to %s", txn.Responses[0].GetResponseRange().Kvs[0].Value)
	if len(s.client.Endpoints()) == 1 {
		say("violations: %d", violations.Load())
	}
	return nil
}
