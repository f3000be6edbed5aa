package store

import (
	"context"
	"database/sql/driver"
	"errors"
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
	return &connection{sqliteConn: inner.(sqliteConn), writes: c.writes, idle: map[string]sqliteStmt{}}, nil
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
	idle   map[string]sqliteStmt // by query
}

// PrepareContext implements driver.ConnPrepareContext: it takes an idle
// statement, or makes one.
func (c *connection) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	if s := c.idle[query]; s != nil {
		delete(c.idle, query)
		return &statement{sqliteStmt: s, conn: c, query: query}, nil
	}
	s, err := c.sqliteConn.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	return &statement{sqliteStmt: s.(sqliteStmt), conn: c, query: query}, nil
}

// ExecContext implements driver.ExecerContext: a statement is taken for no
// longer than it runs, so that the next transaction of a group finds it idle.
func (c *connection) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	s, err := c.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	return s.(*statement).ExecContext(ctx, args)
}

// QueryContext implements driver.QueryerContext.
func (c *connection) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	s, err := c.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	r, err := s.(*statement).QueryContext(ctx, args)
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
	for _, s := range c.idle {
		s.Close()
	}
	return c.sqliteConn.Close()
}

// statement is a prepared statement in use.
type statement struct {
	sqliteStmt
	conn  *connection
	query string
}

// Close implements driver.Stmt: the statement becomes idle.
func (s *statement) Close() error {
	if s.conn.idle[s.query] != nil || len(s.conn.idle) == keptStatements {
		return s.sqliteStmt.Close()
	}
	s.conn.idle[s.query] = s.sqliteStmt
	return nil
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
	if !strings.HasPrefix(s.query, "SELECT") {
		s.conn.writes.Add(1)
	}
	return context.WithoutCancel(ctx)
}
