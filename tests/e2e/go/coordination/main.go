// SPDX-License-Identifier: Apache-2.0

// Stories of etcd's Go client, one for each of its packages: watch, lease, concurrency (session, mutex, election, stm),
// leasing, mirror, namespace, ordering. Each prints what it saw, without ids, revisions and times, so that two servers
// that behave alike print the same. A call that fails unasked ends the program with exit code 1.
// Usage: go-coordination STORY ENDPOINT[,ENDPOINT...]
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
)

// storyTime bounds a whole story.
const storyTime = 60 * time.Second

// story is told over one client; its keys begin with its own prefix, which is empty when it begins.
type story struct {
	ctx    context.Context
	client *clientv3.Client
	prefix string
}

var stories = map[string]func(*story) error{
	"watch":     tellWatch,
	"lease":     tellLease,
	"session":   tellSession,
	"mutex":     tellMutex,
	"election":  tellElection,
	"stm":       tellStm,
	"leasing":   tellLeasing,
	"mirror":    tellMirror,
	"namespace": tellNamespace,
	"ordering":  tellOrdering,
	"failover":  tellFailover,
}

func main() {
	if len(os.Args) != 3 || stories[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "usage: go-coordination STORY ENDPOINT[,ENDPOINT...]")
		os.Exit(2)
	}
	if err := run(os.Args[1], strings.Split(os.Args[2], ",")); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(name string, endpoints []string) error {
	ctx, cancel := context.WithTimeout(context.Background(), storyTime)
	defer cancel()
	client, err := clientv3.New(clientv3.Config{
		Endpoints: endpoints, DialTimeout: 5 * time.Second, Context: ctx, Logger: zap.NewNop(),
	})
	if err != nil {
		return err
	}
	defer client.Close()
	s := &story{ctx: ctx, client: client, prefix: "go/" + name + "/"}
	if _, err := client.Delete(ctx, s.prefix, clientv3.WithPrefix()); err != nil {
		return err
	}
	if err := stories[name](s); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	fmt.Println("the end")
	return nil
}

// say prints one line of what was seen.
func say(format string, values ...any) { fmt.Printf(format+"\n", values...) }

// key is a key of this story.
func (s *story) key(name string) string { return s.prefix + name }

// short is a key without the story's prefix.
func (s *story) short(key []byte) string { return strings.TrimPrefix(string(key), s.prefix) }

// put writes; the answer is the revision.
func (s *story) put(name, value string, options ...clientv3.OpOption) (int64, error) {
	response, err := s.client.Put(s.ctx, s.key(name), value, options...)
	if err != nil {
		return 0, err
	}
	return response.Header.Revision, nil
}

// list gives the keys and values below a prefix of this story.
func (s *story) list(kv clientv3.KV, prefix string) (string, error) {
	response, err := kv.Get(s.ctx, prefix, clientv3.WithPrefix())
	if err != nil {
		return "", err
	}
	pairs := make([]string, len(response.Kvs))
	for i, pair := range response.Kvs {
		pairs[i] = fmt.Sprintf("%s=%s", s.short(pair.Key), pair.Value)
	}
	return strings.Join(pairs, " "), nil
}

// wait gives what a goroutine sends, or an error when the story's time is over.
func wait[T any](s *story, from <-chan T) (T, error) {
	select {
	case value := <-from:
		return value, nil
	case <-s.ctx.Done():
		var none T
		return none, errors.New("waited in vain")
	}
}

// eventually asks until it holds.
func (s *story) eventually(holds func() (bool, error)) error {
	for {
		is, err := holds()
		if is || err != nil {
			return err
		}
		select {
		case <-time.After(10 * time.Millisecond):
		case <-s.ctx.Done():
			return errors.New("asked in vain")
		}
	}
}
