package merchantapi

import (
	"context"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"tieout/internal/fault"
	"tieout/internal/paycore"
	"tieout/internal/settlement"
)

// BankAccount is where a bank sends money.
type BankAccount struct {
	Name    string `json:"name" minLength:"1" maxLength:"120" doc:"Of its owner."`
	Account string `json:"account" minLength:"1" maxLength:"64" doc:"Answers show the last four characters alone."`
	Bank    string `json:"bank" minLength:"1" maxLength:"64" doc:"Code of the bank."`
}

// NewTransfer is money that goes from the merchant's wallet to another wallet,
// or to a bank account.
type NewTransfer struct {
	AmountMinor int64        `json:"amount_minor" minimum:"1"`
	Currency    string       `json:"currency" pattern:"^[A-Z]{3}$" example:"CNY"`
	FromPayment string       `json:"from_payment,omitempty" maxLength:"64" doc:"A payment of the merchant whose whole amount is moved, in place of money of his wallet; it is then neither settled nor refunded."`
	To          string       `json:"to,omitempty" maxLength:"64" doc:"Who holds the other wallet."`
	Payee       *BankAccount `json:"payee,omitempty" doc:"In place of to: a receiver outside."`
}

// NewWithdrawal is money of the merchant's wallet that goes to the account of
// his contract.
type NewWithdrawal struct {
	AmountMinor int64  `json:"amount_minor" minimum:"1"`
	Currency    string `json:"currency" pattern:"^[A-Z]{3}$" example:"CNY"`
}

// Transfer is a transfer or a withdrawal as it stands.
type Transfer struct {
	Number      string       `json:"number"`
	AmountMinor int64        `json:"amount_minor"`
	Currency    string       `json:"currency"`
	To          string       `json:"to,omitempty"`
	Payee       *BankAccount `json:"payee,omitempty"`
	State       string       `json:"state" enum:"PROCESSING,SUCCESS,FAILED" doc:"PROCESSING: the bank has not said how it ended. FAILED may follow SUCCESS: it came back."`
	BankRef     string       `json:"bank_ref,omitempty" doc:"The bank's number, or why it failed."`
	CreatedAt   string       `json:"created_at" format:"date-time"`
	UpdatedAt   string       `json:"updated_at" format:"date-time"`
}

// TransferPath names a transfer or a withdrawal.
type TransferPath struct {
	Number string `path:"number" maxLength:"64"`
}

// The first letters of their numbers.
const (
	transferLetter   = "T"
	withdrawalLetter = "W"
)

func (s *Server) registerTransfers() {
	huma.Register(s.api, operation("transfer", http.MethodPost, "/v1/transfers", "Transfer money",
		"Moves money of the merchant's wallet to another wallet at once, or to a bank account: then it is set aside until the bank has answered."), s.transfer)
	huma.Register(s.api, operation("query_transfer", http.MethodGet, "/v1/transfers/{number}", "Query a transfer", "Shows a transfer."), s.queryMoved(transferLetter))
	huma.Register(s.api, operation("withdraw", http.MethodPost, "/v1/withdrawals", "Withdraw money",
		"Sends money of the merchant's wallet to the bank account of his contract. It is set aside until the bank has answered."), s.withdraw)
	huma.Register(s.api, operation("query_withdrawal", http.MethodGet, "/v1/withdrawals/{number}", "Query a withdrawal", "Shows a withdrawal."), s.queryMoved(withdrawalLetter))
}

func (s *Server) transfer(ctx context.Context, in *struct {
	Idempotent
	Body NewTransfer
},
) (*reply[Transfer], error) {
	c, err := s.admit(ctx, TransferOut)
	if err != nil {
		return nil, err
	}
	n, no := in.Body, number(transferLetter)
	if (n.To == "") == (n.Payee == nil) || n.FromPayment != "" && n.Payee != nil || strings.Contains(n.To, ":") {
		return nil, problem(c.lang, fault.New("E-6413", fault.V{"reason": "to, or payee, and of a payment to alone", "place": "body"}, nil))
	}
	switch {
	case n.Payee != nil:
		return s.payOutside(ctx, c, in.Key, no, n.AmountMinor, n.Currency, n.Payee, TransferOut)
	case n.FromPayment != "":
		p, err := s.payment(ctx, c, n.FromPayment)
		if err != nil {
			return nil, s.trouble(c, err)
		}
		if p.AmountMinor != n.AmountMinor || p.Currency != n.Currency {
			return nil, problem(c.lang, fault.New("E-6413", fault.V{"reason": "a payment is moved whole", "place": "body.amount_minor"}, nil))
		}
		return s.move(ctx, c, in.Key, no, TransferOut, paycore.Deposit{Number: no, PayNo: n.FromPayment, Account: paycore.Wallet(n.To)})
	}
	return s.move(ctx, c, in.Key, no, TransferOut, paycore.Transfer{Number: no, From: paycore.Wallet(c.merchant.ID), To: paycore.Wallet(n.To), AmountMinor: n.AmountMinor, Currency: n.Currency})
}

