// SPDX-License-Identifier: Apache-2.0

// Writers of unique keys by etcd's Go client, until stdin ends; each line on stdin is answered by a line of JSON that
// tells what happened since the line before. Every writer has a client of its own. With --reads it reads each key back
// at once, linearizably, and an answer that lacks the write counts as wrong. With --record every acknowledged write is
// a line "writer number revision" of that file when the program ends.
// Usage: go-load --endpoints A,B,C [--writers 3] [--pin] [--reads] [--rate 0] [--timeout 2s] [--redial 0s]
// [--prefix load] [--bytes 0] [--record FILE]
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
)

// options are the flags.
type options struct {
	endpoints []string
	prefix    string
	pin       bool
	reads     bool
	rate      float64
	timeout   time.Duration
	redial    time.Duration
	bytes     int
}

// tally is what happened since the last line on stdin. Times are in milliseconds.
type tally struct {
	Acknowledged int            `json:"acknowledged"`
	Errors       map[string]int `json:"errors"`
	Wrong        []string       `json:"wrong"`
	Gap          float64        `json:"gap_ms"`     // longest time in which no writer was acknowledged
	Slowest      float64        `json:"slowest_ms"` // the slowest acknowledged write
}

// ledger gathers from all writers.
type ledger struct {
	lock   sync.Mutex
	now    tally
	latest time.Time
	record *bufio.Writer
}

func main() {
	var o options
	endpoints := flag.String("endpoints", "127.0.0.1:2379", "HOST:PORT,...")
	writers := flag.Int("writers", 3, "how many write at a time")
	record := flag.String("record", "", "file for the acknowledged writes")
	flag.StringVar(&o.prefix, "prefix", "load", "of all keys")
	flag.BoolVar(&o.pin, "pin", false, "each writer knows one endpoint only")
	flag.BoolVar(&o.reads, "reads", false, "read each write back")
	flag.Float64Var(&o.rate, "rate", 0, "most writes a second of each writer (0: as fast as it can)")
	flag.DurationVar(&o.timeout, "timeout", 2*time.Second, "of each call")
	flag.DurationVar(&o.redial, "redial", 0, "longest pause between dials (0: the client's default)")
	flag.IntVar(&o.bytes, "bytes", 0, "pad values to this size")
	flag.Parse()
	o.endpoints = strings.Split(*endpoints, ",")
	if err := run(o, *writers, *record); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(o options, writers int, record string) error {
	book := &ledger{now: tally{Errors: map[string]int{}}, latest: time.Now()}
	if record != "" {
		file, err := os.Create(record)
		if err != nil {
			return err
		}
		defer file.Close()
		book.record = bufio.NewWriter(file)
		defer book.record.Flush()
	}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	var group sync.WaitGroup
	for number := range writers {
		client, err := connect(o, number)
		if err != nil {
			return err
		}
		defer client.Close()
		group.Go(func() { write(ctx, o, book, client, number) })
	}
	lines := bufio.NewScanner(os.Stdin)
	answers := json.NewEncoder(os.Stdout)
	for lines.Scan() {
		if err := answers.Encode(book.take()); err != nil {
			return err
		}
	}
	stop()
	group.Wait()
	return answers.Encode(book.take())
}

func connect(o options, number int) (*clientv3.Client, error) {
	config := clientv3.Config{Endpoints: o.endpoints, Logger: zap.NewNop()}
	if o.pin {
		config.Endpoints = o.endpoints[number%len(o.endpoints):][:1]
	}
	if o.redial > 0 {
		pauses := backoff.Config{BaseDelay: o.redial, Multiplier: 1, MaxDelay: o.redial}
		params := grpc.ConnectParams{Backoff: pauses, MinConnectTimeout: time.Second}
		config.DialOptions = []grpc.DialOption{grpc.WithConnectParams(params)}
	}
	return clientv3.New(config)
}

// write puts one unique key after another.
func write(ctx context.Context, o options, book *ledger, client *clientv3.Client, writer int) {
	padding := strings.Repeat(".", o.bytes)
	var pause time.Duration
	if o.rate > 0 {
		pause = time.Duration(float64(time.Second) / o.rate)
	}
	for number := 1; ctx.Err() == nil; number++ {
		key := fmt.Sprintf("%s/%03d/%09d", o.prefix, writer, number)
		value := fmt.Sprintf("%d-%d", writer, number)
		value += padding[min(len(value), len(padding)):]
		begun := time.Now()
		if one(ctx, o, book, client, writer, number, key, value) != nil {
			rest(ctx, 10*time.Millisecond) // an error that comes at once shall not make a busy loop
		}
		rest(ctx, pause-time.Since(begun))
	}
}

func one(
	ctx context.Context, o options, book *ledger, client *clientv3.Client, writer, number int, key, value string,
) error {
	begun := time.Now()
	revision, err := put(ctx, o, client, key, value)
	if err != nil {
		if ctx.Err() == nil {
			book.failed("put", err)
		}
		return err
	}
	book.acknowledged(writer, number, revision, time.Since(begun))
	if !o.reads {
		return nil
	}
	limited, cancel := context.WithTimeout(ctx, o.timeout)
	defer cancel()
	response, err := client.Get(limited, key)
	if err != nil {
		if ctx.Err() == nil {
			book.failed("get", err)
		}
		return err
	}
	if len(response.Kvs) != 1 || string(response.Kvs[0].Value) != value || response.Kvs[0].ModRevision != revision {
		book.wrong(fmt.Sprintf("%s written at %d, read at %d: %v", key, revision, response.Header.Revision, response.Kvs))
	}
	return nil
}

func put(ctx context.Context, o options, client *clientv3.Client, key, value string) (int64, error) {
	limited, cancel := context.WithTimeout(ctx, o.timeout)
	defer cancel()
	response, err := client.Put(limited, key, value)
	if err != nil {
		return 0, err
	}
	return response.Header.Revision, nil
}

func rest(ctx context.Context, pause time.Duration) {
	if pause <= 0 {
		return
	}
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

func milliseconds(duration time.Duration) float64 {
	return float64(duration) / float64(time.Millisecond)
}

func (l *ledger) acknowledged(writer, number int, revision int64, latency time.Duration) {
	l.lock.Lock()
	defer l.lock.Unlock()
	l.now.Acknowledged++
	l.now.Slowest = max(l.now.Slowest, milliseconds(latency))
	l.widen()
	l.latest = time.Now()
	if l.record != nil {
		fmt.Fprintln(l.record, writer, number, revision)
	}
}

// widen counts the time since the latest acknowledged write.
func (l *ledger) widen() { l.now.Gap = max(l.now.Gap, milliseconds(time.Since(l.latest))) }

func (l *ledger) failed(call string, err error) {
	text := err.Error()
	if errors.Is(err, context.DeadlineExceeded) {
		text = "deadline exceeded"
	}
	l.lock.Lock()
	defer l.lock.Unlock()
	l.now.Errors[call+": "+text]++
}

func (l *ledger) wrong(text string) {
	l.lock.Lock()
	defer l.lock.Unlock()
	l.now.Wrong = append(l.now.Wrong, text)
}

func (l *ledger) take() tally {
	l.lock.Lock()
	defer l.lock.Unlock()
	l.widen()
	taken := l.now
	l.now = tally{Errors: map[string]int{}}
	return taken
}
