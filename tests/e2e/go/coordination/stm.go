// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"math/rand"
	"strconv"
	"sync"

	"go.etcd.io/etcd/client/v3/concurrency"
)

const (
	accounts  = 5
	movers    = 4
	transfers = 15
)

// tellStm moves money in software transactions: at the serializable levels none is made or lost.
func tellStm(s *story) error {
	for _, level := range []struct {
		name  string
		level concurrency.Isolation
	}{{"serializable snapshot", concurrency.SerializableSnapshot}, {"serializable", concurrency.Serializable},
		{"repeatable reads", concurrency.RepeatableReads}} {
		total, err := tellTransfers(s, level.level)
		if err != nil {
			return err
		}
		say("%s: %d", level.name, total)
	}
	_, err := concurrency.NewSTM(s.client, func(stm concurrency.STM) error {
		stm.Put(s.key("never"), "x")
		return errors.New("changed my mind")
	})
	say("given up: %v", err)
	answer, err := concurrency.NewSTM(s.client, func(stm concurrency.STM) error {
		for i := range accounts {
			stm.Del(s.account(i))
		}
		stm.Put(s.key("all"), stm.Get(s.key("absent"))+"gone")
		return nil
	}, concurrency.WithIsolation(concurrency.ReadCommitted), concurrency.WithPrefetch(s.key("absent")))
	if err != nil {
		return err
	}
	left, err := s.list(s.client, s.prefix)
	if err != nil {
		return err
	}
	say("succeeded %t, left: %s", answer.Succeeded, left)
	return nil
}

func (s *story) account(number int) string { return s.key(fmt.Sprintf("account/%d", number)) }

// tellTransfers moves money between accounts at random from several goroutines: what all hold together.
func tellTransfers(s *story, level concurrency.Isolation) (int, error) {
	for i := range accounts {
		if _, err := s.client.Put(s.ctx, s.account(i), "100"); err != nil {
			return 0, err
		}
	}
	failures := make(chan error, movers)
	var group sync.WaitGroup
	for mover := range movers {
		isolation := concurrency.WithIsolation(level)
		random := rand.New(rand.NewSource(int64(mover)))
		group.Go(func() {
			for range transfers {
				from, to := random.Intn(accounts), random.Intn(accounts)
				if _, err := concurrency.NewSTM(s.client, s.transfer(from, to), isolation); err != nil {
					failures <- err
					return
				}
			}
		})
	}
	group.Wait()
	select {
	case err := <-failures:
		return 0, err
	default:
	}
	total := 0
	for i := range accounts {
		answer, err := s.client.Get(s.ctx, s.account(i))
		if err != nil {
			return 0, err
		}
		held, err := strconv.Atoi(string(answer.Kvs[0].Value))
		if err != nil {
			return 0, err
		}
		total += held
	}
	return total, nil
}

// transfer moves seven from one account to another, which may be the same.
func (s *story) transfer(from, to int) func(concurrency.STM) error {
	return func(stm concurrency.STM) error {
		for _, change := range []struct{ account, amount int }{{from, -7}, {to, 7}} {
			held, err := strconv.Atoi(stm.Get(s.account(change.account)))
			if err != nil {
				return err
			}
			stm.Put(s.account(change.account), strconv.Itoa(held+change.amount))
		}
		return nil
	}
}
