package wait

import (
	"context"
	"fmt"
	"runtime"

	"golang.org/x/sync/singleflight"
)

// Flight makes one call for all who ask for the same at the same time. The zero value is ready. It may be used by many
// goroutines, and must not be copied.
type Flight[T any] struct{ group singleflight.Group }

// Do returns what call gives, or what a call under the same key gives that is under way. The call has the values of the context
// that began it and goes on for the others when that one ends, so it must have a bound of its own. A caller whose context ends
// gets that context's error. The answer is shared, so it is read-only.
func (f *Flight[T]) Do(ctx context.Context, key string, call func(ctx context.Context) (T, error)) (T, error) {
	done := f.group.DoChan(key, func() (_ any, err error) {
		// It runs in a goroutine of its own, where nothing else would keep a panic from ending the process.
		defer func() {
			if r := recover(); r != nil {
				err = fmt.Errorf("the call %w", Panicked(r))
			}
		}()
		return call(context.WithoutCancel(ctx))
	})
	select {
	case result := <-done:
		v, _ := result.Val.(T)
		return v, result.Err
	case <-ctx.Done():
		var none T
		return none, ctx.Err()
	}
}

// Forget has those who ask from now on begin a call of their own: what one under way gives is too old for them.
func (f *Flight[T]) Forget(key string) { f.group.Forget(key) }

// Panicked turns what recover gave into an error that goes on a sentence: "panicked with …". The value thrown may hold anything, so only the runtime's own errors are told.
func Panicked(r any) error {
	if told, ok := r.(runtime.Error); ok {
		return fmt.Errorf("panicked: %w", told)
	}
	return fmt.Errorf("panicked with %T", r)
}
