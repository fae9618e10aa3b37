package main

import (
	"context"
	"net/url"

	"go.etcd.io/etcd/client/v3/naming/endpoints"
	"go.etcd.io/etcd/client/v3/naming/resolver"
	gresolver "google.golang.org/grpc/resolver"
	"google.golang.org/grpc/serviceconfig"
)

type address struct {
	Addr     string `json:"addr"`
	Metadata any    `json:"metadata"`
}

type change struct {
	Key    string `json:"key"`
	Delete bool   `json:"delete"`
	address
}

// A request's name is the target.
func (p *program) namingCalls() map[string]handler {
	return map[string]handler{
		"endpoints.update": p.withManager(func(ctx context.Context, m endpoints.Manager, r *request, _ func(any)) (any, error) {
			var updates []*endpoints.UpdateWithOpts
			for key, each := range r.Add {
				added := endpoints.Endpoint{Addr: each.Addr, Metadata: each.Metadata}
				updates = append(updates, endpoints.NewAddUpdateOpts(key, added))
			}
			for _, key := range r.Delete {
				updates = append(updates, endpoints.NewDeleteUpdateOpts(key))
			}
			return nil, m.Update(ctx, updates)
		}),
		"endpoints.list": p.withManager(func(ctx context.Context, m endpoints.Manager, _ *request, _ func(any)) (any, error) {
			found, err := m.List(ctx)
			if err != nil {
				return nil, err
			}
			list := map[string]address{}
			for key, each := range found {
				list[key] = address{Addr: each.Addr, Metadata: each.Metadata}
			}
			return list, nil
		}),
		"endpoints.watch": p.withManager(func(ctx context.Context, m endpoints.Manager, _ *request, tell func(any)) (any, error) {
			batches, err := m.NewWatchChannel(ctx)
			if err != nil {
				return nil, err
			}
			for batch := range batches {
				var changes []change
				for _, each := range batch {
					known := address{Addr: each.Endpoint.Addr, Metadata: each.Endpoint.Metadata}
					changes = append(changes, change{Key: each.Key, Delete: each.Op == endpoints.Delete, address: known})
				}
				tell(changes)
			}
			return nil, nil
		}),
		// Tells the addresses that a gRPC channel would get, each time that they change.
		"resolver.watch": func(ctx context.Context, r *request, tell func(any)) (any, error) {
			builder, err := resolver.NewBuilder(p.client)
			if err != nil {
				return nil, err
			}
			target := gresolver.Target{URL: url.URL{Scheme: builder.Scheme(), Path: "/" + r.Name}}
			built, err := builder.Build(target, teller{tell}, gresolver.BuildOptions{})
			if err != nil {
				return nil, err
			}
			<-ctx.Done()
			built.Close()
			return nil, nil
		},
	}
}

func (p *program) withManager(call func(context.Context, endpoints.Manager, *request, func(any)) (any, error)) handler {
	return func(ctx context.Context, r *request, tell func(any)) (any, error) {
		manager, err := endpoints.NewManager(p.client, r.Name)
		if err != nil {
			return nil, err
		}
		return call(ctx, manager, r, tell)
	}
}

// The channel that a resolver feeds.
type teller struct{ tell func(any) }

func (t teller) UpdateState(state gresolver.State) error {
	addresses := []string{}
	for _, each := range state.Endpoints {
		for _, one := range each.Addresses {
			addresses = append(addresses, one.Addr)
		}
	}
	t.tell(addresses)
	return nil
}
func (t teller) ReportError(err error)                                { t.tell(err.Error()) }
func (t teller) NewAddress([]gresolver.Address)                       {}
func (t teller) ParseServiceConfig(string) *serviceconfig.ParseResult { return nil }
