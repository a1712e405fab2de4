package cli

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/go-cachify/cachify"
	"github.com/go-cachify/cachify/cmd/cachify/internal/exit"
	"github.com/go-cachify/cachify/cmd/cachify/internal/store"
	"github.com/go-cachify/cachify/driver"
)

// session is an open store and an instance on it.
type session struct {
	*cachify.Cachify
	settings store.Settings
	store    store.Store
}

// settings finds out which store to use.
func (a *app) settings(cmd *cobra.Command) (store.Settings, error) {
	s, err := store.Resolve(store.Flags{Store: given(cmd, "store"), Prefix: given(cmd, "prefix")}, a.getenv)
	if err != nil {
		return s, exit.Usagef("%w", err)
	}
	return s, nil
}

// given is the value of a flag, or nil if the command line does not have it.
func given(cmd *cobra.Command, name string) *string {
	if f := cmd.Flags().Lookup(name); f != nil && f.Changed {
		v := f.Value.String()
		return &v
	}
	return nil
}

// open opens the store. The session has to be closed.
func (a *app) open(cmd *cobra.Command, events *cachify.Events) (*session, error) {
	settings, err := a.settings(cmd)
	if err != nil {
		return nil, err
	}
	_, holds := cmd.Annotations[runsChild]
	settings.OnlyLook = !holds
	ctx := cmd.Context()
	st, err := settings.Open(ctx)
	if err != nil {
		return nil, failure(ctx, err)
	}
	c, err := cachify.New(st, &cachify.Config{
		Prefix: settings.Prefix, NoPrefix: settings.Prefix == "", Events: events,
	})
	if err != nil {
		return nil, failure(ctx, errors.Join(err, st.Close()))
	}
	return &session{Cachify: c, settings: settings, store: st}, nil
}

// close ends what is under way. What it could say has been said by then.
func (s *session) close(ctx context.Context) {
	_ = s.Close(context.WithoutCancel(ctx))
	_ = s.store.Close()
}

// failure gives an error of the library or a store its exit code.
func failure(ctx context.Context, err error) error {
	e := (*exit.Error)(nil)
	switch {
	case err == nil || errors.As(err, &e):
		return err
	case ctx.Err() != nil && errors.Is(err, context.Canceled):
		if end, ok := ending(ctx); ok {
			return end
		}
		return &exit.Error{Code: exit.Software, Err: err}
	case errors.Is(err, driver.ErrInvalid), errors.Is(err, cachify.ErrPoolSize), errors.Is(err, cachify.ErrUnsupported):
		return &exit.Error{Code: exit.Usage, Err: err}
	}
	return &exit.Error{Code: exit.Unavailable, Err: err}
}
