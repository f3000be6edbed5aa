package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"reflect"
)

// What follows asks the driver itself, by sql.Conn.Raw, for the group that has
// the connection. A statement by sql.Tx has its arguments copied and converted
// one by one, and a goroutine started for each query: a fifth of what a payment
// takes.

// exec returns the number of rows that it changed.
func (c *connection) exec(ctx context.Context, query string, args []any) (int64, error) {
	s, err := c.take(ctx, query)
	if err != nil {
		return 0, err
	}
	defer s.Close()
	values, err := c.values(args)
	if err != nil {
		return 0, err
	}
	r, err := s.ExecContext(ctx, values)
	if err != nil {
		return 0, err
	}
	return r.RowsAffected()
}

// one scans a single row; false means that there is none.
func (c *connection) one(ctx context.Context, query string, args, into []any) (found bool, err error) {
	s, err := c.take(ctx, query)
	if err != nil {
		return false, err
	}
	defer s.Close()
	values, err := c.values(args)
	if err != nil {
		return false, err
	}
	rows, err := s.QueryContext(ctx, values)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	row := make([]driver.Value, len(into))
	if err := rows.Next(row); err != nil {
		if errors.Is(err, io.EOF) {
			return false, nil
		}
		return false, err
	}
	for i, v := range row {
		if err := scan(into[i], v); err != nil {
			return false, fmt.Errorf("column %d: %w", i, err)
		}
	}
	return true, nil
}

// values makes of args what the driver takes, until the next call.
func (c *connection) values(args []any) ([]driver.NamedValue, error) {
	c.args = c.args[:0]
	for i, arg := range args {
		switch v := arg.(type) {
		case string, int64, []byte, nil:
		case int:
			arg = int64(v)
		default:
			var err error
			if arg, err = driver.DefaultParameterConverter.ConvertValue(arg); err != nil {
				return nil, fmt.Errorf("argument %d: %w", i+1, err)
			}
		}
		c.args = append(c.args, driver.NamedValue{Ordinal: i + 1, Value: arg})
	}
	return c.args, nil
}

// scan puts a column where it belongs, as database/sql does.
func scan(into any, v driver.Value) error {
	switch into := into.(type) {
	case *string:
		if s, ok := v.(string); ok {
			*into = s
			return nil
		}
	case *int64:
		if n, ok := v.(int64); ok {
			*into = n
			return nil
		}
	case *int:
		if n, ok := v.(int64); ok && int64(int(n)) == n {
			*into = int(n)
			return nil
		}
	case *bool:
		b, err := driver.Bool.ConvertValue(v)
		if err == nil {
			*into = b.(bool)
		}
		return err
	case sql.Scanner:
		return into.Scan(v)
	default: // a text with a type of its own
		if s, ok := v.(string); ok && reflect.TypeOf(into).Elem().Kind() == reflect.String {
			reflect.ValueOf(into).Elem().SetString(s)
			return nil
		}
	}
	return fmt.Errorf("a %T does not go into a %T", v, into)
}
