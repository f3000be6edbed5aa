package fetchers

import (
	"context"
	"errors"
	"io"
	"net"
	"syscall"

	"tieout/internal/fault"
)

// Class says when it makes sense to try again.
type Class uint8

// The classes of an error.
const (
	Permanent Class = iota + 1 // never by itself: a person must act (credentials, trust, a file that contradicts itself)
	Later                      // with the next attempt of the ladder, in minutes
	Temporary                  // at once, in seconds: the network hiccuped
)

func (c Class) String() string {
	return [...]string{"none", "permanent", "later", "temporary"}[c]
}

// As marks an error with a class. It keeps the text and the chain; nil stays
// nil. The outermost mark counts.
func As(class Class, err error) error {
	if err == nil {
		return nil
	}
	return &classed{class, err}
}

type classed struct {
	class Class
	err   error
}

func (c *classed) Error() string { return c.err.Error() }
func (c *classed) Unwrap() error { return c.err }

// ClassOf tells the class of an error: by its mark if it has one, otherwise by
// what it is. A fault goes by its exit code: not available yet (20), network
// retries used up (31) and busy (40) are Later, all others Permanent. Broken
// connections and time-outs are Temporary. A cancelled context and everything
// unknown is Permanent: repeating what is not understood does harm.
func ClassOf(err error) Class {
	var mark *classed
	var f *fault.Error
	switch marked, faulty := errors.As(err, &mark), errors.As(err, &f); {
	case marked && faulty && errors.Is(f, mark): // the fault is around the mark
		return classOfFault(f)
	case marked:
		return mark.class
	case faulty:
		return classOfFault(f)
	case errors.Is(err, context.Canceled):
		return Permanent
	case broken(err):
		return Temporary
	}
	return Permanent
}

func classOfFault(f *fault.Error) Class {
	switch f.Exit() {
	case 20, 31, 40:
		return Later
	}
	return Permanent
}

// broken tells whether err is a connection that ended, could not be made, or
// was silent for too long.
func broken(err error) bool {
	for _, known := range []error{io.ErrUnexpectedEOF, io.EOF, net.ErrClosed, context.DeadlineExceeded, syscall.ECONNRESET,
		syscall.ECONNREFUSED, syscall.ECONNABORTED, syscall.EPIPE, syscall.ETIMEDOUT, syscall.EHOSTUNREACH, syscall.ENETUNREACH} {
		if errors.Is(err, known) {
			return true
		}
	}
	var dns *net.DNSError
	if errors.As(err, &dns) {
		return true // also "no such host": a resolver in trouble says the same
	}
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}
