package main

import (
	"context"

	recipe "go.etcd.io/etcd/client/v3/experimental/recipes"
)

// None of these can be cancelled: the recipes take no context.
func (p *program) recipeCalls() map[string]handler {
	return map[string]handler{
		"barrier.hold":    p.withBarrier((*recipe.Barrier).Hold),
		"barrier.release": p.withBarrier((*recipe.Barrier).Release),
		"barrier.wait":    p.withBarrier((*recipe.Barrier).Wait),

		"doubleBarrier.enter": p.withDoubleBarrier((*recipe.DoubleBarrier).Enter),
		"doubleBarrier.leave": p.withDoubleBarrier((*recipe.DoubleBarrier).Leave),

		"queue.enqueue": func(_ context.Context, r *request, _ func(any)) (any, error) {
			return nil, recipe.NewQueue(p.client, r.Name).Enqueue(r.Value)
		},
		"queue.dequeue": func(_ context.Context, r *request, _ func(any)) (any, error) {
			return recipe.NewQueue(p.client, r.Name).Dequeue()
		},
		"priorityQueue.enqueue": func(_ context.Context, r *request, _ func(any)) (any, error) {
			return nil, recipe.NewPriorityQueue(p.client, r.Name).Enqueue(r.Value, r.Priority)
		},
		"priorityQueue.dequeue": func(_ context.Context, r *request, _ func(any)) (any, error) {
			return recipe.NewPriorityQueue(p.client, r.Name).Dequeue()
		},

		"rwMutex.lock":    p.withRWMutex((*recipe.RWMutex).Lock),
		"rwMutex.unlock":  p.withRWMutex((*recipe.RWMutex).Unlock),
		"rwMutex.rLock":   p.withRWMutex((*recipe.RWMutex).RLock),
		"rwMutex.rUnlock": p.withRWMutex((*recipe.RWMutex).RUnlock),
	}
}

func (p *program) withBarrier(call func(*recipe.Barrier) error) handler {
	return func(_ context.Context, r *request, _ func(any)) (any, error) {
		return nil, call(recipe.NewBarrier(p.client, r.Name))
	}
}

func (p *program) withDoubleBarrier(call func(*recipe.DoubleBarrier) error) handler {
	return func(_ context.Context, r *request, _ func(any)) (any, error) {
		session, err := p.session(r)
		if err != nil {
			return nil, err
		}
		barrier, err := object(p.objects, r, func() (*recipe.DoubleBarrier, error) {
			return recipe.NewDoubleBarrier(session, r.Name, r.Count), nil
		})
		if err != nil {
			return nil, err
		}
		return nil, call(barrier)
	}
}

func (p *program) withRWMutex(call func(*recipe.RWMutex) error) handler {
	return func(_ context.Context, r *request, _ func(any)) (any, error) {
		session, err := p.session(r)
		if err != nil {
			return nil, err
		}
		mutex, err := object(p.objects, r, func() (*recipe.RWMutex, error) {
			return recipe.NewRWMutex(session, r.Name), nil
		})
		if err != nil {
			return nil, err
		}
		return nil, call(mutex)
	}
}
