package paycore

import "cmp"

// Token stands for a wallet at a clearing organisation: the code that a payer
// shows at a merchant of the other side leads to it.
type Token struct {
	Number       string // ours; what the organisation is asked under, for ever
	Organisation string
	Wallet       string
	Currency     string
	Token        string // the organisation's; "" until it says
	State        State
	Version      int64 // 0 before it is stored
	CreatedAt    int64
	UpdatedAt    int64
}

// AccountKey names the wallet.
func (t *Token) AccountKey() AccountKey { return AccountKey{t.Wallet, t.Currency} }

// The states of a token. A debit is taken by an ACTIVE one alone: from the
// moment that its payer wants it unbound, there is none.
const (
	TokenApplying  State = "APPLYING"
	TokenActive    State = "ACTIVE"
	TokenRefused   State = "REFUSED"
	TokenUnbinding State = "UNBINDING"
	TokenUnbound   State = "UNBOUND"
)

// tokenMoves: what the organisation has not answered stays as it is. One that
// was unbound at the organisation's side is over, whatever we wanted of it.
var tokenMoves = machine{
	{None, TokenApplying, ByCore}:            true,
	{TokenApplying, TokenActive, ByAnswer}:   true,
	{TokenApplying, TokenRefused, ByAnswer}:  true,
	{TokenApplying, TokenUnbound, ByAnswer}:  true,
	{TokenActive, TokenUnbinding, ByCore}:    true,
	{TokenActive, TokenUnbound, ByAnswer}:    true,
	{TokenUnbinding, TokenUnbound, ByAnswer}: true,
}

// ApplyToken notes that a token is wanted for a wallet, before the organisation
// hears of it.
type ApplyToken struct {
	Number       string // unique for ever
	Organisation string
	AccountKey
	At int64 // UTC microseconds; 0 = now
}

// Reads implements Command.
func (c ApplyToken) Reads() Reads {
	return Reads{TokenNumber: c.Number, Accounts: []AccountKey{c.AccountKey}}
}

func (c ApplyToken) Complete(now int64, _ Rates) (Command, error) {
	c.At = cmp.Or(c.At, now)
	return c, nil
}

// Decide implements Command.
func (c ApplyToken) Decide(v View) (*Change, Result) {
	if t := v.Token; t != nil {
		if t.Organisation == c.Organisation && t.AccountKey() == c.AccountKey {
			return nil, Result{Already, t.State, ""}
		}
		return refuse(t.State, "number %s exists with other content", c.Number)
	}
	if c.Number == "" || c.Organisation == "" {
		return refuse(None, "a number and what it is about are needed")
	}
	if why := v.Accounts[c.AccountKey].refuses(c.AccountKey, func(c Controls) bool { return c.Pay }); why != "" {
		return refuse(None, "%s", why)
	}
	t := &Token{Number: c.Number, Organisation: c.Organisation, Wallet: c.Name, Currency: c.Currency, State: TokenApplying, CreatedAt: c.At, UpdatedAt: c.At}
	return &Change{Cause: ByCore, At: c.At, Token: t}, Result{Done, TokenApplying, ""}
}

// UnbindToken ends a token. From then on no debit is taken by it, whatever the
// organisation has heard yet.
type UnbindToken struct {
	Number string
	At     int64 // UTC microseconds; 0 = now
}

// Reads implements Command.
func (c UnbindToken) Reads() Reads { return Reads{TokenNumber: c.Number} }

func (c UnbindToken) Complete(now int64, _ Rates) (Command, error) {
	c.At = cmp.Or(c.At, now)
	return c, nil
}

// Decide implements Command.
func (c UnbindToken) Decide(v View) (*Change, Result) {
	t := v.Token
	switch {
	case t == nil:
		return refuse(None, "no token %s in the books", c.Number)
	case t.State == TokenUnbinding || t.State == TokenUnbound:
		return nil, Result{Already, t.State, ""}
	case !tokenMoves.allows(t.State, TokenUnbinding, ByCore):
		return refuse(t.State, "token %s is %s", c.Number, t.State)
	}
	return t.moved(TokenUnbinding, "", ByCore, c.At)
}

// AnswerToken is what the organisation says about a token.
type AnswerToken struct {
	Number string
	State  State  // ACTIVE, REFUSED or UNBOUND
	Token  string // with ACTIVE, and with UNBOUND of one that we never saw
	At     int64  // UTC microseconds; 0 = now
}

// Reads implements Command.
func (c AnswerToken) Reads() Reads { return Reads{TokenNumber: c.Number, TokenTaken: c.Token} }

func (c AnswerToken) Complete(now int64, _ Rates) (Command, error) {
	c.At = cmp.Or(c.At, now)
	return c, nil
}

// Decide implements Command.
func (c AnswerToken) Decide(v View) (*Change, Result) {
	t := v.Token
	switch {
	case t == nil:
		return refuse(None, "no token %s in the books", c.Number)
	case t.Token != "" && c.Token != "" && t.Token != c.Token:
		return refuse(t.State, "number %s exists with other content", c.Number)
	case t.State == c.State:
		return nil, Result{Already, t.State, ""}
	case !tokenMoves.allows(t.State, c.State, ByAnswer):
		return refuse(t.State, "token %s is %s", c.Number, t.State)
	case t.Token == "" && c.Token == "" && c.State != TokenRefused:
		return refuse(t.State, "a token is named by the organisation")
	case v.TokenOwner != "" && v.TokenOwner != c.Number:
		return refuse(t.State, "the token stands for another wallet")
	}
	return t.moved(c.State, c.Token, ByAnswer, c.At)
}

func (t *Token) moved(to State, token string, by Cause, at int64) (*Change, Result) {
	next := *t
	next.State, next.UpdatedAt = to, at
	if next.Token == "" {
		next.Token = token
	}
	return &Change{Cause: by, At: at, Token: &next}, Result{Done, to, ""}
}
