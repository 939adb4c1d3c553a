// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// events prints `count` events of a watch, each with its revision counted from `base`.
func (s *story) events(name string, watch clientv3.WatchChan, base int64, count int) error {
	for seen := 0; seen < count; {
		response, err := wait(s, watch)
		if err != nil {
			return fmt.Errorf("%s after %d of %d events: %w", name, seen, count, err)
		}
		if err := response.Err(); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		for _, event := range response.Events {
			if !strings.HasPrefix(string(event.Kv.Key), s.prefix) {
				continue // others use this server too
			}
			seen++
			line := fmt.Sprintf("%s: +%d %s %s=%s", name, event.Kv.ModRevision-base, event.Type, s.short(event.Kv.Key), event.Kv.Value)
			if event.PrevKv != nil {
				line += fmt.Sprintf(" was %s", event.PrevKv.Value)
			}
			say("%s create %t modify %t version %d", line, event.IsCreate(), event.IsModify(), event.Kv.Version)
		}
	}
	return nil
}

// tellWatch follows the past, the present and the future, with filters, fragments, marks of progress and compaction.
func tellWatch(s *story) error {
	first, err := s.put("a", "1")
	if err != nil {
		return err
	}
	base := first - 1
	present := s.client.Watch(s.ctx, s.prefix, clientv3.WithPrefix(), clientv3.WithCreatedNotify(), clientv3.WithPrevKV())
	created, err := wait(s, present)
	if err != nil {
		return err
	}
	say("created %t, canceled %t, %d events", created.Created, created.Canceled, len(created.Events))
	future := s.client.Watch(s.ctx, s.prefix, clientv3.WithPrefix(), clientv3.WithRev(base+4))
	if err := writeForWatch(s); err != nil {
		return err
	}
	past := s.client.Watch(s.ctx, s.prefix, clientv3.WithPrefix(), clientv3.WithRev(first), clientv3.WithPrevKV())
	deletes := s.client.Watch(s.ctx, s.prefix, clientv3.WithPrefix(), clientv3.WithRev(first), clientv3.WithFilterPut())
	puts := s.client.Watch(s.ctx, s.prefix, clientv3.WithPrefix(), clientv3.WithRev(first), clientv3.WithFilterDelete())
	fragments := s.client.Watch(s.ctx, s.prefix, clientv3.WithPrefix(), clientv3.WithRev(first), clientv3.WithFragment())
	single := s.client.Watch(s.ctx, s.key("b"), clientv3.WithRev(first))
	span := s.client.Watch(s.ctx, s.key("b"), clientv3.WithRange(s.key("d")), clientv3.WithRev(first))
	from := s.client.Watch(s.ctx, s.key("c"), clientv3.WithFromKey(), clientv3.WithRev(first))
	for _, watch := range []struct {
		name   string
		events clientv3.WatchChan
		count  int
	}{
		{"present", present, 7}, {"past", past, 8}, {"future", future, 5}, {"deletes", deletes, 2}, {"puts", puts, 6},
		{"fragments", fragments, 8}, {"single", single, 3}, {"span", span, 5}, {"from", from, 2},
	} {
		if err := s.events(watch.name, watch.events, base, watch.count); err != nil {
			return err
		}
	}
	if err := tellCompactedWatch(s, first); err != nil {
		return err
	}
	return tellProgress(s)
}

// writeForWatch makes the history of tellWatch: six revisions after the first.
func writeForWatch(s *story) error {
	if _, err := s.put("b", "2"); err != nil {
		return err
	}
	if _, err := s.put("a", "3"); err != nil {
		return err
	}
	answer, err := s.client.Txn(s.ctx).Then(
		clientv3.OpPut(s.key("b"), "4"), clientv3.OpPut(s.key("c"), "4"),
	).Commit()
	if err != nil || !answer.Succeeded {
		return errors.Join(err, errors.New("a transaction without a compare"))
	}
	if _, err := s.put("a", "5"); err != nil {
		return err
	}
	_, err = s.client.Delete(s.ctx, s.key("b"), clientv3.WithRange(s.key("d")))
	return err
}

// tellCompactedWatch begins below the compaction, and is told where it ended.
func tellCompactedWatch(s *story, first int64) error {
	last, err := s.put("end", "")
	if err != nil {
		return err
	}
	if _, err := s.client.Compact(s.ctx, last); err != nil {
		return err
	}
	response, err := wait(s, s.client.Watch(s.ctx, s.prefix, clientv3.WithPrefix(), clientv3.WithRev(first)))
	if err != nil {
		return err
	}
	say("compacted: canceled %t at +%d: %v", response.Canceled, response.CompactRevision-last, response.Err())
	if !errors.Is(response.Err(), rpctypes.ErrCompacted) {
		return fmt.Errorf("not the error of a compaction: %w", response.Err())
	}
	return s.events("at the compaction", s.client.Watch(s.ctx, s.key("end"), clientv3.WithRev(last)), last-1, 1)
}

// tellProgress asks for a mark, and gives a watch up.
func tellProgress(s *story) error {
	ctx, cancel := context.WithCancel(s.ctx)
	defer cancel()
	watch := s.client.Watch(ctx, s.key("quiet"), clientv3.WithCreatedNotify())
	if _, err := wait(s, watch); err != nil {
		return err
	}
	last, err := s.put("noise", "")
	if err != nil {
		return err
	}
	if err := s.client.RequestProgress(ctx); err != nil {
		return err
	}
	for {
		response, err := wait(s, watch)
		if err != nil {
			return err
		}
		if !response.IsProgressNotify() {
			return fmt.Errorf("not a mark of progress: %v", response)
		}
		if response.Header.Revision >= last {
			break
		}
		if err := s.client.RequestProgress(ctx); err != nil {
			return err
		}
	}
	say("a mark of progress")
	cancel()
	for response := range watch {
		say("after the end: %v", response)
	}
	say("closed")
	return nil
}
