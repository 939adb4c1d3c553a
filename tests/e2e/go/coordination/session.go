// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/concurrency"
)

// tellSession opens sessions; one is closed, one orphaned and taken over, one loses its lease.
func tellSession(s *story) error {
	session, err := concurrency.NewSession(s.client, concurrency.WithTTL(3))
	if err != nil {
		return err
	}
	if _, err := s.put("mine", "1", clientv3.WithLease(session.Lease())); err != nil {
		return err
	}
	if err := session.Close(); err != nil {
		return err
	}
	left, err := s.list(s.client, s.prefix)
	if err != nil {
		return err
	}
	say("after the close: %q, %v", left, session.Ctx().Err())

	orphan, err := concurrency.NewSession(s.client, concurrency.WithTTL(3))
	if err != nil {
		return err
	}
	if _, err := s.put("orphan", "2", clientv3.WithLease(orphan.Lease())); err != nil {
		return err
	}
	orphan.Orphan()
	heir, err := concurrency.NewSession(s.client, concurrency.WithTTL(3), concurrency.WithLease(orphan.Lease()))
	if err != nil {
		return err
	}
	if left, err = s.list(s.client, s.prefix); err != nil {
		return err
	}
	say("the heir has %q", left)
	if _, err := s.client.Revoke(s.ctx, heir.Lease()); err != nil {
		return err
	}
	if _, err := wait(s, heir.Done()); err != nil {
		return fmt.Errorf("the end of a session whose lease is gone: %w", err)
	}
	if left, err = s.list(s.client, s.prefix); err != nil {
		return err
	}
	say("after the loss: %q, %v", left, heir.Ctx().Err())
	return nil
}

// sessions opens as many as asked; the function closes them.
func (s *story) sessions(count int) ([]*concurrency.Session, func(), error) {
	var opened []*concurrency.Session
	closeAll := func() {
		for _, session := range opened {
			session.Close()
		}
	}
	for range count {
		session, err := concurrency.NewSession(s.client, concurrency.WithTTL(10))
		if err != nil {
			closeAll()
			return nil, nil, err
		}
		opened = append(opened, session)
	}
	return opened, closeAll, nil
}
