package main

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"tieout/internal/bizday"
	"tieout/internal/merchantapi"
	"tieout/internal/paycore"
	"tieout/internal/risk"
	"tieout/internal/settlement"
	"tieout/internal/store"
)

// corefill puts payments into a site's own core, as the channels' answers would:
//
//	corefill data/tieout.db < lines
//
// with the lines
//
//	order MERCHANT NUMBER NOTIFY_URL MINOR TIME
//	wait MERCHANT NUMBER ACCOUNT MINOR TIME
//	pay MERCHANT NUMBER ACCOUNT MINOR TIME
//	refund NUMBER PAYMENT MINOR TIME
//	deposit NUMBER PAYMENT HOLDER MINOR TIME
//	withdraw NUMBER HOLDER BANK MINOR TIME
//	split NUMBER MERCHANT PAYMENT RECEIVER MINOR TIME
//	judge PAYMENT MERCHANT PAYER MINOR TIME
//
// The channel is WeChat Pay, and it keeps 0.6 %. Risk judges by risk.yaml.
func corefill() {
	if err := fillCore(os.Args[1], scriptClock()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(70)
	}
}

func fillCore(path string, now func() time.Time) error {
	db, err := store.Open(context.Background(), path, now, true)
	if err != nil {
		return err
	}
	defer db.Close()
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		f := strings.Fields(lines.Text())
		if len(f) == 0 {
			continue
		}
		minor, err := strconv.ParseInt(f[len(f)-2], 10, 64)
		if err != nil {
			return err
		}
		at, err := time.Parse(time.RFC3339, f[len(f)-1])
		if err != nil {
			return err
		}
		switch f[0] {
		case "split":
			err = fillSplit(db, f[1], f[2], "O-"+f[3], f[4], minor)
		case "judge":
			err = fillRisk(db, risk.Facts{PayNo: f[1], Merchant: f[2], Payer: f[3], AmountMinor: minor, Currency: "CNY"})
		default:
			err = fillCommands(db, now, f[3], commandsOf(f, minor, at.UnixMicro()))
		}
		if err != nil {
			return fmt.Errorf("%s: %w", lines.Text(), err)
		}
	}
	return lines.Err()
}

// commandsOf is a line as commands.
func commandsOf(f []string, minor, at int64) []paycore.Command {
	create := paycore.CreatePayment{Merchant: f[1], OrderNo: "O-" + f[2], PayNo: f[2], Channel: "wechat", Account: f[3], AmountMinor: minor, Currency: "CNY", TradeType: "JSAPI", At: at}
	switch f[0] {
	case "order":
		return []paycore.Command{paycore.CreateOrder{Merchant: f[1], OrderNo: "O-" + f[2], NotifyURL: f[3], AmountMinor: minor, Currency: "CNY", At: at}}
	case "wait":
		return []paycore.Command{create}
	case "pay":
		return []paycore.Command{create,
			paycore.MarkPaid{PayNo: f[2], ChannelRef: "420000182025112000" + strings.TrimLeft(f[2], "T"), AmountMinor: minor, Currency: "CNY", PaidAt: at, By: paycore.ByNotice}}
	case "deposit":
		return []paycore.Command{paycore.Deposit{Number: f[1], PayNo: f[2], Account: paycore.Wallet(f[3]), At: at}}
	case "withdraw":
		payee := settlement.Payee{Name: "Shop One Ltd.", Account: "6222000011112222", Bank: "102"}
		return []paycore.Command{paycore.Withdraw{Number: f[1], AccountKey: paycore.AccountKey{Name: paycore.Wallet(f[2]), Currency: "CNY"}, AmountMinor: minor, Bank: f[3], Payee: payee.Text(), At: at}}
	}
	return []paycore.Command{
		paycore.CreateRefund{RefundNo: f[1], PayNo: f[2], AmountMinor: minor, Currency: "CNY", At: at},
		paycore.MarkRefunded{RefundNo: f[1], ChannelRefundRef: "503000" + strings.TrimLeft(f[1], "R"), AmountMinor: minor, Currency: "CNY", DoneAt: at, By: paycore.ByAnswer}}
}

func fillCommands(db *store.DB, now func() time.Time, account string, commands []paycore.Command) error {
	core := paycore.New(db, paycore.Rates{"wechat": {account: {PPM: 6000}}}, now)
	results, err := core.Do(context.Background(), commands...)
	if err != nil {
		return err
	}
	for _, r := range results {
		if r.Effect != paycore.Done {
			return fmt.Errorf("%s %s %s", r.Effect, r.State, r.Reason)
		}
	}
	return nil
}

// fillSplit asks for a split as a merchant does over the API; nothing is
// carried out yet.
func fillSplit(db *store.DB, number, merchant, orderNo, receiver string, minor int64) error {
	if err := db.AddReceiver(context.Background(), merchant, receiver, "supplier"); err != nil {
		return err
	}
	_, err := db.Split(context.Background(), settlement.SplitRequest{Number: number, Merchant: merchant, OrderNo: orderNo,
		Shares: []settlement.SplitShare{{Receiver: receiver, AmountMinor: minor}}}, &settlement.Contract{Merchant: merchant, Split: settlement.DefaultSplitTerms()})
	return err
}

// fillRisk has a payment judged as the desk does.
func fillRisk(db *store.DB, f risk.Facts) error {
	body, err := os.ReadFile(filepath.Join(os.Getenv("WORK"), "risk.yaml"))
	if err != nil {
		return err
	}
	rules, err := risk.Parse(body)
	if err != nil {
		return err
	}
	_, err = db.JudgeRisk(context.Background(), rules, f)
	return err
}

// download prints the statement that a merchant would download, and its
// SHA-256:
//
//	download MERCHANT DATE ACCOUNT
func download() {
	var cli CLI
	cli.Config = filepath.Join(os.Getenv("WORK"), "tieout.yaml")
	a := &app{cli: &cli, ctx: context.Background(), now: scriptClock(), networkOf: store.NetworkOf, out: os.Stdout, err: os.Stderr}
	if err := a.download(os.Args[1], os.Args[2], os.Args[3]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(70)
	}
}

func (a *app) download(merchant, day, account string) error {
	site, err := a.open()
	if err != nil {
		return err
	}
	defer site.close()
	date, err := bizday.Parse(day)
	if err != nil {
		return err
	}
	file, err := statements{site}.Statement(a.ctx, merchant, []merchantapi.Account{{Name: account}}, date)
	if err != nil {
		return err
	}
	defer file.Close()
	sum := sha256.New()
	if n, err := io.Copy(io.MultiWriter(a.out, sum), file); err != nil || n != file.Size || hex.EncodeToString(sum.Sum(nil)) != file.SHA256 {
		return fmt.Errorf("%d bytes of %d, digest %s: %w", n, file.Size, file.SHA256, err)
	}
	return nil
}
