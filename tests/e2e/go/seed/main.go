// SPDX-License-Identifier: Apache-2.0

// The smallest program of etcd's Go client: dial with a timeout of five seconds, put, get, print the value, close.
// Usage: go-seed [ENDPOINT]
package main

import (
	"context"
	"fmt"
	"os"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
)

func main() {
	endpoint := "localhost:2379"
	if len(os.Args) > 1 {
		endpoint = os.Args[1]
	}
	if err := run(endpoint); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(endpoint string) error {
	client, err := clientv3.New(clientv3.Config{Endpoints: []string{endpoint}, DialTimeout: 5 * time.Second})
	if err != nil {
		return err
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if _, err := client.Put(ctx, "key", "value"); err != nil {
		return err
	}
	response, err := client.Get(ctx, "key")
	if err != nil {
		return err
	}
	for _, pair := range response.Kvs {
		fmt.Println(string(pair.Value))
	}
	return nil
}
