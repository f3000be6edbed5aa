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
	"tieout/internal/store"
)

// corefill puts payments into a site's own core, as the channels' answers would:
//
//	corefill data/tieout.db < lines
//
// with the lines "order MERCHANT NUMBER NOTIFY_URL MINOR TIME", "pay MERCHANT
// NUMBER ACCOUNT MINOR TIME" and "refund NUMBER PAYMENT MINOR TIME". The channel
// is WeChat Pay, and it keeps 0.6 %.
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
		when := at.UnixMicro()
		var commands []paycore.Command
		account := ""
		switch f[0] {
		case "order":
			commands = []paycore.Command{paycore.CreateOrder{Merchant: f[1], OrderNo: "O-" + f[2], NotifyURL: f[3], AmountMinor: minor, Currency: "CNY", At: when}}
		case "pay":
			account = f[3]
			commands = []paycore.Command{
				paycore.CreatePayment{Merchant: f[1], OrderNo: "O-" + f[2], PayNo: f[2], Channel: "wechat", Account: account, AmountMinor: minor, Currency: "CNY", TradeType: "JSAPI", At: when},
				paycore.MarkPaid{PayNo: f[2], ChannelRef: "420000182025112000" + strings.TrimLeft(f[2], "T"), AmountMinor: minor, Currency: "CNY", PaidAt: when, By: paycore.ByNotice}}
		default:
			commands = []paycore.Command{
				paycore.CreateRefund{RefundNo: f[1], PayNo: f[2], AmountMinor: minor, Currency: "CNY", At: when},
				paycore.MarkRefunded{RefundNo: f[1], ChannelRefundRef: "503000" + strings.TrimLeft(f[1], "R"), AmountMinor: minor, Currency: "CNY", DoneAt: when, By: paycore.ByAnswer}}
		}
		core := paycore.New(db, paycore.Rates{"wechat": {account: {PPM: 6000}}}, now)
		results, err := core.Do(context.Background(), commands...)
		if err != nil {
			return err
		}
		for _, r := range results {
			if r.Effect != paycore.Done {
				return fmt.Errorf("%s: %s %s", lines.Text(), r.Effect, r.Reason)
			}
		}
	}
	return lines.Err()
}

// download prints the statement that a merchant would download, and its
// SHA-256:
//
//	download MERCHANT DATE ACCOUNT
func download() {
	var cli CLI
	cli.Config = filepath.Join(os.Getenv("WORK"), "tieout.yaml")
	a := &app{cli: &cli, ctx: context.Background(), now: scriptClock(), out: os.Stdout, err: os.Stderr}
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
