package main

import (
	"context"
	"strconv"

	"go.etcd.io/etcd/client/v3/concurrency"
)

// What has been taken, as the tests compare it with what they see in etcd.
type holding struct {
	Key      string `json:"key"`
	Revision int64  `json:"revision,string"`
}

func (p *program) concurrencyCalls() map[string]handler {
	return map[string]handler{
		"session.open": func(_ context.Context, r *request, _ func(any)) (any, error) {
			session, err := object(p.objects, &request{Session: r.Session}, func() (*concurrency.Session, error) {
				return concurrency.NewSession(p.client, concurrency.WithTTL(r.TTLSeconds))
			})
			if err != nil {
				return nil, err
			}
			return map[string]string{"leaseId": strconv.FormatInt(int64(session.Lease()), 10)}, nil
		},
		"session.close": func(_ context.Context, r *request, _ func(any)) (any, error) {
			session, err := p.session(r)
			if err != nil {
				return nil, err
			}
			return nil, session.Close()
		},
		"mutex.lock":    p.withMutex((*concurrency.Mutex).Lock),
		"mutex.tryLock": p.withMutex((*concurrency.Mutex).TryLock),
		"mutex.unlock":  p.withMutex((*concurrency.Mutex).Unlock),
		"election.campaign": p.withElection(func(e *concurrency.Election, ctx context.Context, r *request) error {
			return e.Campaign(ctx, r.Value)
		}),
		"election.proclaim": p.withElection(func(e *concurrency.Election, ctx context.Context, r *request) error {
			return e.Proclaim(ctx, r.Value)
		}),
		"election.resign": p.withElection(func(e *concurrency.Election, ctx context.Context, _ *request) error {
			return e.Resign(ctx)
		}),
		"election.leader": func(ctx context.Context, r *request, _ func(any)) (any, error) {
			election, err := p.election(r)
			if err != nil {
				return nil, err
			}
			leader, err := election.Leader(ctx)
			if err != nil {
				return nil, err
			}
			return map[string]string{"key": string(leader.Kvs[0].Key), "value": string(leader.Kvs[0].Value)}, nil
		},
		"election.observe": func(ctx context.Context, r *request, tell func(any)) (any, error) {
			election, err := p.election(r)
			if err != nil {
				return nil, err
			}
			for response := range election.Observe(ctx) {
				tell(string(response.Kvs[0].Value))
			}
			return nil, nil
		},
	}
}

func (p *program) session(r *request) (*concurrency.Session, error) {
	return object(p.objects, &request{Session: r.Session}, func() (*concurrency.Session, error) { return nil, errNoSession })
}

func (p *program) withMutex(call func(*concurrency.Mutex, context.Context) error) handler {
	return func(ctx context.Context, r *request, _ func(any)) (any, error) {
		session, err := p.session(r)
		if err != nil {
			return nil, err
		}
		mutex, err := object(p.objects, r, func() (*concurrency.Mutex, error) {
			return concurrency.NewMutex(session, r.Name), nil
		})
		if err != nil {
			return nil, err
		}
		if err := call(mutex, ctx); err != nil {
			return nil, err
		}
		return holding{Key: mutex.Key(), Revision: mutex.Header().Revision}, nil
	}
}

func (p *program) election(r *request) (*concurrency.Election, error) {
	session, err := p.session(r)
	if err != nil {
		return nil, err
	}
	return object(p.objects, r, func() (*concurrency.Election, error) {
		return concurrency.NewElection(session, r.Name), nil
	})
}

func (p *program) withElection(call func(*concurrency.Election, context.Context, *request) error) handler {
	return func(ctx context.Context, r *request, _ func(any)) (any, error) {
		election, err := p.election(r)
		if err != nil {
			return nil, err
		}
		if err := call(election, ctx, r); err != nil {
			return nil, err
		}
		return holding{Key: election.Key(), Revision: election.Rev()}, nil
	}
}
