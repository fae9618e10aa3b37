package main

import (
	"context"
	"fmt"
	"strconv"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/concurrency"
)

// transfers moves 1 between two accounts, both of which are read in one request.
func (j job) transfers(ctx context.Context, client *clientv3.Client) (*work, error) {
	w := j.Workload
	counted, err := beginTally(ctx, j.Endpoint)
	if err != nil {
		return nil, err
	}
	return &work{
		do: func(ctx context.Context, index uint64) error {
			first, second := pairAt(uint32(index), uint32(w.Keys))
			from, to := keyAt(first), keyAt(second)
			apply := func(tx concurrency.STM) error {
				source, err := balanceOf(tx.Get(from))
				if err != nil {
					return err
				}
				target, err := balanceOf(tx.Get(to))
				if err != nil {
					return err
				}
				tx.Put(from, strconv.Itoa(source-1))
				tx.Put(to, strconv.Itoa(target+1))
				return nil
			}
			_, err := concurrency.NewSTM(client, apply, concurrency.WithAbortContext(ctx), concurrency.WithPrefetch(from, to))
			counted.operations.Add(1)
			return err
		},
		finish: func(ctx context.Context, found *sample) error {
			each, err := counted.end(ctx)
			if err != nil {
				return err
			}
			found.RequestsPerOperation = new(each[requestsReceived])
			answer, err := client.Get(ctx, keyPrefix, clientv3.WithPrefix())
			if err != nil {
				return err
			}
			total := 0
			for _, pair := range answer.Kvs {
				balance, err := balanceOf(string(pair.Value))
				if err != nil {
					return err
				}
				total += balance
			}
			if total != 0 {
				return fmt.Errorf("%s: the accounts hold %d instead of 0", w.Name, total)
			}
			return nil
		},
	}, nil
}

// balanceOf is what an account holds; an empty one holds 0.
func balanceOf(value string) (int, error) {
	if value == "" {
		return 0, nil
	}
	return strconv.Atoi(value)
}

// pairAt finds the two numbers that src/workloads/stm.ts finds for the same index.
func pairAt(index, count uint32) (first, second int) {
	mixed := index
	mixed = (mixed ^ mixed>>16) * 0x85ebca6b
	mixed = (mixed ^ mixed>>13) * 0xc2b2ae35
	mixed ^= mixed >> 16
	one := mixed % count
	distance := 1 + mixed/count%(count-1)
	return int(one), int((one + distance) % count)
}
