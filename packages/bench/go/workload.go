package main

import (
	"context"
	"fmt"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// Keys are spelled as in src/workloads/workload.ts.
const keyPrefix = "bench/key-"

type workload struct {
	Name             string `json:"name"`
	Kind             string `json:"kind"`
	InFlight         int    `json:"inFlight"`
	ValueBytes       int    `json:"valueBytes"`
	Keys             uint64 `json:"keys"`
	KeysPerOperation int64  `json:"keysPerOperation"`
	Revisions        int64  `json:"revisions"`
	Held             int    `json:"held"`
	Read             bool   `json:"read"`
	TTLSeconds       int64  `json:"ttlSeconds"`
	Names            int    `json:"names"`
	Sessions         int    `json:"sessions"`
}

func keyAt(index int) string {
	return fmt.Sprintf("%s%06d", keyPrefix, index)
}

func valueOf(bytes int) string {
	content := make([]byte, bytes)
	for i := range content {
		content[i] = byte(i * 31)
	}
	return string(content)
}

// operation does the operation with this number and fails when it was not really done.
type operation func(ctx context.Context, index uint64) error

// work is operations of which all is prepared.
type work struct {
	do operation
	// finish looks whether everything was done, and adds to the sample what it found; nil where there is nothing to look at.
	finish func(ctx context.Context, found *sample) error
}

func (j job) begin(ctx context.Context, client *clientv3.Client) (*work, error) {
	switch j.Workload.Kind {
	case "lock", "lock-contended":
		return j.locks(ctx, client)
	case "stm":
		return j.transfers(ctx, client)
	case "leasing-get":
		return j.leasedReads(ctx, client)
	}
	do, err := j.Workload.operation(client)
	return &work{do: do}, err
}

func (w workload) operation(client *clientv3.Client) (operation, error) {
	keys := make([]string, w.Keys)
	for i := range keys {
		keys[i] = keyAt(i)
	}
	value := valueOf(w.ValueBytes)
	key := func(index uint64) string { return keys[index%w.Keys] }

	switch w.Kind {
	case "get":
		return func(ctx context.Context, index uint64) error {
			answer, err := client.Get(ctx, key(index))
			if err == nil && (len(answer.Kvs) != 1 || len(answer.Kvs[0].Value) != w.ValueBytes) {
				err = fmt.Errorf("%s: the value is not what it should be", w.Name)
			}
			return err
		}, nil
	case "put":
		return func(ctx context.Context, index uint64) error {
			_, err := client.Put(ctx, key(index), value)
			return err
		}, nil
	case "txn":
		return func(ctx context.Context, index uint64) error {
			compares := make([]clientv3.Cmp, 3)
			puts := make([]clientv3.Op, 3)
			for i := range uint64(3) {
				compares[i] = clientv3.Compare(clientv3.Version(key(index+i)), ">", 0)
				puts[i] = clientv3.OpPut(key(index+i), value)
			}
			answer, err := client.Txn(ctx).If(compares...).Then(puts...).Commit()
			if err == nil && !answer.Succeeded {
				err = fmt.Errorf("%s: the compares do not hold", w.Name)
			}
			return err
		}, nil
	case "range":
		return func(ctx context.Context, _ uint64) error {
			answer, err := client.Get(ctx, keyPrefix, clientv3.WithPrefix())
			if err == nil && uint64(len(answer.Kvs)) != w.Keys {
				err = fmt.Errorf("%s: got %d keys instead of %d", w.Name, len(answer.Kvs), w.Keys)
			}
			return err
		}, nil
	case "watch-fan-out":
		return w.fanOut(client, key(0), value)
	case "watch-catch-up":
		return w.catchUp(client), nil
	default:
		return nil, fmt.Errorf("workload: there is no kind %q", w.Kind)
	}
}
