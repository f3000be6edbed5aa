package channelsim

import "testing"

// BenchmarkMonth plays 30 days of 2,000 payments and writes every statement of
// them; notifications cost about a millisecond each on top.
func BenchmarkMonth(b *testing.B) {
	for b.Loop() {
		traffic, err := NewTraffic(month())
		if err != nil {
			b.Fatal(err)
		}
		s := &Sim{opt: Options{}, zone: traffic.zone, bill: newBilling(Options{Seed: 1}, traffic.zone)}
		s.opt.setDefaults()
		for d, ok := traffic.Next(); ok; d, ok = traffic.Next() {
			for _, op := range d.Ops {
				if op.Pay != nil {
					if _, err := s.bill.addPayments([]PayRequest{*op.Pay}, op.Pay.At); err != nil {
						b.Fatal(err)
					}
				}
				if op.Refund != nil {
					if _, err := s.bill.addRefunds([]RefundRequest{*op.Refund}); err != nil {
						b.Fatal(err)
					}
				}
			}
			sh := func(c string) sheet { return s.sheet(c, d.Date) }
			weChatTrade(sh(WeChat), "ALL")
			if _, _, err := alipayZip(sh(Alipay), "trade"); err != nil {
				b.Fatal(err)
			}
			if _, _, err := unionPayZip(sh(UnionPay)); err != nil {
				b.Fatal(err)
			}
			bankFile(sh(Bank))
		}
	}
}