func (s *Server) withdraw(ctx context.Context, in *struct {
	Idempotent
	Body NewWithdrawal
},
) (*reply[Transfer], error) {
	c, err := s.admit(ctx, Withdraw)
	if err != nil {
		return nil, err
	}
	return s.payOutside(ctx, c, in.Key, number(withdrawalLetter), in.Body.AmountMinor, in.Body.Currency, nil, Withdraw)
}

// payOutside sets money aside that a bank shall pay, to the payee of the
// contract if no other is named. The payout file takes it from there, under the
// same number.
func (s *Server) payOutside(ctx context.Context, c *call, key, no string, minor int64, currency string, named *BankAccount, p Permission) (*reply[Transfer], error) {
	contract := c.merchant.Contract
	if contract == nil {
		return do(ctx, s, c, work[Transfer]{operation: p, key: key, subject: no, refused: fault.New("E-6429", fault.V{"merchant": c.merchant.ID}, nil)})
	}
	to := contract.Payee
	if named != nil {
		to = settlement.Payee(*named)
	}
	if why := to.Wrong(); why != "" {
		return nil, problem(c.lang, fault.New("E-6413", fault.V{"reason": why, "place": "body.payee"}, nil))
	}
	return s.move(ctx, c, key, no, p, paycore.Withdraw{Number: no, AccountKey: paycore.AccountKey{Name: paycore.Wallet(c.merchant.ID), Currency: currency},
		AmountMinor: minor, Bank: contract.Bank, Payee: to.Text()})
}

// move runs one command that makes a document, and shows the document.
func (s *Server) move(ctx context.Context, c *call, key, no string, p Permission, command paycore.Command) (*reply[Transfer], error) {
	return do(ctx, s, c, work[Transfer]{operation: p, key: key, subject: no, commands: []paycore.Command{command}, finish: s.finishMove(c.merchant.ID)})
}

// finishMove shows what is in the books.
func (s *Server) finishMove(merchant string) func(context.Context, string) (Transfer, error) {
	return func(ctx context.Context, no string) (Transfer, error) {
		d, err := s.books.DocumentOf(ctx, merchant, no)
		if err != nil {
			return Transfer{}, err
		}
		return transferView(d), nil
	}
}

func (s *Server) queryMoved(letter string) func(context.Context, *TransferPath) (*reply[Transfer], error) {
	return func(ctx context.Context, in *TransferPath) (*reply[Transfer], error) {
		c, err := s.admit(ctx, Query)
		if err != nil {
			return nil, err
		}
		d, err := s.books.DocumentOf(ctx, c.merchant.ID, in.Number)
		if err == nil && (d == nil || !strings.HasPrefix(d.Number, letter)) {
			err = fault.New("E-6416", fault.V{"number": fault.Quote(in.Number)}, nil)
		}
		if err != nil {
			return nil, s.trouble(c, err)
		}
		return &reply[Transfer]{http.StatusOK, transferView(d)}, nil
	}
}

func transferView(d *paycore.Document) Transfer {
	t := Transfer{Number: d.Number, AmountMinor: d.AmountMinor, Currency: d.AccountKey.Currency, State: string(d.State), BankRef: d.BankRef,
		CreatedAt: stamp(d.CreatedAt), UpdatedAt: stamp(d.UpdatedAt)}
	switch d.Kind {
	case paycore.TransferDoc:
		t.To = strings.TrimPrefix(d.About, paycore.Wallet(""))
	case paycore.DepositDoc:
		t.To = strings.TrimPrefix(d.AccountKey.Name, paycore.Wallet(""))
	case paycore.WithdrawalDoc:
		payee := BankAccount(settlement.ReadPayee(d.Payee).Masked())
		t.Payee = &payee
	}
	return t
}
