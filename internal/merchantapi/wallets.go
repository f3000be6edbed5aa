package merchantapi

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"tieout/internal/fault"
	"tieout/internal/paycore"
)

// Wallet is what a holder has.
type Wallet struct {
	Holder   string          `json:"holder"`
	Balances []WalletBalance `json:"balances"`
}

// WalletBalance is a wallet in one currency, and what may be done with it.
type WalletBalance struct {
	Currency       string `json:"currency"`
	AvailableMinor int64  `json:"available_minor"`
	FrozenMinor    int64  `json:"frozen_minor" doc:"Set aside: by withdrawals that no bank has answered, by payments that wait, or by us."`
	Pay            bool   `json:"pay" doc:"It may pay orders."`
	Withdraw       bool   `json:"withdraw"`
	TransferIn     bool   `json:"transfer_in"`
	TransferOut    bool   `json:"transfer_out"`
	Active         bool   `json:"active" doc:"false: it is closed."`
	Frozen         bool   `json:"frozen" doc:"true: nothing goes in or out."`
}

// WalletPath names the holder of a wallet.
type WalletPath struct {
	Holder string `path:"holder" maxLength:"80" doc:"The merchant, or one that is named after him: M01.alice is of M01."`
}

func (s *Server) registerWallets() {
	huma.Register(s.api, operation("query_wallet", http.MethodGet, "/v1/wallets/{holder}", "Query a wallet",
		"Shows what a holder of the merchant has in each currency, and what may be done with it."), s.queryWallet)
}

func (s *Server) queryWallet(ctx context.Context, in *WalletPath) (*reply[Wallet], error) {
	c, err := s.admit(ctx, Query)
	if err != nil {
		return nil, err
	}
	var list []*paycore.Account
	if ofHis(c.merchant.ID, in.Holder) {
		list, err = s.books.Accounts(ctx, paycore.Wallet(in.Holder))
	}
	if err == nil && len(list) == 0 {
		err = fault.New("E-6416", fault.V{"number": fault.Quote(in.Holder)}, nil)
	}
	if err != nil {
		return nil, s.trouble(c, err)
	}
	w := Wallet{Holder: in.Holder}
	for _, a := range list {
		w.Balances = append(w.Balances, WalletBalance{a.Currency, a.AvailableMinor, a.FrozenMinor, a.Pay, a.Withdraw, a.TransferIn, a.TransferOut, a.Active, a.Frozen})
	}
	return &reply[Wallet]{http.StatusOK, w}, nil
}
