// SPDX-License-Identifier: Apache-2.0

package main

import (
	"slices"
	"strings"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// tellLease grants, keeps alive, asks, lists, revokes, and lets one end.
func tellLease(s *story) error {
	granted, err := s.client.Grant(s.ctx, 60)
	if err != nil {
		return err
	}
	say("granted %d s", granted.TTL)
	for _, name := range []string{"b", "a"} {
		if _, err := s.put(name, "leased", clientv3.WithLease(granted.ID)); err != nil {
			return err
		}
	}
	left, err := s.client.TimeToLive(s.ctx, granted.ID, clientv3.WithAttachedKeys())
	if err != nil {
		return err
	}
	say("granted %d, left %t", left.GrantedTTL, left.TTL > 50 && left.TTL <= 60)
	say("attached: %s", s.attached(left))
	leases, err := s.client.Leases(s.ctx)
	if err != nil {
		return err
	}
	listed := 0
	for _, lease := range leases.Leases {
		if lease.ID == granted.ID {
			listed++
		}
	}
	say("listed %d times", listed)
	if err := tellLeaseErrors(s, granted.ID); err != nil {
		return err
	}
	once, err := s.client.KeepAliveOnce(s.ctx, granted.ID)
	if err != nil {
		return err
	}
	say("renewed to %d", once.TTL)
	if err := tellRevoke(s); err != nil {
		return err
	}
	return tellExpiry(s)
}

// attached gives a lease's keys, which come in any order, in theirs.
func (s *story) attached(left *clientv3.LeaseTimeToLiveResponse) string {
	names := make([]string, len(left.Keys))
	for i, key := range left.Keys {
		names[i] = s.short(key)
	}
	slices.Sort(names)
	return strings.Join(names, " ")
}

// tellLeaseErrors does what must not be done.
func tellLeaseErrors(s *story, taken clientv3.LeaseID) error {
	_, err := s.client.Grant(s.ctx, 9_000_000_001)
	say("too long: %v", err)
	_, err = s.put("c", "", clientv3.WithLease(taken+1))
	say("unknown: %v", err)
	_, err = s.client.Revoke(s.ctx, taken+1)
	say("revoke of an unknown one: %v", err)
	_, err = s.client.KeepAliveOnce(s.ctx, taken+1)
	say("keep-alive of an unknown one: %v", err)
	unknown, err := s.client.TimeToLive(s.ctx, taken+1)
	if err != nil {
		return err
	}
	say("left of an unknown one: %d", unknown.TTL)
	short, err := s.client.Grant(s.ctx, 0)
	if err != nil {
		return err
	}
	say("the shortest: %d s", short.TTL)
	_, err = s.client.Revoke(s.ctx, short.ID)
	return err
}

// tellRevoke ends a lease that another goroutine keeps alive: its keys go in one revision.
func tellRevoke(s *story) error {
	granted, err := s.client.Grant(s.ctx, 3) // the client renews every second, and so soon learns of the end
	if err != nil {
		return err
	}
	id := granted.ID
	alive, err := s.client.KeepAlive(s.ctx, id)
	if err != nil {
		return err
	}
	renewed, err := wait(s, alive)
	if err != nil {
		return err
	}
	say("kept alive for %d", renewed.TTL)
	watch := s.client.Watch(s.ctx, s.prefix, clientv3.WithPrefix(), clientv3.WithPrevKV(), clientv3.WithCreatedNotify())
	if _, err := wait(s, watch); err != nil {
		return err
	}
	for _, name := range []string{"d", "c", "b"} {
		if _, err := s.put(name, "leased", clientv3.WithLease(id)); err != nil {
			return err
		}
	}
	if _, err := s.put("c", "free"); err != nil {
		return err
	}
	revoked, err := s.client.Revoke(s.ctx, id)
	if err != nil {
		return err
	}
	if err := s.events("revoke", watch, revoked.Header.Revision, 6); err != nil {
		return err
	}
	for range alive {
	}
	say("no longer kept alive")
	return nil
}

// tellExpiry waits for the end of a lease that nobody renews.
func tellExpiry(s *story) error {
	granted, err := s.client.Grant(s.ctx, 2)
	if err != nil {
		return err
	}
	began := time.Now()
	revision, err := s.put("short", "lived", clientv3.WithLease(granted.ID))
	if err != nil {
		return err
	}
	watch := s.client.Watch(s.ctx, s.key("short"), clientv3.WithRev(revision+1), clientv3.WithPrevKV())
	if err := s.events("expiry", watch, revision, 1); err != nil {
		return err
	}
	say("not early: %t", time.Since(began) >= time.Duration(granted.TTL)*time.Second-time.Second/2)
	return nil
}
