// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/concurrency"
)

// tellElection lets candidates follow each other, by resigning, by the end of a session, and one that goes on after a
// restart; an observer sees each.
func tellElection(s *story) error {
	sessions, closeAll, err := s.sessions(3)
	if err != nil {
		return err
	}
	defer closeAll()
	candidates := make([]*concurrency.Election, len(sessions))
	for i, session := range sessions {
		candidates[i] = concurrency.NewElection(session, s.key("chair"))
	}
	if _, err = candidates[0].Leader(s.ctx); !errors.Is(err, concurrency.ErrElectionNoLeader) {
		return err
	}
	say("nobody: %v", err)
	say("proclaimed by none: %v", candidates[0].Proclaim(s.ctx, "x"))
	ctx, cancel := context.WithCancel(s.ctx)
	defer cancel()
	observed := concurrency.NewElection(sessions[2], s.key("chair")).Observe(ctx)
	if err := candidates[0].Campaign(s.ctx, "first"); err != nil {
		return err
	}
	if err := tellLeader(s, candidates[1], observed); err != nil {
		return err
	}
	won := make(chan error, 1)
	go func() { won <- candidates[1].Campaign(s.ctx, "second") }()
	if err := s.eventually(func() (bool, error) { return s.waiters("chair", 2) }); err != nil {
		return err
	}
	if err := candidates[0].Proclaim(s.ctx, "first again"); err != nil {
		return err
	}
	if err := tellLeader(s, candidates[1], observed); err != nil {
		return err
	}
	if err := tellResumed(s, sessions[0], candidates[0], observed); err != nil {
		return err
	}
	if err := tellFollowers(s, sessions, candidates, observed, won); err != nil {
		return err
	}
	cancel()
	for range observed {
	}
	say("observed to the end")
	return nil
}

// tellLeader says who leads, as one asks and another observes.
func tellLeader(s *story, candidate *concurrency.Election, observed <-chan clientv3.GetResponse) error {
	answer, err := candidate.Leader(s.ctx)
	if err != nil {
		return err
	}
	leads := string(answer.Kvs[0].Value)
	for {
		seen, err := wait(s, observed)
		if err != nil {
			return err
		}
		if string(seen.Kvs[0].Value) == leads {
			say("leads: %s; observed", leads)
			return nil
		}
	}
}

// tellResumed goes on with the lead by what a restarted process would know of it.
func tellResumed(
	s *story, session *concurrency.Session, leader *concurrency.Election, observed <-chan clientv3.GetResponse,
) error {
	resumed := concurrency.ResumeElection(session, s.key("chair"), leader.Key(), leader.Rev())
	if err := resumed.Proclaim(s.ctx, "resumed"); err != nil {
		return err
	}
	return tellLeader(s, resumed, observed)
}

// tellFollowers lets the first resign and the second die.
func tellFollowers(
	s *story, sessions []*concurrency.Session, candidates []*concurrency.Election,
	observed <-chan clientv3.GetResponse, won <-chan error,
) error {
	if err := candidates[0].Resign(s.ctx); err != nil {
		return err
	}
	failure, err := wait(s, won)
	if err != nil {
		return err
	}
	say("the second won: %v", failure)
	if err := tellLeader(s, candidates[0], observed); err != nil {
		return err
	}
	last := make(chan error, 1)
	go func() { last <- candidates[2].Campaign(s.ctx, "third") }()
	if err := s.eventually(func() (bool, error) { return s.waiters("chair", 2) }); err != nil {
		return err
	}
	if err := sessions[1].Close(); err != nil {
		return err
	}
	if failure, err = wait(s, last); err != nil {
		return err
	}
	say("the third won: %v", failure)
	return tellLeader(s, candidates[0], observed)
}
