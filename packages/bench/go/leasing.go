package main

import (
	"context"
	"fmt"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/leasing"
)

const leasingPrefix = "bench/leasing/"

// leasedReads reads all keys one after the other, which the client owns.
func (j job) leasedReads(ctx context.Context, client *clientv3.Client) (*work, error) {
	w := j.Workload
	kv, closeKV, err := leasing.NewKV(client, leasingPrefix)
	if err != nil {
		return nil, err
	}
	keys := make([]string, w.Keys)
	for i := range keys {
		keys[i] = keyAt(i)
	}
	readAll := func(ctx context.Context) error {
		for _, key := range keys {
			answer, err := kv.Get(ctx, key)
			if err != nil {
				return err
			}
			if len(answer.Kvs) != 1 || len(answer.Kvs[0].Value) != w.ValueBytes {
				return fmt.Errorf("%s: the value of %s is not what it should be", w.Name, key)
			}
		}
		return nil
	}
	if err := readAll(ctx); err != nil { // which makes them owned
		return nil, err
	}
	counted, err := beginTally(ctx, j.Endpoint)
	if err != nil {
		return nil, err
	}
	return &work{
		do: func(ctx context.Context, _ uint64) error {
			counted.operations.Add(1)
			return readAll(ctx)
		},
		finish: func(ctx context.Context, found *sample) error {
			each, err := counted.end(ctx)
			if err != nil {
				return err
			}
			found.RequestsPerOperation = new(each[requestsReceived])
			closeKV()
			return nil
		},
	}, nil
}
