package store

import (
	"context"
	"database/sql/driver"
	"errors"
	"strconv"
	"strings"
	"sync/atomic"
)

// keptStatements bounds the prepared statements of one connection; the program
// has fewer.
const keptStatements = 256

// connector opens connections that keep their prepared statements, so that a
// short transaction does not spend most of its time on parsing.
type connector struct {
	driver.Connector
	// writes counts the statements that are not a plain SELECT, on the connection
	// that writes; nil on others. Where all are short, one that has begun is not
	// interrupted: to be able to costs a goroutine a statement.
	writes *atomic.Int64
}

// Connect implements driver.Connector.
func (c connector) Connect(ctx context.Context) (driver.Conn, error) {
	inner, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return &connection{sqliteConn: inner.(sqliteConn), writes: c.writes, kept: map[string]*statement{}}, nil
}

// What the driver's connection and statement can do.
type (
	sqliteConn interface {
		driver.Conn
		driver.ConnPrepareContext
		driver.ConnBeginTx
		driver.Pinger
		driver.SessionResetter
		driver.Validator
	}
	sqliteStmt interface {
		driver.Stmt
		driver.StmtExecContext
		driver.StmtQueryContext
	}
)

// connection is used by one goroutine at a time, as database/sql promises.
type connection struct {
	sqliteConn
	writes *atomic.Int64
	kept   map[string]*statement // by query
	args   []driver.NamedValue   // of the statement that runs; see direct.go
}

// PrepareContext implements driver.ConnPrepareContext.
func (c *connection) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	return c.take(ctx, query)
}

// take takes the statement that is kept, unless it is in use, or makes one. Who
// does not wait any more gets none.
func (c *connection) take(ctx context.Context, query string) (*statement, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	kept := c.kept[query]
	if kept != nil && !kept.used {
		kept.used = true
		return kept, nil
	}
	inner, err := c.sqliteConn.PrepareContext(ctx, positional(query))
	if err != nil {
		return nil, err
	}
	s := &statement{sqliteStmt: inner.(sqliteStmt), conn: c, plain: strings.HasPrefix(query, "SELECT"), used: true}
	if kept == nil && len(c.kept) < keptStatements {
		c.kept[query], s.kept = s, true
	}
	return s, nil
}

// positional writes $1, $2, … as ?, where each stands once and in its order. For
// one with a name, the driver compares that name with the number of every argument.
func positional(query string) string {
	parts := strings.Split(query, "$")
	for i, part := range parts[1:] {
		number := strconv.Itoa(i + 1)
		rest, found := strings.CutPrefix(part, number)
		if !found || rest != "" && '0' <= rest[0] && rest[0] <= '9' {
			return query
		}
		parts[i+1] = rest
	}
	return strings.Join(parts, "?")
}

// ExecContext implements driver.ExecerContext: a statement is taken for no
// longer than it runs, so that the next transaction of a group finds it idle.
func (c *connection) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	s, err := c.take(ctx, query)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	return s.ExecContext(ctx, args)
}

// QueryContext implements driver.QueryerContext.
func (c *connection) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	s, err := c.take(ctx, query)
	if err != nil {
		return nil, err
	}
	r, err := s.QueryContext(ctx, args)
	if err != nil {
		s.Close()
		return nil, err
	}
	return &rows{r, s}, nil
}

// rows gives its statement back when it is closed.
type rows struct {
	driver.Rows
	of driver.Stmt
}

// Close implements driver.Rows.
func (r *rows) Close() error { return errors.Join(r.Rows.Close(), r.of.Close()) }

// Prepare implements driver.Conn.
func (c *connection) Prepare(query string) (driver.Stmt, error) {
	return c.PrepareContext(context.Background(), query)
}

// Close implements driver.Conn.
func (c *connection) Close() error {
	for _, s := range c.kept {
		s.sqliteStmt.Close()
	}
	return c.sqliteConn.Close()
}

// statement is a prepared statement.
type statement struct {
	sqliteStmt
	conn  *connection
	plain bool // a SELECT, and nothing else
	kept  bool // for the next one who asks for it
	used  bool
}

// Close implements driver.Stmt.
func (s *statement) Close() error {
	if s.kept {
		s.used = false
		return nil
	}
	return s.sqliteStmt.Close()
}

// ExecContext implements driver.StmtExecContext.
func (s *statement) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	return s.sqliteStmt.ExecContext(s.begin(ctx), args)
}

// QueryContext implements driver.StmtQueryContext.
func (s *statement) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	return s.sqliteStmt.QueryContext(s.begin(ctx), args)
}

// begin counts the statement, and returns the context in which it runs.
func (s *statement) begin(ctx context.Context) context.Context {
	if s.conn.writes == nil {
		return ctx
	}
	if !s.plain {
		s.conn.writes.Add(1)
	}
	return context.Background()
}
