package main

import (
	"errors"
	"slices"

	"tieout/internal/fault"
	"tieout/internal/interop"
	"tieout/internal/paycore"
	"tieout/internal/signing"
)

// interopCmd is about payers of ours at merchants of the other side.
type interopCmd struct {
	List   interopListCmd   `cmd:"" help:"List tokens."`
	Debits interopDebitsCmd `cmd:"" help:"List what wallets paid by tokens, the newest first."`
	Apply  interopApplyCmd  `cmd:"" help:"Apply for a token of a wallet."`
	Unbind interopUnbindCmd `cmd:"" help:"End a token; from then on nothing is paid by it."`
	Day    interopDayCmd    `cmd:"" help:"Show what a day's debits and refunds came to, and what we owe the organisation."`
	Settle interopSettleCmd `cmd:"" help:"Propose to pay the organisation what we owe it at the end of a day; a second person approves by the same command."`
}

type interopListCmd struct {
	Holder string `arg:"" optional:"" help:"Holder of the wallet; default all."`
	Limit  int    `help:"At most so many." default:"1000"`
}

// tokenLine is what is printed of a token.
type tokenLine struct {
	Number       string `json:"number"`
	Organisation string `json:"organisation"`
	Wallet       string `json:"wallet"`
	Currency     string `json:"currency"`
	Token        string `json:"token,omitempty"`
	State        string `json:"state"`
	UpdatedAt    string `json:"updated_at"`
}

func tokenLineOf(t *paycore.Token) tokenLine {
	return tokenLine{t.Number, t.Organisation, t.Wallet, t.Currency, t.Token, string(t.State), moment(t.UpdatedAt)}
}

// Run is called by kong.
func (c *interopListCmd) Run(a *app) error {
	site, err := a.open()
	if err != nil {
		return err
	}
	defer site.close()
	list, err := site.db.Tokens(a.ctx, walletOf(c.Holder), c.Limit)
	if err != nil {
		return err
	}
	lines, shown := make([]tokenLine, len(list)), newTable()
	for i, t := range list {
		lines[i] = tokenLineOf(t)
		shown.add(t.Number, t.Organisation, t.Wallet, t.Currency, fault.Safe(t.Token, 64), string(t.State), moment(t.UpdatedAt))
	}
	if a.cli.JSON {
		return a.printJSON(lines)
	}
	return shown.print(a.out, "")
}

// walletOf names the wallet of a holder; "" of none.
func walletOf(holder string) string {
	if holder == "" {
		return ""
	}
	return paycore.Wallet(holder)
}

type interopDebitsCmd struct {
	Holder string `arg:"" optional:"" help:"Holder of the wallet; default all."`
	Limit  int    `help:"At most so many." default:"1000"`
}

// debitLine is what is printed of a debit.
type debitLine struct {
	Organisation  string `json:"organisation"`
	Number        string `json:"number"`
	Wallet        string `json:"wallet"`
	Payee         string `json:"payee"`
	State         string `json:"state"`
	Reason        string `json:"reason,omitempty"`
	AmountMinor   int64  `json:"amount_minor"`
	RefundedMinor int64  `json:"refunded_minor"`
	Currency      string `json:"currency"`
	CreatedAt     string `json:"created_at"`
}

// Run is called by kong.
func (c *interopDebitsCmd) Run(a *app) error {
	site, err := a.open()
	if err != nil {
		return err
	}
	defer site.close()
	list, err := site.db.Debits(a.ctx, walletOf(c.Holder), c.Limit)
	if err != nil {
		return err
	}
	lines, shown := make([]debitLine, len(list)), newTable(6, 7)
	for i, d := range list {
		lines[i] = debitLine{d.Organisation, d.Number, d.Wallet, d.Payee, string(d.State), string(d.Reason), d.AmountMinor, d.RefundedMinor, d.Currency, moment(d.CreatedAt)}
		shown.add(d.Organisation, d.Number, d.Wallet, fault.Safe(d.Payee, 40), string(d.State), string(d.Reason),
			a.amount(d.AmountMinor, d.Currency), a.amount(d.RefundedMinor, d.Currency), moment(d.CreatedAt))
	}
	if a.cli.JSON {
		return a.printJSON(lines)
	}
	return shown.print(a.out, "")
}

type interopApplyCmd struct {
	Holder       string `arg:"" help:"Holder of the wallet."`
	Currency     string `default:"CNY" help:"Currency of the wallet."`
	Organisation string `placeholder:"NAME" help:"Clearing organisation; default the only one."`
	Number       string `placeholder:"TEXT" help:"Number of the application, to carry one on; default a new one."`
	person
}

// Run is called by kong.
func (c *interopApplyCmd) Run(a *app) error {
	if c.Number == "" {
		c.Number = "TK" + signing.Nonce()
	}
	return a.onToken(c.person, c.Number, c.Organisation, func(t *interop.Tokens) (*paycore.Token, error) {
		return t.Apply(a.ctx, c.Number, paycore.AccountKey{Name: paycore.Wallet(c.Holder), Currency: c.Currency})
	})
}

type interopUnbindCmd struct {
	Number string `arg:"" help:"Number of the token, as listed."`
	person
}

// Run is called by kong.
func (c *interopUnbindCmd) Run(a *app) error {
	return a.onToken(c.person, c.Number, "", func(t *interop.Tokens) (*paycore.Token, error) { return t.Unbind(a.ctx, c.Number) })
}

// onToken does something with a token, at the organisation that it is of, or
// that is named for a new one. What the organisation has not answered
// stands in the books, and the server asks again.
func (a *app) onToken(p person, number, organisation string, do func(*interop.Tokens) (*paycore.Token, error)) error {
	return a.asPerson(p, func(s *site, who string) error {
		known, err := s.db.Token(a.ctx, number)
		if err != nil {
			return err
		}
		if known != nil && organisation == "" {
			organisation = known.Organisation
		}
		conf, err := s.interopWith(organisation)
		if err != nil {
			return err
		}
		all, err := s.newInterop(a.now, s.newCore(a.now))
		if err != nil {
			return err
		}
		with := all[slices.IndexFunc(all, func(x agreement) bool { return x.Organisation == conf.Organisation })]
		token, err := do(with.tokens)
		var unwanted *interop.Unwanted
		var unanswered *interop.Unanswered
		switch {
		case errors.As(err, &unwanted):
			return fault.New("E-6451", fault.V{"number": fault.Quote(number), "reason": unwanted.Reason}, nil)
		case errors.As(err, &unanswered):
			return fault.New("E-6452", fault.V{"number": number, "state": string(token.State)}, err)
		case err != nil:
			return err
		}
		a.result.Changed = "tokens"
		s.log.Info("token", "number", token.Number, "wallet", token.Wallet, "state", token.State, "by", who)
		if a.cli.JSON {
			return a.printJSON(tokenLineOf(token))
		}
		a.say(token.Number+" "+string(token.State), token.Number+" "+string(token.State))
		return nil
	})
}
