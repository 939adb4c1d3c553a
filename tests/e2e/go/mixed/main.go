// SPDX-License-Identifier: Apache-2.0

// Many mixed calls by grpc-go: unary calls checked by their answers, server and bidirectional streams, calls cancelled
// on the way and calls with a deadline too short, from workers that share connections. Any answer that is wrong, or
// any failure that was not asked for, ends the program with exit code 1.
// Usage: go-mixed --endpoint HOST:PORT [--ca FILE] [--calls 10000] [--workers 32] [--connections 4]
package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math/rand"
	"os"
	"sync"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	health "google.golang.org/grpc/health/grpc_health_v1"
	reflection "google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/status"
)

// worker holds what one goroutine needs; its keys are its own, so that it knows every answer.
type worker struct {
	number  int
	link    *grpc.ClientConn
	random  *rand.Rand
	kv      pb.KVClient
	health  health.HealthClient
	reflect reflection.ServerReflectionClient
	counts  map[string]int
	version int64
}

func main() {
	endpoint := flag.String("endpoint", "127.0.0.1:2379", "HOST:PORT")
	ca := flag.String("ca", "", "PEM file of the authority that signed the server's certificate (TLS)")
	calls := flag.Int("calls", 10000, "how many calls in all")
	workers := flag.Int("workers", 32, "how many at a time")
	connections := flag.Int("connections", 4, "over how many connections")
	flag.Parse()
	if err := run(*endpoint, *ca, *calls, *workers, *connections); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(endpoint, ca string, calls, workers, connections int) error {
	security := insecure.NewCredentials()
	if ca != "" {
		pem, err := os.ReadFile(ca)
		if err != nil {
			return err
		}
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(pem) {
			return errors.New("no certificate in " + ca)
		}
		security = credentials.NewTLS(&tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12})
	}
	links := make([]*grpc.ClientConn, connections)
	for i := range links {
		link, err := grpc.NewClient(endpoint, grpc.WithTransportCredentials(security))
		if err != nil {
			return err
		}
		defer link.Close()
		links[i] = link
	}
	totals := map[string]int{}
	failures := make(chan error, workers)
	var lock sync.Mutex
	var group sync.WaitGroup
	for number := range workers {
		link := links[number%connections]
		w := &worker{
			number: number, link: link, random: rand.New(rand.NewSource(int64(number))), counts: map[string]int{},
			kv: pb.NewKVClient(link), health: health.NewHealthClient(link),
			reflect: reflection.NewServerReflectionClient(link),
		}
		share := calls / workers
		if number < calls%workers {
			share++
		}
		group.Go(func() {
			for range share {
				if err := w.one(); err != nil {
					failures <- fmt.Errorf("worker %d: %w", number, err)
					return
				}
			}
			lock.Lock()
			defer lock.Unlock()
			for kind, count := range w.counts {
				totals[kind] += count
			}
		})
	}
	group.Wait()
	select {
	case err := <-failures:
		return err
	default:
	}
	return json.NewEncoder(os.Stdout).Encode(totals)
}

// one makes one call of a kind drawn by chance.
func (w *worker) one() error {
	kinds := []struct {
		name string
		call func(context.Context) error
	}{
		{"put", w.put}, {"range", w.get}, {"txn", w.txn}, {"health", w.check},
		{"watch_stream", w.watchHealth}, {"reflection_stream", w.reflection},
		{"cancelled", w.cancelled}, {"deadline", w.deadline}, {"unknown_method", w.unknown},
	}
	weights := []int{30, 30, 10, 5, 5, 5, 8, 5, 2}
	draw := w.random.Intn(100)
	for i, kind := range kinds {
		if draw -= weights[i]; draw < 0 {
			ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
			defer cancel()
			if err := kind.call(ctx); err != nil {
				return fmt.Errorf("%s: %w", kind.name, err)
			}
			w.counts[kind.name]++
			return nil
		}
	}
	return errors.New("weights do not add up to 100")
}

func (w *worker) key() []byte { return fmt.Appendf(nil, "mixed/go/%d", w.number) }

func (w *worker) value() []byte { return fmt.Appendf(nil, "%d-%d", w.number, w.version) }

