// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"strconv"
	"sync"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/concurrency"
)

const (
	lockers = 6
	rounds  = 5
)

// tellMutex lets some wait for a lock in turn, one die, one give up, and many count under it.
func tellMutex(s *story) error {
	sessions, closeAll, err := s.sessions(4)
	if err != nil {
		return err
	}
	defer closeAll()
	mutexes := make([]*concurrency.Mutex, len(sessions))
	for i, session := range sessions {
		mutexes[i] = concurrency.NewMutex(session, s.key("lock"))
	}
	if err := mutexes[0].Lock(s.ctx); err != nil {
		return err
	}
	say("tried: %v", mutexes[1].TryLock(s.ctx))
	got := make(chan string, len(mutexes))
	for i, name := range []string{"second", "third"} {
		go func() { got <- fmt.Sprint(name, " ", mutexes[i+1].Lock(s.ctx)) }()
		if err := s.eventually(func() (bool, error) { return s.waiters("lock", i+2) }); err != nil {
			return err
		}
	}
	if err := tellGivingUp(s, mutexes[3]); err != nil {
		return err
	}
	if err := tellOwner(s, mutexes[0]); err != nil {
		return err
	}
	if err := mutexes[0].Unlock(s.ctx); err != nil {
		return err
	}
	name, err := wait(s, got)
	if err != nil {
		return err
	}
	say("locked: %s", name)
	if err := tellOwner(s, mutexes[0]); err != nil {
		return err
	}
	if err := sessions[1].Close(); err != nil { // the holder is gone, and its key with it
		return err
	}
	if name, err = wait(s, got); err != nil {
		return err
	}
	say("locked: %s", name)
	if err := mutexes[2].Unlock(s.ctx); err != nil {
		return err
	}
	say("unlocked twice: %v", mutexes[2].Unlock(s.ctx))
	return tellCounting(s)
}

// waiters tells whether so many hold or wait for the lock.
func (s *story) waiters(name string, count int) (bool, error) {
	answer, err := s.client.Get(s.ctx, s.key(name)+"/", clientv3.WithPrefix(), clientv3.WithCountOnly())
	return err == nil && answer.Count == int64(count), err
}

// tellGivingUp waits for a lock that is held, with no patience, and leaves no key.
func tellGivingUp(s *story, mutex *concurrency.Mutex) error {
	ctx, cancel := context.WithCancel(s.ctx)
	gone := make(chan error, 1)
	go func() { gone <- mutex.Lock(ctx) }()
	if err := s.eventually(func() (bool, error) { return s.waiters("lock", 4) }); err != nil {
		cancel()
		return err
	}
	cancel()
	failure, err := wait(s, gone)
	if err != nil {
		return err
	}
	left, err := s.waiters("lock", 3)
	say("gave up: %v, no key left: %t", failure, left)
	return err
}

// tellOwner writes in a transaction that only the holder may make.
func tellOwner(s *story, mutex *concurrency.Mutex) error {
	answer, err := s.client.Txn(s.ctx).If(mutex.IsOwner()).Then(clientv3.OpPut(s.key("guarded"), "x")).Commit()
	if err != nil {
		return err
	}
	say("owner: %t", answer.Succeeded)
	return nil
}

// tellCounting reads and writes a number from many goroutines: without a lock that holds, some would be lost.
func tellCounting(s *story) error {
	sessions, closeAll, err := s.sessions(lockers)
	if err != nil {
		return err
	}
	defer closeAll()
	failures := make(chan error, lockers)
	var group sync.WaitGroup
	for _, session := range sessions {
		group.Go(func() {
			for range rounds {
				if err := countOnce(s, session); err != nil {
					failures <- err
					return
				}
			}
		})
	}
	group.Wait()
	select {
	case err := <-failures:
		return err
	default:
	}
	counted, err := s.list(s.client, s.key("count"))
	if err != nil {
		return err
	}
	say("counted: %s", counted)
	return nil
}

func countOnce(s *story, session *concurrency.Session) error {
	locker := concurrency.NewMutex(session, s.key("counting"))
	if err := locker.Lock(s.ctx); err != nil {
		return err
	}
	answer, err := s.client.Get(s.ctx, s.key("count"))
	if err != nil {
		return err
	}
	count := 0
	if len(answer.Kvs) > 0 {
		if count, err = strconv.Atoi(string(answer.Kvs[0].Value)); err != nil {
			return err
		}
	}
	if _, err := s.put("count", strconv.Itoa(count+1)); err != nil {
		return err
	}
	return locker.Unlock(s.ctx)
}
