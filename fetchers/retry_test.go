package fetchers_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"tieout/fetchers"
	"tieout/fetchers/conformance"
	"tieout/internal/bizday"
	"tieout/internal/fault"
	"tieout/schemas"
)

var request = schemas.StatementRequest{Channel: "bank", Account: "80001", Date: bizday.Make(2026, 11, 20), Statement: "BANK"}

type sourceFunc func(ctx context.Context) (schemas.Fetched, error)

func (f sourceFunc) Fetch(ctx context.Context, _ schemas.StatementRequest, _ fetchers.Keep) (schemas.Fetched, error) {
	return f(ctx)
}

func TestClassOf(t *testing.T) {
	page := fault.New("E-3022", fault.V{}, io.ErrUnexpectedEOF)
	for _, c := range []struct {
		err  error
		want fetchers.Class
	}{
		{io.ErrUnexpectedEOF, fetchers.Temporary},
		{fmt.Errorf("read: %w", syscall.ECONNRESET), fetchers.Temporary},
		{&net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}, fetchers.Temporary},
		{&net.DNSError{Err: "no such host", IsNotFound: true}, fetchers.Temporary},
		{context.DeadlineExceeded, fetchers.Temporary},
		{context.Canceled, fetchers.Permanent},
		{errors.New("something"), fetchers.Permanent},
		{page, fetchers.Permanent}, // although its cause is a broken connection
		{fmt.Errorf("around: %w", page), fetchers.Permanent},
		{fault.New("E-3120", fault.V{}, io.EOF), fetchers.Later},
		{fault.New("E-4101", fault.V{}, nil), fetchers.Permanent}, // a full disk
		{fetchers.As(fetchers.Temporary, errors.New("come again")), fetchers.Temporary},
		{fetchers.As(fetchers.Later, io.EOF), fetchers.Later},
		{fetchers.As(fetchers.Temporary, page), fetchers.Temporary}, // the outermost word counts
		{fault.New("E-3022", fault.V{}, fetchers.As(fetchers.Temporary, io.EOF)), fetchers.Permanent},
	} {
		if got := fetchers.ClassOf(c.err); got != c.want {
			t.Errorf("%v: %s; want %s", c.err, got, c.want)
		}
	}
	if fetchers.As(fetchers.Temporary, nil) != nil {
		t.Error("nil did not stay nil")
	}
}

func TestRetryUntilItWorks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls, heard := 0, 0
		src := fetchers.Retry(sourceFunc(func(context.Context) (schemas.Fetched, error) {
			if calls++; calls < 4 {
				return schemas.Fetched{}, io.ErrUnexpectedEOF
			}
			return schemas.Fetched{State: schemas.FetchFetched}, nil
		}), fetchers.Policy{OnRetry: func(_ schemas.StatementRequest, _ error, wait time.Duration) {
			heard++
			if wait <= 0 || wait > 45*time.Second {
				t.Errorf("pause of %s", wait)
			}
		}})
		start := time.Now()
		got, err := src.Fetch(t.Context(), request, nil)
		if err != nil || got.State != schemas.FetchFetched || calls != 4 || heard != 3 {
			t.Errorf("state %s, error %v, %d calls, %d heard", got.State, err, calls, heard)
		}
		if took := time.Since(start); took < time.Second || took > time.Minute {
			t.Errorf("it took %s of pauses", took)
		}
	})
}

// Used-up retries are a fault of their own, that the ladder may repeat later.
func TestT02_RetriesUsedUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		src := fetchers.Retry(sourceFunc(func(context.Context) (schemas.Fetched, error) {
			calls++
			return schemas.Fetched{}, fmt.Errorf("read: %w", syscall.ECONNRESET)
		}), fetchers.Policy{})
		_, err := src.Fetch(t.Context(), request, nil)
		conformance.WantFault(t, err, "E-3120")
		if calls != 5 || fetchers.ClassOf(err) != fetchers.Later || !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("%d calls, class %s, %v", calls, fetchers.ClassOf(err), err)
		}
		for _, part := range []string{"bank", "80001", "2026-11-20", "5 times"} {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("%q is not in: %v", part, err)
			}
		}
	})
}

func TestRetryLeavesTheRest(t *testing.T) {
	for name, err := range map[string]error{
		"permanent": fault.New("E-3022", fault.V{}, nil), "later": fault.New("E-3121", fault.V{}, nil), "unknown": errors.New("odd"),
	} {
		calls := 0
		src := fetchers.Retry(sourceFunc(func(context.Context) (schemas.Fetched, error) {
			calls++
			return schemas.Fetched{}, err
		}), fetchers.Policy{Tries: 1 + 4})
		if _, got := src.Fetch(t.Context(), request, nil); got != err || calls != 1 {
			t.Errorf("%s: %v after %d calls", name, got, calls)
		}
	}
	answers := 0
	src := fetchers.Retry(sourceFunc(func(context.Context) (schemas.Fetched, error) {
		answers++
		return schemas.Fetched{State: schemas.FetchNotReady}, nil
	}), fetchers.Policy{})
	if got, err := src.Fetch(t.Context(), request, nil); err != nil || got.State != schemas.FetchNotReady || answers != 1 {
		t.Errorf("NOT_READY is an answer: %v, %v, %d calls", got, err, answers)
	}
}

// A last try that fails for good is not hidden behind the counting.
func TestRetryLastTryPermanent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		refused := fault.New("E-3022", fault.V{}, nil)
		calls := 0
		src := fetchers.Retry(sourceFunc(func(context.Context) (schemas.Fetched, error) {
			if calls++; calls < 2 {
				return schemas.Fetched{}, io.EOF
			}
			return schemas.Fetched{}, refused
		}), fetchers.Policy{Tries: 2})
		if _, err := src.Fetch(t.Context(), request, nil); err != refused {
			t.Errorf("got %v", err)
		}
	})
}

func TestRetryCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		src := fetchers.Retry(sourceFunc(func(context.Context) (schemas.Fetched, error) {
			time.AfterFunc(100*time.Millisecond, cancel)
			return schemas.Fetched{}, io.EOF
		}), fetchers.Policy{First: time.Hour, Max: time.Hour, Total: 10 * time.Hour})
		start := time.Now()
		if _, err := src.Fetch(ctx, request, nil); !errors.Is(err, context.Canceled) || time.Since(start) > time.Second {
			t.Errorf("%v after %s", err, time.Since(start))
		}
	})
}
