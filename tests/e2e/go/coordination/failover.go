// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/concurrency"
)

// written is how many keys are written before, and again after, what happens to the servers.
const written = 50

// tellFailover holds a session, a lock, an election and a watch while somebody else breaks the servers: it says "ready"
// and goes on when a line is typed. All of them live on, and the watch misses nothing.
func tellFailover(s *story) error {
	sessions, closeAll, err := s.sessions(2)
	if err != nil {
		return err
	}
	defer closeAll()
	mutex := concurrency.NewMutex(sessions[0], s.key("lock"))
	if err := mutex.Lock(s.ctx); err != nil {
		return err
	}
	election := concurrency.NewElection(sessions[0], s.key("chair"))
	if err := election.Campaign(s.ctx, "first"); err != nil {
		return err
	}
	waiting := make(chan error, 1)
	go func() { waiting <- concurrency.NewMutex(sessions[1], s.key("lock")).Lock(s.ctx) }()
	if err := s.eventually(func() (bool, error) { return s.waiters("lock", 2) }); err != nil {
		return err
	}
	ctx := clientv3.WithRequireLeader(s.ctx)
	watch := s.client.Watch(ctx, s.key("k/"), clientv3.WithPrefix(), clientv3.WithCreatedNotify())
	if _, err := wait(s, watch); err != nil {
		return err
	}
	if err := s.writeSome(0); err != nil {
		return err
	}
	say("ready")
	if _, err := bufio.NewReader(os.Stdin).ReadString('\n'); err != nil {
		return err
	}
	if err := s.writeSome(written); err != nil {
		return err
	}
	if err := tellSeen(s, watch); err != nil {
		return err
	}
	if err := tellOwner(s, mutex); err != nil {
		return err
	}
	leader, err := election.Leader(s.ctx)
	if err != nil {
		return err
	}
	say("leads: %s, sessions: %v %v", leader.Kvs[0].Value, sessions[0].Ctx().Err(), sessions[1].Ctx().Err())
	if err := mutex.Unlock(s.ctx); err != nil {
		return err
	}
	failure, err := wait(s, waiting)
	say("the one that waited: %v", failure)
	return err
}

// writeSome writes keys in order; each is tried until it is answered, so it may be written twice.
func (s *story) writeSome(first int) error {
	for number := first; number < first+written; {
		if _, err := s.put(fmt.Sprintf("k/%03d", number), ""); err == nil {
			number++
		} else if s.ctx.Err() != nil {
			return err
		}
	}
	return nil
}

// tellSeen reads the watch to the last key: each must come, in order, with revisions that grow. One that lost its leader
// or its server ends, and a new one goes on where it ended.
func tellSeen(s *story, watch clientv3.WatchChan) error {
	seen, last := 0, int64(0)
	for seen < 2*written {
		response, ok := <-watch
		if s.ctx.Err() != nil {
			return fmt.Errorf("saw %d: %w", seen, s.ctx.Err())
		}
		if err := response.Err(); !ok || err != nil {
			if ok && !errors.Is(err, rpctypes.ErrNoLeader) && !errors.Is(err, context.Canceled) {
				return err
			}
			watch = s.client.Watch(s.ctx, s.key("k/"), clientv3.WithPrefix(), clientv3.WithRev(last+1))
			continue
		}
		for _, event := range response.Events {
			name := s.short(event.Kv.Key)
			if event.Kv.ModRevision <= last {
				return fmt.Errorf("%s again, at %d after %d", name, event.Kv.ModRevision, last)
			}
			last = event.Kv.ModRevision
			if wanted := fmt.Sprintf("k/%03d", seen); name == wanted {
				seen++
			} else if name != fmt.Sprintf("k/%03d", seen-1) {
				return fmt.Errorf("%s where %s should be", name, wanted)
			}
		}
	}
	say("saw %d keys in order", seen)
	return nil
}
