// SPDX-License-Identifier: Apache-2.0

// One node of a hashicorp/raft cluster of three, with raft-boltdb/v2 as its log and stable store (both sync every write)
// and its own TCP transport. It speaks the dialogue of bench/raft on stdin and stdout (bench/raft/dialogue.py).
// Usage: raft-hashicorp INDEX DIRECTORY PORT PORT PORT [--tuned]
package main

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/raft"
	raftboltdb "github.com/hashicorp/raft-boltdb/v2"
	"go.etcd.io/bbolt"
)

const applySeconds = 60

// counter is the state machine: how many commands were applied, and how many bytes.
type counter struct {
	applied atomic.Int64
	bytes   int64
}

func (c *counter) Apply(entry *raft.Log) any {
	c.bytes += int64(len(entry.Data))
	return c.applied.Add(1)
}

func (c *counter) Snapshot() (raft.FSMSnapshot, error) {
	return counterSnapshot{c.applied.Load()}, nil
}

func (c *counter) Restore(source io.ReadCloser) error {
	defer source.Close()
	var count int64
	if err := binary.Read(source, binary.BigEndian, &count); err != nil {
		return err
	}
	c.applied.Store(count)
	return nil
}

type counterSnapshot struct{ count int64 }

func (s counterSnapshot) Persist(sink raft.SnapshotSink) error {
	if err := binary.Write(sink, binary.BigEndian, s.count); err != nil {
		return err
	}
	return sink.Close()
}

func (s counterSnapshot) Release() {}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(arguments []string) error {
	tuned := arguments[len(arguments)-1] == "--tuned"
	if tuned {
		arguments = arguments[:len(arguments)-1]
	}
	index, err := strconv.Atoi(arguments[0])
	if err != nil {
		return err
	}
	machine := &counter{}
	node, err := open(index, arguments[1], arguments[2:], tuned, machine)
	if err != nil {
		return err
	}
	return converse(node, machine)
}

func open(index int, directory string, ports []string, tuned bool, machine *counter) (*raft.Raft, error) {
	config := raft.DefaultConfig()
	config.LocalID = raft.ServerID(fmt.Sprintf("n%d", index))
	config.LogLevel = "ERROR"
	options := raftboltdb.Options{Path: filepath.Join(directory, "raft.db")}
	if tuned {
		config.BatchApplyCh = true
		config.MaxAppendEntries = 1024
		options.BoltOptions = &bbolt.Options{NoFreelistSync: true, FreelistType: bbolt.FreelistMapType}
	}
	store, err := raftboltdb.New(options)
	if err != nil {
		return nil, err
	}
	snapshots, err := raft.NewFileSnapshotStore(directory, 1, io.Discard)
	if err != nil {
		return nil, err
	}
	address := "127.0.0.1:" + ports[index]
	advertised, err := net.ResolveTCPAddr("tcp", address)
	if err != nil {
		return nil, err
	}
	transport, err := raft.NewTCPTransport(address, advertised, 3, 10*time.Second, io.Discard)
	if err != nil {
		return nil, err
	}
	var servers []raft.Server
	for i, port := range ports {
		id := raft.ServerID(fmt.Sprintf("n%d", i))
		servers = append(servers, raft.Server{ID: id, Address: raft.ServerAddress("127.0.0.1:" + port)})
	}
	// Every node bootstraps the same configuration.
	if err := raft.BootstrapCluster(config, store, store, snapshots, transport, raft.Configuration{Servers: servers}); err != nil {
		return nil, err
	}
	return raft.NewRaft(config, machine, store, store, snapshots, transport)
}

// converse answers each line of stdin by one line, until stdin ends.
func converse(node *raft.Raft, machine *counter) error {
	lines := bufio.NewScanner(os.Stdin)
	answers := json.NewEncoder(os.Stdout)
	for lines.Scan() {
		var question struct {
			Outstanding int
			Seconds     float64
			Bytes       int
		}
		if err := json.Unmarshal(lines.Bytes(), &question); err != nil {
			return err
		}
		answer := map[string]any{"leads": node.State() == raft.Leader, "applied": machine.applied.Load()}
		if question.Outstanding > 0 {
			var err error
			if answer, err = load(node, question.Outstanding, question.Seconds, question.Bytes); err != nil {
				return err
			}
		}
		if err := answers.Encode(answer); err != nil {
			return err
		}
	}
	return node.Shutdown().Error()
}

// load keeps so many proposals outstanding for so long, and waits for the last.
func load(node *raft.Raft, outstanding int, seconds float64, size int) (map[string]any, error) {
	latencies := make([][]float64, outstanding)
	failures := make(chan error, outstanding)
	var group sync.WaitGroup
	started := time.Now()
	end := started.Add(time.Duration(seconds * float64(time.Second)))
	for worker := range outstanding {
		group.Go(func() {
			for begun := time.Now(); begun.Before(end); begun = time.Now() {
				if err := node.Apply(make([]byte, size), applySeconds*time.Second).Error(); err != nil {
					failures <- err
					return
				}
				latencies[worker] = append(latencies[worker], time.Since(begun).Seconds())
			}
		})
	}
	group.Wait()
	elapsed := time.Since(started).Seconds()
	select {
	case err := <-failures:
		return nil, err
	default:
	}
	all := slices.Concat(latencies...)
	slices.Sort(all)
	return map[string]any{
		"count": len(all), "seconds": elapsed, "p50": all[len(all)/2], "p99": all[len(all)*99/100],
	}, nil
}
