package main

import (
	"context"
	"fmt"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// openWatches watches one key that many times, all on the stream that belongs to the context.
func openWatches(ctx context.Context, client *clientv3.Client, key string, count int) ([]clientv3.WatchChan, error) {
	watches := make([]clientv3.WatchChan, count)
	for i := range watches {
		watches[i] = client.Watch(ctx, key) // returns when it stands
		if watches[i] == nil {
			return nil, fmt.Errorf("watch %d was not created", i)
		}
	}
	return watches, ctx.Err()
}

// nextEvent is one event with a value of that many bytes.
func nextEvent(watch clientv3.WatchChan, valueBytes int) error {
	answer, open := <-watch
	if err := answer.Err(); err != nil {
		return err
	}
	if !open {
		return fmt.Errorf("a watch has ended by itself")
	}
	if len(answer.Events) != 1 || len(answer.Events[0].Kv.Value) != valueBytes {
		return fmt.Errorf("a watch has %d events, or not the value that was put", len(answer.Events))
	}
	return nil
}

// readWatches reads each by a goroutine of its own, and tells of every event or of what ended one.
func readWatches(watches []clientv3.WatchChan, valueBytes int) <-chan error {
	seen := make(chan error, len(watches))
	for _, watch := range watches {
		go func() {
			for {
				err := nextEvent(watch, valueBytes)
				seen <- err
				if err != nil {
					return
				}
			}
		}()
	}
	return seen
}

// putAndSee puts the key that is watched, and returns when all watches have seen it.
func putAndSee(ctx context.Context, client *clientv3.Client, key, value string, watches int, seen <-chan error) error {
	if _, err := client.Put(ctx, key, value); err != nil {
		return err
	}
	for range watches {
		if err := <-seen; err != nil {
			return err
		}
	}
	return nil
}

// fanOut puts a key that is watched many times, each time by a goroutine of its own, and ends when all have seen it.
func (w workload) fanOut(client *clientv3.Client, key, value string) (operation, error) {
	watches, err := openWatches(context.Background(), client, key, w.Held)
	if err != nil {
		return nil, err
	}
	seen := readWatches(watches, w.ValueBytes)
	return func(ctx context.Context, _ uint64) error {
		return putAndSee(ctx, client, key, value, len(watches), seen)
	}, nil
}

// catchUp watches everything from revision 1 on to the last one that was written.
func (w workload) catchUp(client *clientv3.Client) operation {
	until := w.Revisions + 1 // a store begins at revision 1, before anything was written
	return func(ctx context.Context, _ uint64) error {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		var count, last int64
		for answer := range client.Watch(ctx, keyPrefix, clientv3.WithPrefix(), clientv3.WithRev(1)) {
			if err := answer.Err(); err != nil {
				return err
			}
			if events := len(answer.Events); events > 0 {
				count += int64(events)
				last = answer.Events[events-1].Kv.ModRevision
			}
			if last >= until {
				break
			}
		}
		if last != until || count != w.KeysPerOperation {
			return fmt.Errorf("%s: %d events up to revision %d instead of %d up to %d", w.Name, count, last, w.KeysPerOperation, until)
		}
		return nil
	}
}
