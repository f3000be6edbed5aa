package interop

import (
	"context"
	"errors"
	"fmt"

	"tieout/internal/crashpoint"
	"tieout/internal/paycore"
)

// TokenBooks keep tokens. The store implements it.
type TokenBooks interface {
	// Token returns nil if there is none.
	Token(ctx context.Context, number string) (*paycore.Token, error)
	// UnansweredTokens lists those that an organisation was asked about and has
	// not answered since a time (UTC microseconds), the oldest first.
	UnansweredTokens(ctx context.Context, organisation string, before int64, limit int) ([]*paycore.Token, error)
}

// Core runs commands; *paycore.Core does.
type Core interface {
	Do(ctx context.Context, commands ...paycore.Command) ([]paycore.Result, error)
}

// Tokens applies for the tokens of wallets, and ends them. What is wanted is in
// the books before the organisation hears of it, under a number of ours.
type Tokens struct {
	link   *Link
	client *Client
	core   Core
	books  TokenBooks
}

// NewTokens makes one.
func NewTokens(link *Link, client *Client, core Core, books TokenBooks) *Tokens {
	return &Tokens{link, client, core, books}
}

// Apply asks for a token of a wallet. The same number again carries on. With an
// error of Unanswered the token stands in the books, and Work asks again.
func (t *Tokens) Apply(ctx context.Context, number string, wallet paycore.AccountKey) (*paycore.Token, error) {
	return t.want(ctx, number, paycore.ApplyToken{Number: number, Organisation: t.link.Other, AccountKey: wallet})
}

// Unbind ends a token. No debit is taken by it from then on, whether or not the
// organisation has answered.
func (t *Tokens) Unbind(ctx context.Context, number string) (*paycore.Token, error) {
	token, err := t.books.Token(ctx, number)
	if err != nil {
		return nil, err
	}
	if token != nil && token.Organisation != t.link.Other {
		return nil, &Unwanted{"token " + number + " is of " + token.Organisation}
	}
	return t.want(ctx, number, paycore.UnbindToken{Number: number})
}

// Unanswered says that the organisation has not said what came of it.
type Unanswered struct{ Err error }

func (e *Unanswered) Error() string {
	return "the clearing organisation has not answered: " + e.Err.Error()
}
func (e *Unanswered) Unwrap() error { return e.Err }

// Unwanted says that the books refuse it; the organisation was not asked.
type Unwanted struct{ Reason string }

func (e *Unwanted) Error() string { return e.Reason }

func (t *Tokens) want(ctx context.Context, number string, c paycore.Command) (*paycore.Token, error) {
	results, err := t.core.Do(ctx, c)
	if err != nil {
		return nil, err
	}
	if results[0].Effect == paycore.Refused {
		return nil, &Unwanted{results[0].Reason}
	}
	token, err := t.books.Token(ctx, number)
	if err != nil {
		return nil, err
	}
	crashpoint.Hit("interop.token.wanted")
	if results[0].Effect == paycore.Done {
		err = t.ask(ctx, token)
	} else {
		err = t.find(ctx, token)
	}
	var failed *bookError
	if errors.As(err, &failed) {
		return nil, failed.error
	}
	if err != nil {
		err = &Unanswered{err}
	}
	token, rerr := t.books.Token(ctx, number)
	if rerr != nil {
		return nil, rerr
	}
	return token, err
}

// unansweredMost bounds one round of Work.
const unansweredMost = 1000

// Work asks about all tokens that the organisation has not answered for. One
// that goes wrong does not stop the others.
func (t *Tokens) Work(ctx context.Context) error {
	list, err := t.books.UnansweredTokens(ctx, t.link.Other, t.link.Now().UnixMicro(), unansweredMost)
	if err != nil {
		return err
	}
	var wrong []error
	for _, token := range list {
		if err := t.find(ctx, token); err != nil {
			wrong = append(wrong, fmt.Errorf("token %s: %w", token.Number, err))
		}
	}
	return errors.Join(wrong...)
}

// ask asks for what is wanted of a token, under its number.
func (t *Tokens) ask(ctx context.Context, token *paycore.Token) error {
	kind, wish := KindTokenApply, TokenWish{Number: token.Number, Currency: token.Currency}
	if token.State == paycore.TokenUnbinding {
		kind, wish = KindTokenUnbind, TokenWish{Number: token.Number, Token: token.Token}
	}
	var a TokenAnswer
	if err := t.client.Ask(ctx, kind, wish, &a); err != nil {
		return err
	}
	crashpoint.Hit("interop.token.asked")
	return t.hear(ctx, token, a)
}

// find asks how it stands with a token, and only then for what was never heard.
func (t *Tokens) find(ctx context.Context, token *paycore.Token) error {
	if token.State != paycore.TokenApplying && token.State != paycore.TokenUnbinding {
		return nil
	}
	var a TokenAnswer
	if err := t.client.Ask(ctx, KindTokenQuery, Query{token.Number}, &a); err != nil {
		return err
	}
	if a.Result == NotFound && token.State == paycore.TokenApplying || a.Result == string(paycore.TokenActive) && token.State == paycore.TokenUnbinding {
		return t.ask(ctx, token)
	}
	return t.hear(ctx, token, a)
}

// bookError is trouble of our own books, after an answer.
type bookError struct{ error }

// hear books what the organisation says about a token.
func (t *Tokens) hear(ctx context.Context, token *paycore.Token, a TokenAnswer) error {
	state := paycore.State(a.Result)
	switch {
	case a.Result == Processing:
		return nil
	case state != paycore.TokenActive && state != paycore.TokenRefused && state != paycore.TokenUnbound || a.Token != "" && !numberShape.MatchString(a.Token):
		return fmt.Errorf("the answer %.20q to a token is not one", a.Result)
	}
	results, err := t.core.Do(ctx, paycore.AnswerToken{Number: token.Number, State: state, Token: a.Token})
	if err != nil {
		return &bookError{err}
	}
	crashpoint.Hit("interop.token.booked")
	if r := results[0]; r.Effect == paycore.Refused {
		return errors.New(r.Reason)
	}
	return nil
}
