package main

import (
	"context"
	"fmt"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/concurrency"
)

// lockAt is spelled as in src/workloads/lock.ts.
func lockAt(index int) string {
	return fmt.Sprintf("bench/lock-%06d", index)
}

// locks takes and releases locks, each contender its own once at a time.
func (j job) locks(ctx context.Context, client *clientv3.Client) (*work, error) {
	w := j.Workload
	sessions := make([]*concurrency.Session, w.Sessions)
	err := inParallel(sessions, func(i int, _ *concurrency.Session) (err error) {
		sessions[i], err = concurrency.NewSession(client)
		return err
	})
	if err != nil {
		return nil, err
	}
	idle := make(chan *concurrency.Mutex, w.InFlight)
	for contender := range w.InFlight {
		idle <- concurrency.NewMutex(sessions[contender%w.Sessions], lockAt(contender%w.Names))
	}
	counted, err := beginTally(ctx, j.Endpoint)
	if err != nil {
		return nil, err
	}
	return &work{
		do: func(ctx context.Context, _ uint64) error {
			mutex := <-idle
			if err := mutex.Lock(ctx); err != nil {
				return err
			}
			if err := mutex.Unlock(ctx); err != nil {
				return err
			}
			counted.operations.Add(1)
			idle <- mutex
			return nil
		},
		finish: func(ctx context.Context, found *sample) error {
			each, err := counted.end(ctx)
			if err != nil {
				return err
			}
			if each[keysDeleted] < 1 {
				return fmt.Errorf("%s: %v keys were deleted by a release", w.Name, each[keysDeleted])
			}
			found.RequestsPerOperation = new(each[requestsReceived])
			found.EventsPerOperation = new(each[eventsSent])
			return inParallel(sessions, func(_ int, session *concurrency.Session) error { return session.Close() })
		},
	}, nil
}
