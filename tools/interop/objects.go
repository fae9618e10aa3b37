package main

import (
	"fmt"
	"sync"
)

// The objects of the program, by their kind and the names that requests give them.
type objects struct {
	mu  sync.Mutex
	all map[string]any
}

func newObjects() *objects { return &objects{all: map[string]any{}} }

// The object of a request, made when it is first asked for.
func object[T any](o *objects, r *request, make func() (T, error)) (T, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	var none T
	key := fmt.Sprintf("%T %q %q %q", none, r.Session, r.Name, r.Instance)
	if found, exists := o.all[key]; exists {
		return found.(T), nil
	}
	made, err := make()
	if err != nil {
		return none, err
	}
	o.all[key] = made
	return made, nil
}
