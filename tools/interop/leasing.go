package main

import (
	"context"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/leasing"
)

// What a read found. Revision is that of its answer.
type reading struct {
	Value    *string `json:"value"`
	Version  int64   `json:"version"`
	Revision int64   `json:"revision,string"`
}

// A request's name is the prefix of the leasing keys, and its key the user's.
func (p *program) leasingCalls() map[string]handler {
	return map[string]handler{
		"leasing.get": p.withLeasing(func(ctx context.Context, kv clientv3.KV, r *request) (any, error) {
			got, err := kv.Get(ctx, r.Key)
			if err != nil {
				return nil, err
			}
			found := reading{Revision: got.Header.Revision}
			for _, each := range got.Kvs {
				value := string(each.Value)
				found.Value, found.Version = &value, each.Version
			}
			return found, nil
		}),
		"leasing.put": p.withLeasing(func(ctx context.Context, kv clientv3.KV, r *request) (any, error) {
			_, err := kv.Put(ctx, r.Key, r.Value)
			return nil, err
		}),
		"leasing.delete": p.withLeasing(func(ctx context.Context, kv clientv3.KV, r *request) (any, error) {
			_, err := kv.Delete(ctx, r.Key)
			return nil, err
		}),
		"leasing.deletePrefix": p.withLeasing(func(ctx context.Context, kv clientv3.KV, r *request) (any, error) {
			_, err := kv.Delete(ctx, r.Key, clientv3.WithPrefix())
			return nil, err
		}),
		// Writes several keys if the request's key has the request's value.
		"leasing.txn": p.withLeasing(func(ctx context.Context, kv clientv3.KV, r *request) (any, error) {
			var puts []clientv3.Op
			for key, value := range r.Puts {
				puts = append(puts, clientv3.OpPut(key, value))
			}
			compare := clientv3.Compare(clientv3.Value(r.Key), "=", r.Value)
			done, err := kv.Txn(ctx).If(compare).Then(puts...).Commit()
			if err != nil {
				return nil, err
			}
			return map[string]bool{"succeeded": done.Succeeded}, nil
		}),
	}
}

func (p *program) withLeasing(call func(context.Context, clientv3.KV, *request) (any, error)) handler {
	return func(ctx context.Context, r *request, _ func(any)) (any, error) {
		kv, err := object(p.objects, &request{Name: r.Name}, func() (clientv3.KV, error) {
			kv, _, err := leasing.NewKV(p.client, r.Name)
			return kv, err
		})
		if err != nil {
			return nil, err
		}
		return call(ctx, kv, r)
	}
}
