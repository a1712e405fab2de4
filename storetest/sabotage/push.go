package sabotage

import (
	"context"
	"sync"
	"time"

	"github.com/go-cachify/cachify/driver"
)

var pushSabotages = []Sabotage{
	{
		Name:     "lost-wake-ups",
		Explains: "No hand-over is pushed: every waiter finds out by its next look only, so each hand-over takes a poll interval.",
		Rule:     "hand-over-pushed",
		Wrap: func(in driver.Store) driver.Store {
			s := over(in)
			s.listen = func(ctx context.Context, name, client string, _ func(driver.Wake)) (func(), error) {
				return s.caps.Queue.Listen(ctx, name, client, func(driver.Wake) {})
			}
			return s
		},
	},
	{
		Name:     "evict-wakes-nobody",
		Explains: "Evict serves those who wait but does not tell them, because only Release was thought of.",
		Rule:     "every-hand-over-pushed",
		Wrap: func(in driver.Store) driver.Store {
			s := over(in)
			var mu sync.Mutex
			evicting := map[string]bool{}
			set := func(name string, on bool) {
				mu.Lock()
				defer mu.Unlock()
				evicting[name] = on
			}
			s.evict = func(ctx context.Context, name string) error {
				set(name, true)
				defer set(name, false)
				return in.Evict(ctx, name)
			}
			s.listen = func(ctx context.Context, name, client string, wake func(driver.Wake)) (func(), error) {
				return s.caps.Queue.Listen(ctx, name, client, func(w driver.Wake) {
					mu.Lock()
					quiet := evicting[name]
					mu.Unlock()
					if !quiet {
						wake(w)
					}
				})
			}
			return s
		},
	},
	{
		Name:     "wakes-everybody",
		Explains: "Each hand-over is pushed to all who listen to the name, as a lease of theirs.",
		Rule:     "hand-over-pushed",
		Wrap: func(in driver.Store) driver.Store {
			s := over(in)
			var mu sync.Mutex
			next := 0
			ears := map[string]map[int]func(driver.Wake){}
			s.listen = func(ctx context.Context, name, client string, wake func(driver.Wake)) (func(), error) {
				mu.Lock()
				defer mu.Unlock()
				next++
				id := next
				if ears[name] == nil {
					ears[name] = map[int]func(driver.Wake){}
				}
				ears[name][id] = wake
				stop, err := s.caps.Queue.Listen(ctx, name, client, func(w driver.Wake) {
					mu.Lock()
					var all []func(driver.Wake)
					for _, f := range ears[name] {
						all = append(all, f)
					}
					mu.Unlock()
					for _, f := range all {
						f(w)
					}
				})
				if err != nil {
					delete(ears[name], id)
					return nil, err
				}
				return func() {
					stop()
					mu.Lock()
					defer mu.Unlock()
					delete(ears[name], id)
				}, nil
			}
			return s
		},
	},
	{
		Name:     "deaf-to-stop",
		Explains: "stop does nothing: pushes go on to a waiter that has gone.",
		Rule:     "listen-stops",
		Wrap: func(in driver.Store) driver.Store {
			s := over(in)
			s.listen = func(ctx context.Context, name, client string, wake func(driver.Wake)) (func(), error) {
				if _, err := s.caps.Queue.Listen(ctx, name, client, wake); err != nil {
					return nil, err
				}
				return func() {}, nil
			}
			return s
		},
	},
	{
		Name:     "quiet-shortening",
		Explains: "Extend to a shorter time tells nobody: those who wait sleep until the longer time is over.",
		Rule:     "shorter-wakes",
		Wrap: func(in driver.Store) driver.Store {
			s := over(in)
			s.listen = func(ctx context.Context, name, client string, wake func(driver.Wake)) (func(), error) {
				return s.caps.Queue.Listen(ctx, name, client, func(w driver.Wake) {
					if w.Grant.Holder != "" {
						wake(w)
					}
				})
			}
			return s
		},
	},
	{
		Name:     "look-counts-all",
		Explains: "Look tells how many wait, and not how many of them are the client's: a client that has lost its place does not notice.",
		Rule:     "look-tells",
		Wrap: func(in driver.Store) driver.Store {
			s := over(in)
			s.look = func(ctx context.Context, name, client string, patience time.Duration) (driver.Sight, error) {
				sight, err := s.caps.Queue.Look(ctx, name, client, patience)
				if err != nil {
					return sight, err
				}
				o, err := in.Holders(ctx, name)
				sight.Waiting = o.Waiting
				return sight, err
			}
			return s
		},
	},
}