func (w *worker) put(ctx context.Context) error {
	w.version++
	_, err := w.kv.Put(ctx, &pb.PutRequest{Key: w.key(), Value: w.value()})
	return err
}

func (w *worker) get(ctx context.Context) error {
	response, err := w.kv.Range(ctx, &pb.RangeRequest{Key: w.key()})
	if err != nil || w.version == 0 {
		return err
	}
	if len(response.Kvs) != 1 || string(response.Kvs[0].Value) != string(w.value()) {
		return fmt.Errorf("got %v, want %s", response.Kvs, w.value())
	}
	return nil
}

func (w *worker) txn(ctx context.Context) error {
	before := w.value()
	known := w.version > 0
	w.version++
	put := &pb.RequestOp{Request: &pb.RequestOp_RequestPut{RequestPut: &pb.PutRequest{Key: w.key(), Value: w.value()}}}
	compare := &pb.Compare{
		Key: w.key(), Target: pb.Compare_VALUE, Result: pb.Compare_EQUAL, TargetUnion: &pb.Compare_Value{Value: before},
	}
	response, err := w.kv.Txn(ctx, &pb.TxnRequest{
		Compare: []*pb.Compare{compare}, Success: []*pb.RequestOp{put}, Failure: []*pb.RequestOp{put},
	})
	if err == nil && known && !response.Succeeded {
		return errors.New("a compare with the value last written was false")
	}
	return err
}

func (w *worker) check(ctx context.Context) error {
	response, err := w.health.Check(ctx, &health.HealthCheckRequest{})
	if err == nil && response.Status != health.HealthCheckResponse_SERVING {
		return fmt.Errorf("status %v", response.Status)
	}
	return err
}

// watchHealth opens a server stream, takes its first message, and cancels it.
func (w *worker) watchHealth(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := w.health.Watch(ctx, &health.HealthCheckRequest{})
	if err != nil {
		return err
	}
	if _, err := stream.Recv(); err != nil {
		return err
	}
	cancel()
	if _, err := stream.Recv(); status.Code(err) != codes.Canceled {
		return fmt.Errorf("after the cancel: %v", err)
	}
	return nil
}

// reflection exchanges some messages over a bidirectional stream and closes it in order.
func (w *worker) reflection(ctx context.Context) error {
	stream, err := w.reflect.ServerReflectionInfo(ctx)
	if err != nil {
		return err
	}
	request := &reflection.ServerReflectionRequest{
		MessageRequest: &reflection.ServerReflectionRequest_ListServices{ListServices: ""},
	}
	for range 1 + w.random.Intn(3) {
		if err := stream.Send(request); err != nil {
			return err
		}
		response, err := stream.Recv()
		if err != nil {
			return err
		}
		if len(response.GetListServicesResponse().GetService()) == 0 {
			return errors.New("no services")
		}
	}
	return stream.CloseSend()
}

// cancelled gives up a read at some moment of its way; it may also have been answered before.
func (w *worker) cancelled(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	timer := time.AfterFunc(time.Duration(w.random.Intn(2000))*time.Microsecond, cancel)
	defer timer.Stop()
	defer cancel()
	return allowed(w.read(ctx), codes.OK, codes.Canceled)
}

// deadline gives a read less time than it may need.
func (w *worker) deadline(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Duration(w.random.Intn(1500))*time.Microsecond)
	defer cancel()
	return allowed(w.read(ctx), codes.OK, codes.DeadlineExceeded)
}

func (w *worker) read(ctx context.Context) error {
	_, err := w.kv.Range(ctx, &pb.RangeRequest{Key: []byte("mixed/"), RangeEnd: []byte("mixed0"), Limit: 100})
	return err
}

func (w *worker) unknown(ctx context.Context) error {
	err := w.link.Invoke(ctx, "/etcdserverpb.KV/NoSuchMethod", &pb.RangeRequest{}, &pb.RangeResponse{})
	return allowed(err, codes.Unimplemented)
}

func allowed(err error, wanted ...codes.Code) error {
	for _, code := range wanted {
		if status.Code(err) == code {
			return nil
		}
	}
	return fmt.Errorf("code %v: %v", status.Code(err), err)
}
